"""What a collector knows: how things stand, which packs there are, and what can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from freezer.errors import DamagedError, DataError, ObjectNotFound
from freezer.progress import Notice, Progress
from freezer.repository.cache import Cache
from freezer.repository.documents import PackKind, Root
from freezer.repository.index import Index
from freezer.repository.names import PREFIX
from freezer.repository.packs.describing import describe
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.protocol import condemned, quarantine, standing
from freezer.repository.protocol.deciding import Decider
from freezer.repository.protocol.existing import stored
from freezer.repository.protocol.reach import Reach
from freezer.repository.protocol.standing import Standing
from freezer.repository.store import Repository


class View:
    """Made, and looked at again, in the order that the protocol demands: condemned lists, roots, packs; later roots,
    packs, condemned lists.

    ``condemned``: what was so when this was looked at last; ``packs``: those that are there, with their sizes;
    ``unknown``: those among them of which nothing is known; ``damaged``: those that are quarantined, or not as long as
    they were; ``marks``: what is reachable, by number. ``progress`` is told of trees that are read."""

    def __init__(
        self, repository: Repository, decider: Decider, cache: Cache | None, notice: Notice, progress: Progress
    ) -> None:
        self.progress = progress
        self._repository = repository
        self._decider = decider
        self._cache = cache
        self._notice = notice
        self.condemned = condemned.load(repository, cache)
        self.damaged = quarantine.load(repository, cache, notice)
        self.standing = self._stand()
        self.index = Index.load(repository, condemned=(), cache=cache, notice=notice)
        self.packs = stored(repository, self.index.packs.keys() - self.condemned)
        self.index.drop(self.gone())
        self.unknown = self._learn()
        self._reader = PackReader(repository, self.index, cache=cache)
        self._reach = Reach(self.index, self._load)
        self._spared = Reach(self.index, self._load)
        self._walked: frozenset[str] = frozenset()
        metadata = (len(pack.copies) for pack in self.index.packs.values() if pack.kind is PackKind.META)
        progress.phase("trees", total_items=sum(metadata))
        self._walk()
        progress.complete()

    @property
    def marks(self) -> bytearray:
        if not self.standing.spared:
            return self._reach.marks
        one, other = sorted((self._reach.marks, self._spared.marks), key=len)
        return bytearray(a | b for a, b in zip(one.ljust(len(other), b"\0"), other, strict=True))

    def again(self) -> None:
        """Look again: at the roots, then at the packs that are there, then at what is condemned."""
        self.progress.phase("again")
        self.standing = self._stand()
        self.packs = stored(self._repository, self.index.packs.keys() - self.condemned)
        self.condemned = condemned.load(self._repository, self._cache)
        self.damaged = quarantine.load(self._repository, self._cache, self._notice)
        self.unknown = self._learn()
        self._walk()

    def gone(self) -> set[str]:
        """Packs that are known, but were condemned and deleted. Others that are not listed may have come too late."""
        return {name for name in self.index.packs if name in self.condemned and name not in self.packs}

    def only_in(self, packs: Iterable[str], good: Set[str]) -> set[int]:
        """The chunks, by number, that are reachable and in these packs, but in no ``good`` one."""
        index, marks = self.index, self.marks
        found: set[int] = set()
        for name in packs:
            pack = index.packs.get(name)
            for chunk in () if pack is None else index.many(index.ids(pack.copies)):
                if chunk < len(marks) and marks[chunk] and chunk not in found:
                    homes = (index.place(copy).pack.name for copy in index.copies(index.id(chunk)))
                    if good.isdisjoint(homes):
                        found.add(chunk)
        return found

    def _stand(self) -> Standing:
        return standing.look(self._repository, self._decider, self._cache, self._notice)

    def _learn(self) -> frozenset[str]:
        """Ask packs that no index part mentions; which of them do not answer. Such a pack is left alone."""
        unknown = set()
        for name in self.index.unlisted(self.packs):
            try:
                self.index.add(describe(self._repository, name))
            except ObjectNotFound:
                unknown.add(name)  # another collector was quicker
            except DataError as error:
                self._notice(error.message)
                unknown.add(name)
        known = self.index.packs
        cut = {name for name, size in self.packs.items() if name in known and known[name].size != size}
        self.damaged |= cut
        return frozenset(unknown)

    def _walk(self) -> None:
        """Everything that roots reach which count. :class:`DamagedError` if anything of it is not there: nothing is
        collected on incomplete knowledge."""
        new = self.standing.roots - self._walked
        spared = new & self.standing.spared
        self._reach.walk(self._roots(new - spared))
        if not self._reach.complete:
            raise DamagedError(
                f"{_first_gap(self._reach)}; nothing is collected while something is missing",
                hint="a backup that is under way may repair this; otherwise check the repository",
            )
        missing = self.index.packs.keys() - self.packs.keys()
        for name in sorted(missing):
            if not self.only_in([name], self.packs.keys()):
                continue
            raise DamagedError(f"{PREFIX}{name} is missing, though a backup needs it; nothing is collected")
        self._spared.walk(self._roots(spared))
        if not self._spared.complete:
            self._notice(f"a backup that is forgotten, but held: {_first_gap(self._spared)}")
        self._walked |= new

    def _roots(self, attempts: Iterable[str]) -> Iterator[Root]:
        return standing.read_roots(self._repository, self.standing, attempts, self._cache, self._notice)

    def _load(self, use: Use, id: bytes) -> bytes:
        self.progress.advance(done_items=1)
        return self._reader.chunk(use, id)


def _first_gap(reach: Reach) -> str:
    for id, problem in reach.unread.items():
        return f"a backup needs the tree or list {id.hex()}: {problem}"
    use, id = next((use, min(ids)) for use, ids in reach.missing.items() if ids)
    return f"a backup needs the {use.name.lower()} chunk {id.hex()}, which is in no pack"
