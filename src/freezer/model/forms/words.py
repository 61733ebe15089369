"""Words that the forms share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta

from freezer.model.checking import CLIENT, ID, MAX_NAME, MAX_NUMBER

Text = Annotated[str, Meta(max_length=MAX_NAME)]
Filled = Annotated[str, Meta(min_length=1)]
Id = Annotated[str, Meta(pattern=f"^{ID.pattern}$", max_length=MAX_NAME)]
ClientName = Annotated[str, Meta(pattern=f"^{CLIENT.pattern}$", max_length=MAX_NAME)]
Whole = Annotated[int, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Count = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Scalar = str | int | float | bool | None
Schema = Mapping[str, Any]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A document with keys that may be left out; ``SCHEMA`` is added to the schema that msgspec makes."""

    SCHEMA: ClassVar[Schema] = {}


def one_of(words: Iterable[object]) -> Meta:
    """What a type has to say of itself that is one of ``words``."""
    return Meta(extra_json_schema={"enum": list(words)})


def keys(form: type[msgspec.Struct]) -> frozenset[str]:
    """The keys that a form has."""
    return frozenset(form.__struct_encode_fields__)


def nullable(form: type[msgspec.Struct], name: str, about: str) -> Any:
    """``form`` for a change: every key may be null, which removes it."""
    fields = msgspec.structs.fields(form)
    return msgspec.defstruct(
        name,
        [(each.name, each.type | None, UNSET) for each in fields],
        namespace={"__doc__": about},
        forbid_unknown_fields=form.__struct_config__.forbid_unknown_fields,
        frozen=True,
        kw_only=True,
    )
