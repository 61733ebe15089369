"""Decoders of typed documents, each made once.

msgspec readies a type when it is first decoded, and lets another thread use it half ready, which kills the process
(seen with 0.21, in two threads that read their first record in the same moment). So whoever decodes takes the decoder
from here, where they are made one at a time; ``msgspec.json.decode(…, type=…)`` and ``msgspec.convert`` are not used
elsewhere.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_making = threading.Lock()
_packed: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
_json: dict[Any, msgspec.json.Decoder[Any]] = {}


def msgpack_decoder(type: type[T]) -> msgspec.msgpack.Decoder[T]:
    """The decoder of MessagePack for ``type``."""
    found = _packed.get(type)
    if found is None:
        with _making:
            found = _packed[type] = msgspec.msgpack.Decoder(type)
    return found


def json_decoder(type: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of JSON for ``type``."""
    found = _json.get(type)
    if found is None:
        with _making:
            found = _json[type] = msgspec.json.Decoder(type)
    return found


def convert(found: object, type: type[T], **how: Any) -> T:
    """What ``msgspec.convert`` makes of something that was decoded already."""
    json_decoder(type)  # readies the type
    made: T = msgspec.convert(found, type, **how)
    return made
