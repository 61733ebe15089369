"""Hard links of one level: what they may be linked to, and those that must wait for a second reading."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.spill.table import Table


class Links:
    """Files that this level restored and that later hard links of it may name, and links to others.

    ``marked`` archives say which files have several links; of others every file must be kept in mind.
    """

    def __init__(self) -> None:
        self.marked = False
        self._written = Table()
        self._deferred = Table()  # target and number → path
        self._counts = Table()  # target → how many

    @property
    def deferred(self) -> bool:
        """Whether any link waits."""
        return bool(self._deferred)

    def written(self, path: bytes, target_path: bytes) -> None:
        """The level's file ``path`` is restored as ``target_path``."""
        self._written.put(path, target_path)

    def find(self, path: bytes) -> bytes | None:
        """As what the level's file ``path`` was restored."""
        return self._written.get(path)

    def defer(self, target: bytes, path: bytes) -> None:
        """``path`` shall be a link to the level's file ``target``, which was not restored."""
        count = int(self._counts.get(target) or 0)
        self._deferred.put(_key(target, count), path)
        self._counts.put(target, b"%d" % (count + 1))

    def take(self, target: bytes) -> list[bytes]:
        """The links to ``target``, in order; it has none after that."""
        count = int(self._counts.pop(target) or 0)
        return [self._deferred.pop(_key(target, number)) or b"" for number in range(count)]

    def left(self) -> Iterator[tuple[bytes, bytes]]:
        """Links to targets that were never taken, as (target, path)."""
        return ((key.rpartition(b"\0")[0], path) for key, path in self._deferred.items())

    def close(self) -> None:
        """Give memory and disk space back."""
        self._written.close()
        self._deferred.close()
        self._counts.close()


def _key(target: bytes, number: int) -> bytes:
    return b"%b\0%d" % (target, number)
