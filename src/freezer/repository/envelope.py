"""How documents become objects: encoded, compressed, sealed, and signed where it matters who wrote them.

``docs/formats/repository.md``, section Envelopes. Nothing is believed before it was authenticated, and nothing can be
passed off as something else: the kind and the name of an object are part of what it is sealed for.
"""

from __future__ import annotations

import os
import struct
from typing import TypeVar

from freezer.crypto import primitives
from freezer.errors import DamagedError, UnknownFormat
from freezer.repository.documents import Document, decode, encode
from freezer.repository.names import PREFIX, Kind
from freezer.stream.zstandard import zstd

MAGIC = b"\x89FZREPO\n"
VERSION = 1
_HEAD = struct.Struct(">8sB3xI")  # magic, version, epoch
_NONCE = 12
_TAG = 16
_PLAIN, _ZSTD = b"\0", b"\1"
_WORTH = 256  # bytes below which nothing is compressed
_LARGEST = 1 << 30  # bytes that a document may have

T = TypeVar("T")


def prefix(repository: bytes, kind: str, name: str) -> bytes:
    """What every associated data begins with."""
    return b"freezer repository 1\0" + repository + _label(kind, name)


def seal(key: bytes, repository: bytes, kind: Kind, name: str, document: Document, *, epoch: int) -> bytes:
    """The bytes of the object ``name``. ``key`` is the epoch's metadata key, or the role key for rings."""
    plain = encode(document)
    content = _ZSTD + zstd.compress(plain, 3) if len(plain) >= _WORTH else _PLAIN + plain
    head = _HEAD.pack(MAGIC, VERSION, epoch)
    nonce = os.urandom(_NONCE)
    associated = prefix(repository, kind, name) + head
    return head + nonce + primitives.seal(_object_key(key, kind, name), nonce, content, associated)


def epoch_of(data: bytes, name: str) -> int:
    """The epoch whose key opens an object; :class:`DamagedError` or :class:`UnknownFormat` if it is no envelope."""
    if len(data) < _HEAD.size + _NONCE + _TAG or not data.startswith(MAGIC):
        raise DamagedError(f"{PREFIX}{name} is damaged: it is no object of a repository")
    _, version, epoch = _HEAD.unpack_from(data)
    if version != VERSION:
        raise UnknownFormat(
            f"{PREFIX}{name} is of version {version}; this program knows version {VERSION}",
            hint="use a newer freezer-agent",
        )
    return int(epoch)


def open_(key: bytes, repository: bytes, kind: Kind, name: str, data: bytes, type: type[T]) -> T:
    """The document in an object; :class:`DamagedError` if it was altered, or is another object than ``name``."""
    epoch_of(data, name)
    head, nonce, sealed = data[: _HEAD.size], data[_HEAD.size : _HEAD.size + _NONCE], data[_HEAD.size + _NONCE :]
    content = primitives.unseal(_object_key(key, kind, name), nonce, sealed, prefix(repository, kind, name) + head)
    if content is None:
        raise DamagedError(f"{PREFIX}{name} is damaged, or is not what is expected there")
    if content[:1] == _ZSTD:
        plain = expand(content[1:], _LARGEST, f"{PREFIX}{name}")
    elif content[:1] == _PLAIN:
        plain = content[1:]
    else:
        raise UnknownFormat(f"{PREFIX}{name} is packed in a way that this program does not know")
    return decode(plain, type, f"{PREFIX}{name}")


def expand(frame: bytes | memoryview, most: int, what: str) -> bytes:
    """The content of one whole Zstandard frame that says how long it is, at most ``most`` bytes; otherwise
    :class:`DamagedError`."""
    decoder = zstd.ZstdDecompressor()
    try:
        size = zstd.get_frame_info(frame).decompressed_size
        if size is None or size > most:
            raise DamagedError(f"{what} is damaged: it claims a content of {size} bytes")
        plain = decoder.decompress(frame, size + 1)
    except zstd.ZstdError as error:
        raise DamagedError(f"{what} is damaged: {error}") from None
    if len(plain) != size or not decoder.eof or decoder.unused_data:
        raise DamagedError(f"{what} is damaged: it is not one frame of {size} bytes")
    return plain


def _object_key(key: bytes, kind: Kind, name: str) -> bytes:
    return primitives.expand(key, b"freezer object " + _label(kind, name))


def _label(kind: str, name: str) -> bytes:
    return kind.encode() + b"\0" + name.encode()
