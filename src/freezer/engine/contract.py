"""What every engine is given and gives back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from freezer.model.failures import Failures, rest
from freezer.model.items import ItemFailure


class Tree(msgspec.Struct, frozen=True):
    """A source on disk: a directory, or one file ``name`` in it.

    ``path`` is the directory's absolute path as bytes; ``name`` is None for a whole tree.
    """

    path: bytes
    name: bytes | None = None


class Summary(msgspec.Struct):
    """What one backup holds, counted while it was made (bytes are those of file contents).

    ``files`` to ``others`` count everything the backup describes, ``stored_*`` what this level carries itself.
    ``broken_links``, ``excluded`` and ``mount_points`` are printable paths relative to the source, at most
    :data:`LISTED` of each.
    """

    files: int = 0
    directories: int = 0
    links: int = 0
    others: int = 0
    bytes: int = 0
    stored_items: int = 0
    stored_bytes: int = 0
    sockets: int = 0
    broken_link_count: int = 0
    excluded_count: int = 0
    broken_links: list[str] = msgspec.field(default_factory=list)
    excluded: list[str] = msgspec.field(default_factory=list)
    mount_points: list[str] = msgspec.field(default_factory=list)
    failures: Failures = msgspec.field(default_factory=Failures)


LISTED = 1000
"""How many broken links or excluded paths a summary names at most."""


class BlockSink(Protocol):
    """Where an engine puts the bytes of an archive: blocks that it fills and gives back."""

    def acquire(self) -> bytearray:
        """An empty block to fill, of the size that suits the stages behind."""
        ...

    def submit(self, block: bytearray, used: int) -> None:
        """The first ``used`` bytes of ``block`` are the next bytes of the archive; the block is no longer the
        caller's."""
        ...


def pour(pieces: Iterable[bytes], sink: BlockSink) -> None:
    """Put all bytes into the blocks of ``sink``."""
    block, used = sink.acquire(), 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            if used == len(block):
                sink.submit(block, used)
                block, used = sink.acquire(), 0
            count = min(len(rest), len(block) - used)
            block[used : used + count] = rest[:count]
            used += count
            rest = rest[count:]
    if used:
        sink.submit(block, used)


class Source(Protocol):
    """Where an engine reads an archive from; every call raises ``DamagedError`` when bytes are missing or wrong."""

    def read_exact(self, size: int) -> bytes: ...

    def read_some(self, size: int) -> bytes | memoryview:
        """Up to ``size`` bytes, none at the end."""
        ...

    def skip(self, size: int) -> None: ...

    def at_hand(self) -> memoryview:
        """The bytes that come next, as many as are there without a copy, at least one unless it is the end; they are
        still to be read or skipped."""
        ...


class Restored(msgspec.Struct):
    """What a restore did.

    ``stale``: items brought back in an older version because the chosen level lacks them; ``absent``: items the chosen
    level lists but no level holds; ``failures``: items that could not be written.
    """

    files: int = 0
    directories: int = 0
    others: int = 0
    bytes: int = 0
    skipped: int = 0
    deleted: int = 0
    stale: Failures = msgspec.field(default_factory=Failures)
    absent: Failures = msgspec.field(default_factory=Failures)
    failures: Failures = msgspec.field(default_factory=Failures)

    def problems(self) -> Sequence[ItemFailure]:
        """Everything that is not as the backup says, with one line for what is only counted."""
        return (*self.failures, *self.stale, *rest(self.failures, self.stale))
