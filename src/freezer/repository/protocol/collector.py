"""Collecting what no backup needs: plan first, execute second (``docs/formats/repository.md``, The collector).

Backups may begin, end and be forgotten at any time meanwhile, and other collectors may run; however old a plan is when
it is carried out, nothing is lost: what is needed again by then is moved before anything is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from freezer.errors import BusyError, DamagedError, ObjectNotFound, StorageFull
from freezer.progress import NoProgress, Notice, Progress
from freezer.repository.cache import Cache
from freezer.repository.documents import PackRecord
from freezer.repository.index.joining import join_parts
from freezer.repository.index.parts import part_of
from freezer.repository.names import PREFIX, Folder, Kind, new_id, numbered, owner_of
from freezer.repository.packs.moving import move_bundles
from freezer.repository.protocol import condemned, purging
from freezer.repository.protocol.deciding import Decider
from freezer.repository.protocol.judging import MAX_UNUSED, PackPlan, Step, judge
from freezer.repository.protocol.records import at_once
from freezer.repository.protocol.usage import Usage
from freezer.repository.protocol.view import View
from freezer.repository.store import Repository

_ROUNDS = 10  # times that other collectors may be quicker


class Plan(msgspec.Struct, frozen=True):
    """What a collector would do. ``view`` and ``usage`` are what it knows."""

    packs: Sequence[PackPlan]
    purge: purging.Purge
    view: View
    usage: Usage

    @property
    def moved(self) -> int:
        """Bytes that are moved."""
        return sum(pack.live for pack in self.packs if pack.step is Step.MOVE)

    @property
    def freed(self) -> int:
        """Bytes that there will be less."""
        return sum(pack.size for pack in self.packs if pack.step is not Step.KEEP) - self.moved

    def of(self, *steps: Step) -> list[str]:
        """The packs with one of these steps."""
        return [pack.name for pack in self.packs if pack.step in steps]


class Collected(msgspec.Struct, frozen=True):
    """What was done: packs deleted and how many bytes they had; bytes moved because packs were sparse; how many bundles
    were moved because a backup had come to need them; index parts and small objects removed."""

    deleted: list[str]
    deleted_bytes: int
    moved_bytes: int
    rescued: int
    parts: list[str]
    purged: list[str]


def plan(
    repository: Repository,
    decider: Decider,
    *,
    cache: Cache | None,
    notice: Notice,
    max_unused: float = MAX_UNUSED,
    budget: int | None = None,
    purge_after: float = purging.AFTER,
    progress: Progress | None = None,
) -> Plan:
    """Look at everything, change nothing. ``budget``: bytes that are moved at most; ``progress`` is told of this and of
    carrying it out. :class:`DamagedError` if anything that a backup needs is not there."""
    view = View(repository, decider, cache, notice, progress or NoProgress())
    usable = view.packs.keys() - view.condemned - view.unknown
    protected = view.standing.protected

    def rank(name: str) -> tuple[bool, bool]:
        return name in view.damaged, owner_of(name) not in protected

    usage = Usage(view.index, view.marks, usable, rank)
    plans = judge(view, usage, max_unused, budget)
    return Plan(plans, purging.plan(repository, view.standing, after=purge_after), view, usage)


def carry_out(repository: Repository, plan: Plan, *, notice: Notice, delay: float | None = None) -> Collected:
    """Do what is planned. ``delay``: seconds to wait after condemning, None for as long as the storage's listings may
    lag. :class:`BusyError` if another collector was quicker; then nothing is condemned yet."""
    collector, progress = _Collector(repository, new_id(repository.clock), plan.view), plan.view.progress
    moved = _moved(collector, plan, notice)
    doomed = plan.of(Step.CONDEMN) + moved
    if doomed:
        condemned.publish(repository, collector.id, doomed)
    doomed += plan.of(Step.DELETE)
    rescued, stay = 0, set[str]()
    if doomed:
        repository.clock.sleep(repository.storage.capabilities.list_delay if delay is None else delay)
        rescued, stay = collector.rescue(doomed, notice)
    deleted = [name for name in doomed if name not in stay]
    progress.phase("delete", total_items=len(deleted))
    for _ in at_once(repository.delete, deleted):
        progress.advance(done_items=1)
    progress.phase("tidy")
    parts = collector.tidy(deleted)
    purging.carry_out(repository, plan.purge)
    sizes = {pack.name: pack.size for pack in plan.packs}
    size = sum(sizes[name] for name in deleted)
    return Collected(deleted, size, plan.moved if moved else 0, rescued, parts, plan.purge.names)


def _moved(collector: _Collector, plan: Plan, notice: Notice) -> list[str]:
    """The packs of which everything that is needed was moved: all that are to be, or none if there is no room for that
    yet and others can be deleted first."""
    moved = plan.of(Step.MOVE)
    plan.view.progress.phase("move", total_bytes=plan.moved, total_items=len(moved))
    try:
        collector.move((name, plan.usage.live(name)) for name in moved)
    except ObjectNotFound:
        raise BusyError("another prune removes packs just now", hint="run prune again when it has ended") from None
    except StorageFull as error:
        if not plan.of(Step.CONDEMN, Step.DELETE):
            raise
        notice(f"{error.message}: nothing is rewritten before what nobody needs is deleted; the next prune does it")
        return []
    return moved


class _Collector:
    """A run, with the packs and index parts that it has put so far."""

    def __init__(self, repository: Repository, id: str, view: View) -> None:
        self.id = id
        self._repository = repository
        self._view = view
        self._packs = self._parts = 0

    def move(self, live: Iterable[tuple[str, Sequence[int]]]) -> None:
        """Copy bundles, by the names of their packs and their numbers in them, to new packs, and say where they are."""
        chosen = [(name, numbers) for name, numbers in live if numbers]
        if not chosen:
            return
        first = self._packs
        self._packs += sum(len(numbers) for _, numbers in chosen)  # no pack has less than a bundle: no name twice
        records = move_bundles(self._repository, self._described(chosen), self.id, first)
        name, part = Folder.INDEX + numbered(self.id, self._parts), part_of(records)
        self._parts += 1
        self._repository.put(Kind.INDEX, name, part)
        self._view.index.take(name, part)

    def _described(self, live: Iterable[tuple[str, Sequence[int]]]) -> Iterator[tuple[PackRecord, Sequence[int]]]:
        """What is moved of each pack, described when its turn comes."""
        for name, numbers in live:
            record = self._view.index.record(name)
            yield record, numbers
            done = sum(record.bundles[number].sealed for number in numbers)
            self._view.progress.advance(done_bytes=done, done_items=1)

    def rescue(self, doomed: Collection[str], notice: Notice) -> tuple[int, set[str]]:
        """Look at roots, packs and lists again, and move what is needed now and would be gone: how many bundles that
        were. What is in a damaged pack only cannot be moved; such packs are to stay."""
        for _ in range(_ROUNDS):
            self._view.again()
            wanted = self._wanted(doomed)
            there = [name for name in doomed if name in self._view.packs and name in self._view.index.packs]
            intact = [name for name in there if name not in self._view.damaged]
            chosen = [(name, self._holding(name, wanted)) for name in intact]
            stay = {name for name in there if name not in intact and self._holding(name, wanted)}
            if wanted:
                break
            try:
                self.move(chosen)
            except ObjectNotFound:
                continue  # another collector has moved and deleted it meanwhile
            for name in sorted(stay):
                notice(f"{PREFIX}{name} is condemned, but damaged, and a backup needs what is in it: it stays")
            return sum(len(numbers) for _, numbers in chosen), stay
        raise DamagedError(f"{self._repository.describe()} lacks chunks that a backup needs; nothing is deleted")

    def tidy(self, deleted: Collection[str]) -> list[str]:
        """Join small index parts, and delete those that nobody needs any more; their names."""
        index = self._view.index
        index.drop({*deleted, *self._view.gone()})
        join_parts(self._repository, index, self.id, self._parts)
        obsolete = sorted(index.obsolete())
        for _ in at_once(self._repository.delete, obsolete):
            pass
        return obsolete

    def _wanted(self, doomed: Collection[str]) -> set[int]:
        """The chunks, by number, that are reachable and in doomed packs, but in no good one."""
        view = self._view
        bad = view.condemned | view.damaged | frozenset(doomed)
        return view.only_in(doomed, view.packs.keys() - bad)

    def _holding(self, name: str, wanted: set[int]) -> list[int]:
        """The bundles of a pack that hold any of these; each chunk is taken from ``wanted`` only once."""
        index = self._view.index
        pack = index.packs[name]
        found = []
        for number in range(pack.bundles):
            chunks = wanted.intersection(index.many(index.bundle(pack, number).ids))
            if chunks:
                found.append(number)
                wanted -= chunks
        return found
