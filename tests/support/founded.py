"""Repositories in memory that are made, altered and opened."""

from __future__ import annotations

from freezer.repository.access.founding import Opener
from freezer.repository.names import PREFIX, Folder
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK

NOBODY = Opener()


def in_memory() -> MemoryStorage:
    """A new container."""
    return MemoryStorage(CLOCK)


def silent(line: str) -> None:
    """For notices that must not come."""
    raise AssertionError(line)


def flip(storage: MemoryStorage, name: str, at: int = -1) -> None:
    """Alter one bit of a byte of an object."""
    data = bytearray(storage.objects[name])
    data[at] ^= 1
    storage.objects[name] = bytes(data)


def names(storage: MemoryStorage, folder: Folder) -> list[str]:
    """What is in a folder of the repository, with the whole names."""
    return [name for name in sorted(storage.objects) if name.startswith(PREFIX + folder)]
