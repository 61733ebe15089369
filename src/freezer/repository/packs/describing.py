"""What a pack says of itself: header and footer, without its bundles."""

from __future__ import annotations

from freezer.crypto import primitives
from freezer.crypto.contract import Buffer
from freezer.crypto.primitives import TAG_SIZE
from freezer.errors import DamagedError
from freezer.repository.documents import PackRecord
from freezer.repository.envelope import prefix
from freezer.repository.keys.ring import Keys
from freezer.repository.names import PREFIX
from freezer.repository.packs import layout, wraps
from freezer.repository.packs.layout import HEADER_SIZE, TRAILER_SIZE
from freezer.repository.packs.wraps import Purpose
from freezer.repository.second_look import second_look
from freezer.repository.store import Repository

FOOTER_NONCE = bytes(12)
_TAIL = 64 * 1024  # bytes that are read from the end first: most footers are smaller


def describe(repository: Repository, name: str, size: int | None = None) -> PackRecord:
    """What the index would say of the stored pack ``name``, but for the digest of the whole, which is empty: bundles
    are not read. ``size``: bytes of the object, if they are known. :class:`DamagedError` if it is no intact pack."""
    return second_look(lambda: _described(repository, name, size))


def _described(repository: Repository, name: str, size: int | None) -> PackRecord:
    if size is None:
        size = repository.storage.stat(PREFIX + name).size
    start = repository.read(name, 0, HEADER_SIZE)
    end = _end(repository, name, size, min(size, _TAIL))
    needed = layout.read_trailer(end, name, size) + TRAILER_SIZE
    if needed > len(end):
        end = _end(repository, name, size, needed)
    return record_of(repository.keys, name, start, end, size)


def record_of(keys: Keys, name: str, start: Buffer, end: Buffer, size: int) -> PackRecord:
    """The same of the first and last bytes of a pack: header and footer at least."""
    header = layout.read_header(start, name)
    footer_end = len(end) - TRAILER_SIZE
    sealed = memoryview(end)[footer_end - layout.read_trailer(end, name, size) : footer_end]
    epoch = keys.epoch(header.epoch, f"{PREFIX}{name}")
    key = wraps.unwrap(header.footer, epoch, keys.repository, name, header.head, Purpose.FOOTER)
    plain = primitives.unseal(key, FOOTER_NONCE, sealed, prefix(keys.repository, "footer", name))
    if plain is None:
        raise DamagedError(f"the footer of {PREFIX}{name} is damaged")
    bundles_end = size - TRAILER_SIZE - len(sealed)
    footer = layout.read_footer(plain, name, bundles_end)
    return PackRecord(
        name, header.kind, size, b"", header.epoch, header.content, header.head, footer.keys, footer.bundles
    )


def _end(repository: Repository, name: str, size: int, length: int) -> bytes:
    end = repository.read(name, size - length, length)
    if len(end) != length or length < TRAILER_SIZE + TAG_SIZE:
        raise DamagedError(f"{PREFIX}{name} is damaged: it is shorter than it was")
    return end
