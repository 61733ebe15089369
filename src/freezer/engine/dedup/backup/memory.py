"""What the next backup should know: gathered directory by directory, stored in groups."""

from __future__ import annotations

from freezer.engine.dedup.backup.earlier import Earlier
from freezer.repository import states
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.states import MARK, Known


class Memory:
    """Compares with what ``earlier`` has, so that a group in which nothing changed is not even encoded."""

    def __init__(self, earlier: Earlier, writer: ChunkWriter) -> None:
        self._earlier = earlier
        self._writer = writer
        self._directories: list[Known] = []

    def add(self, known: Known) -> None:
        """Remember a directory."""
        self._directories.append(known)

    def store(self) -> list[bytes]:
        """The ids of the state chunks, one for each group."""
        entries = sum(len(known.inodes) for known in self._directories) // MARK
        count = states.groups(len(self._directories), entries)
        groups: list[list[Known]] = [[] for _ in range(count)]
        for known in self._directories:
            groups[states.group_of(known.path, count)].append(known)
        before = self._earlier.state_ids
        if len(before) != count:
            return [self._put(group) for group in groups]
        sizes = self._earlier.group_sizes(count)
        return [
            id if self._is_same(group, sizes[number], id) else self._put(group)
            for number, (group, id) in enumerate(zip(groups, before, strict=True))
        ]

    def _is_same(self, group: list[Known], size: int, id: bytes) -> bool:
        known = self._earlier.known
        return len(group) == size and all(known(each.path) is each for each in group) and self._earlier.holds(id)

    def _put(self, group: list[Known]) -> bytes:
        return self._writer.store(Use.STATE, states.write(group))
