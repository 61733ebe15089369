"""The bytes of a pack: header, bundles, footer, trailer."""

from __future__ import annotations

import hmac
import struct

import msgspec

from freezer.crypto.contract import Buffer
from freezer.crypto.primitives import TAG_SIZE
from freezer.errors import DamagedError, UnknownFormat
from freezer.repository.documents import (
    BUNDLE_ID_SIZE,
    DIGEST_SIZE,
    HEAD_SIZE,
    ID_SIZE,
    WRAP_SIZE,
    Bundle,
    Footer,
    PackKind,
    decode,
    encode,
)
from freezer.repository.envelope import expand
from freezer.repository.ids import digest
from freezer.repository.names import PREFIX
from freezer.repository.packs.use import kind_of
from freezer.stream.zstandard import zstd

MAGIC = b"\x89FZPACK\n"
VERSION = 1
HEADER_SIZE = 256
TRAILER_SIZE = 16
PACK_SIZE = 24 * 1024 * 1024
"""Bytes of a new pack, unless told: a writer holds one that it fills and every one that is being uploaded."""

_HEAD = struct.Struct(">8sBB2xI")  # magic, version, kind, epoch
_TRAILER = struct.Struct(">II8s")  # bytes of the sealed footer, zero, magic
_DIGESTED = HEADER_SIZE - 32
_LARGEST_FOOTER = 1 << 30  # bytes that a footer may claim
LARGEST = {PackKind.DATA: 1 << 26, PackKind.META: 1 << 30}
"""Bytes of plaintext that a bundle may claim: of content it is a MiB, or one chunk; a tree may be large."""

_BUNDLE_COST, _CHUNK_COST = 80, ID_SIZE + 5  # bytes in a footer, at most


class Header(msgspec.Struct, frozen=True):
    """What a pack begins with. ``head``: its first 16 bytes; ``content`` and ``footer``: the wrapped keys."""

    kind: PackKind
    epoch: int
    head: bytes
    content: bytes
    footer: bytes


def head(kind: PackKind, epoch: int) -> bytes:
    """The first 16 bytes of a pack."""
    return _HEAD.pack(MAGIC, VERSION, kind, epoch)


def write_header(head: bytes, content: bytes, footer: bytes) -> bytes:
    """The :data:`HEADER_SIZE` bytes before the bundles."""
    start = (head + content + footer).ljust(_DIGESTED, b"\0")
    return start + digest(start)


def read_header(raw: Buffer, name: str) -> Header:
    """The header in the first bytes of the pack ``name``; :class:`DamagedError` or :class:`UnknownFormat` if there is
    none that we know."""
    start = bytes(memoryview(raw)[:HEADER_SIZE])
    if len(start) < HEADER_SIZE or not start.startswith(MAGIC):
        raise DamagedError(f"{PREFIX}{name} is damaged: it is no pack")
    _, version, kind, epoch = _HEAD.unpack_from(start)
    if not hmac.compare_digest(digest(start[:_DIGESTED]), start[_DIGESTED:]):
        raise DamagedError(f"{PREFIX}{name} is damaged: its header was altered")
    if version != VERSION or kind not in tuple(PackKind):
        raise UnknownFormat(
            f"{PREFIX}{name} is of version {version} and kind {kind}; this program knows version {VERSION}",
            hint="use a newer freezer-agent",
        )
    if kind != kind_of(name):
        raise DamagedError(f"{PREFIX}{name} is damaged: it is a pack of another kind")
    wraps = start[HEAD_SIZE : HEAD_SIZE + 2 * WRAP_SIZE]
    return Header(PackKind(kind), int(epoch), start[:HEAD_SIZE], wraps[:WRAP_SIZE], wraps[WRAP_SIZE:])


def write_trailer(footer_size: int) -> bytes:
    return _TRAILER.pack(footer_size, 0, MAGIC)


def read_trailer(raw: Buffer, name: str, size: int) -> int:
    """How many bytes the sealed footer has that stands before the last bytes ``raw`` of the pack ``name`` of ``size``
    bytes; :class:`DamagedError` if these are not the last of a pack."""
    last = bytes(memoryview(raw)[-TRAILER_SIZE:])
    footer_size, zero, magic = _TRAILER.unpack(last) if len(last) == TRAILER_SIZE else (0, 0, b"")
    if magic != MAGIC or zero or not TAG_SIZE < footer_size <= size - HEADER_SIZE - TRAILER_SIZE:
        raise DamagedError(f"{PREFIX}{name} is damaged: its end is missing")
    return int(footer_size)


def write_footer(footer: Footer) -> bytes:
    """What is sealed as a footer."""
    return zstd.compress(encode(footer), 1)


def footer_bound(bundles: int, chunks: int, moved_keys: int = 0) -> int:
    """Bytes that the sealed footer of so many bundles with so many chunks, and the trailer, have at most."""
    plain = 32 + bundles * _BUNDLE_COST + chunks * _CHUNK_COST + moved_keys * 256
    return plain + (plain >> 8) + 256 + TAG_SIZE + TRAILER_SIZE


def read_footer(plain: Buffer, name: str, end: int) -> Footer:
    """The footer in ``plain``, as :func:`write_footer` has made it, of the pack ``name`` whose bundles end at ``end``.
    :class:`DamagedError` unless it describes every byte between header and ``end``."""
    what = f"the footer of {PREFIX}{name}"
    footer = decode(expand(bytes(plain), _LARGEST_FOOTER, what), Footer, what)
    offset, kind = HEADER_SIZE, kind_of(name)
    for bundle in footer.bundles:
        check_bundle(bundle, kind, len(footer.keys), what)
        if bundle.offset != offset:
            raise DamagedError(f"{what} is damaged: its bundles do not follow one another")
        offset += bundle.sealed
    if offset != end:
        raise DamagedError(f"{what} is damaged: it describes {offset} bytes of {end}")
    return footer


def check_bundle(bundle: Bundle, kind: PackKind, keys: int, what: str) -> None:
    """:class:`DamagedError` unless the parts of a bundle's description fit together; ``keys`` is how many moved keys
    there are, ``kind`` that of the pack."""
    if (
        len(bundle.id) != BUNDLE_ID_SIZE
        or len(bundle.digest) != DIGEST_SIZE
        or len(bundle.ids) != ID_SIZE * len(bundle.lengths)
        or not TAG_SIZE <= bundle.sealed <= bundle.plain + TAG_SIZE
        or bundle.plain > LARGEST[kind]
        or sum(bundle.lengths) != bundle.plain
        or min(bundle.lengths, default=0) < 0
        or not 0 <= bundle.key <= keys
        or not 0 <= bundle.number < 1 << 64
    ):
        raise DamagedError(f"{what} is damaged: a bundle that cannot be")
