"""What reading and writing packs need to know of an index: where chunks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from freezer.repository.documents import Bundle, MovedKey, PackKind, PackRecord


class Pack(Protocol):
    """What is needed of a :class:`~freezer.repository.documents.PackRecord` to open a bundle of it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> PackKind: ...
    @property
    def epoch(self) -> int: ...
    @property
    def head(self) -> bytes: ...
    @property
    def wrap(self) -> bytes: ...
    @property
    def keys(self) -> Sequence[MovedKey]: ...


class Place(Protocol):
    """One copy of a chunk. ``bundle`` is the number of its bundle in the pack, ``entry`` that bundle's description
    (perhaps without its chunks); ``offset`` and ``length`` (bytes) say where it is in the bundle's plaintext."""

    @property
    def pack(self) -> Pack: ...
    @property
    def bundle(self) -> int: ...
    @property
    def entry(self) -> Bundle: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...


class Places(Protocol):
    """An index. Packs that must not be used (condemned, quarantined) are not in it."""

    def find(self, id: bytes) -> Place | None:
        """A copy of the chunk, None if there is none."""
        ...

    def places(self, id: bytes) -> Sequence[Place]:
        """All copies of it."""
        ...

    def add(self, record: PackRecord) -> None:
        """A pack was stored."""
        ...
