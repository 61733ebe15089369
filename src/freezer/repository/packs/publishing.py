"""Index parts: telling the repository what the packs of an attempt hold, as soon as they are stored."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from freezer.repository.documents import ID_SIZE, IndexPart, PackRecord
from freezer.repository.names import Folder, Kind, numbered
from freezer.repository.store import Repository

_MOST_CHUNKS = 1 << 16  # in a part, so that neither it nor what is kept for it grows large if chunks are tiny


class Publisher:
    """Puts a part after every ``most_bytes`` of packs, or ``most_seconds``; called by whichever thread stored one. What
    an attempt that dies had not published yet is found in the footers of its packs."""

    def __init__(self, repository: Repository, attempt: str, *, most_bytes: int, most_seconds: float) -> None:
        self._repository = repository
        self._attempt = attempt
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._waiting: list[PackRecord] = []
        self._bytes = self._chunks = 0
        self._since = repository.clock.monotonic()
        self._lock = threading.Lock()
        self._numbers = count()  # none is used again, even if putting the part failed
        self.names: list[str] = []

    def add(self, record: PackRecord) -> None:
        """A pack is stored."""
        with self._lock:
            self._waiting.append(record)
            self._bytes += record.size
            self._chunks += sum(len(bundle.lengths) for bundle in record.bundles)
            waited = self._repository.clock.monotonic() - self._since
            if waited >= self._most_seconds or self._bytes >= self._most_bytes or self._chunks >= _MOST_CHUNKS:
                self._put()

    def adopt(self, records: Iterable[PackRecord]) -> None:
        """Speak of these packs of others in the next part."""
        with self._lock:
            self._waiting.extend(records)

    def finish(self) -> None:
        """Put what no part speaks of yet."""
        with self._lock:
            if self._waiting:
                self._put()

    def _put(self) -> None:
        name = Folder.INDEX + numbered(self._attempt, next(self._numbers))
        self._repository.put(Kind.INDEX, name, index_part(self._waiting))
        self.names.append(name)
        self._waiting, self._bytes, self._chunks = [], 0, 0
        self._since = self._repository.clock.monotonic()


def index_part(records: Sequence[PackRecord]) -> IndexPart:
    """The part that speaks of these packs."""
    bounds = [bound for record in records for bundle in record.bundles for bound in _bounds(bundle.ids)]
    return IndexPart(list(records), min(bounds, default=b""), max(bounds, default=b""))


def _bounds(ids: bytes) -> Iterator[bytes]:
    """The least and the greatest of the joined ids."""
    each = [ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)]
    if each:
        yield min(each)
        yield max(each)
