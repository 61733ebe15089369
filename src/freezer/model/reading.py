"""Reading documents whose type says all that may stand in them, so that checks and published schemas are one."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from freezer.decoding import convert
from freezer.errors import DocumentError

T = TypeVar("T")

_PLACE = re.compile(r"(?P<said>.*?)(?: - at (?:the key in )?`\$(?P<place>.*)`)?", re.DOTALL)
_LONGEST = 400  # characters of a message, which may repeat what was sent
_SOME_KEY = "[...]"  # msgspec does not tell which
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def read_form(value: object, form: type[T]) -> T:
    """``value`` as a ``form``; DocumentError with the path of the first thing that is wrong."""
    try:
        return convert(value, form)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        assert found is not None
        where = (found["place"] or "").lstrip(".")
        known = where.partition(_SOME_KEY)[0]
        path = tuple(name or int(place) for name, place in _STEP.findall(f".{known}" if known else ""))
        said = f"{where}: {found['said']}" if where else found["said"]
        raise DocumentError(" ".join(said.split())[:_LONGEST], path) from None
