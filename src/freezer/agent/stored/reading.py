"""Reading stored levels with progress. Stored bytes are what is counted: their number is known before, and a download
limit limits the same."""

from __future__ import annotations

from collections.abc import Iterable

from freezer.agent.context import Context
from freezer.agent.stored.archive import Archive
from freezer.container.chain import StoredBackup
from freezer.progress import Progress
from freezer.storage.contract import Storage
from freezer.storage.wrapper import StorageWrapper


class CountedStorage(StorageWrapper):
    """``inner``; ``progress`` is told of every byte read."""

    def __init__(self, inner: Storage, progress: Progress) -> None:
        super().__init__(inner)
        self._progress = progress

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset, length)
        self._progress.advance(done_bytes=len(data))
        return data


def archive_bytes(levels: Iterable[StoredBackup]) -> int:
    """Bytes that the archives of ``levels`` take in the container."""
    return sum(part.size for level in levels for part in (level.segments or (level.data,)))


def begin_reading(context: Context, phase: str, archives: Iterable[Archive]) -> None:
    """A phase that reads the archives of all levels once."""
    context.progress.phase(phase, total_bytes=archive_bytes(archive.backup for archive in archives))
