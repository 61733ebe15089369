"""What an agent remembers of a source to find what did not change (``docs/formats/repository.md``, section State).

It lies in the repository because it is worth as much as the backup it belongs to, and is no truth: without it
everything is read again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from freezer.repository.documents import Document, decode, encode

MARK = 8
"""Bytes of a ctime, and of an inode."""

_ENTRY = 2 * MARK
_DIRECTORY = 100  # bytes of a directory's record besides, about
_WANTED = 256 * 1024  # bytes of one state chunk, about
_MOST_GROUPS = 4096


class Known(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A directory as it was. ``path``: from the top of the source; ``tree``: id of its tree; ``digest``: of what could
    be seen of it without reading a file, empty if it must be looked at again in any case; ``ctimes`` and ``inodes``:
    :data:`MARK` bytes for each entry of the tree, by name, a ctime of 0 for what must be read again."""

    path: bytes
    tree: bytes
    digest: bytes
    ctimes: bytes
    inodes: bytes


class State(Document, frozen=True):
    """One group of directories, sorted by path."""

    directories: list[Known]


def groups(directories: int, entries: int) -> int:
    """Into how many groups the state of so many directories with so many entries is divided: a power of two."""
    wanted = (directories * _DIRECTORY + entries * _ENTRY) // _WANTED
    return min(1 << wanted.bit_length(), _MOST_GROUPS)


def group_of(path: bytes, count: int) -> int:
    """In which of ``count`` groups a directory is."""
    return zlib.crc32(path) & (count - 1)


def write(directories: Iterable[Known]) -> bytes:
    """The bytes of a state chunk: the same for the same directories."""
    return encode(State(sorted(directories, key=lambda known: known.path)))


def parse(raw: bytes) -> list[Known]:
    """The directories in a state chunk."""
    return decode(raw, State, "a state chunk").directories
