"""The protocol of ``docs/formats/repository.md`` as a machine with few states, of which every order of steps is tried.

A *pack* is a number; its content is a set of chunks, written as bits, as all sets here are. The *world* is what is
stored, and how far each writer, collector, reaper and settler has come. From a world each of them may take its next
step, whichever the others have taken; one that is never chosen again has crashed or sleeps. Attempt number 0 is an
old backup, which may be forgotten at any time; writer *i* makes attempt *i* + 1.

:class:`Rules` has a switch for every rule of the protocol. :func:`explore` goes through all worlds and returns the
first way that it finds to one in which a backup has lost a chunk, or in which nothing can ever be collected again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

A, B = 1, 2  # chunks
MOST_PACKS = 12

UNDECIDED, COMMITTED, ABORTED = range(3)


@dataclass(frozen=True)
class Rules:
    """What writers, collectors and reapers keep to. Each field that is not what it is by default breaks the
    protocol."""

    validate: bool = True
    """The writer looks again at packs and lists,"""
    root_first: bool = True
    """after it has published its root."""
    reread_roots: bool = True
    """The collector looks again at roots after it has published its list,"""
    complete_listings: bool = True
    """and sees all that are there."""
    rescue_by_moving: bool = True
    """It stores again what is needed again, instead of taking it off the list."""
    earlier_lists_only: bool = True
    """What it deletes besides was on lists that it had read before it looked again."""
    fresh_names: bool = True
    """No name of a pack is used twice."""
    own_lists: bool = True
    """No collector's list replaces another's."""
    one_decision: bool = True
    """An attempt is committed or aborted, never both (create-once)."""
    quarantine_writing: bool = True
    """Writers rely on no pack that is known to be damaged,"""
    quarantine_collecting: bool = True
    """and collectors do not take one for a copy if there is a good one."""
    markers: bool = False
    """The decision is made by markers instead: this switch breaks nothing."""
    writer_looks_back: bool = True
    """The writer looks for ``abort/`` after it has put ``ok/``."""
    reaper_looks_back: bool = True
    """The reaper looks for ``ok/`` after it has put ``abort/``."""
    final: bool = True
    """An abort is final by a tomb, and a commit by ``done/``; otherwise ``ok/`` and ``abort/`` alone decide."""


@dataclass(frozen=True)
class Cast:
    """Who takes part, and how it begins. ``packs``: what each holds; ``old``: chunks of the old backup; ``need``:
    chunks of the new ones; ``moves``: collectors move chunks out of packs that are used in part; ``damaged``: packs
    that a check has found to be so."""

    writers: int = 1
    collectors: int = 1
    packs: tuple[int, ...] = (A, A)
    old: int = A
    need: int = A
    moves: bool = False
    damaged: int = 0
    reapers: int = 2


class Writer(NamedTuple):
    step: str = "read lists"
    condemned: int = 0
    listed: int = 0


class Collector(NamedTuple):
    step: str = "read lists"
    condemned: int = 0
    need: int = 0
    listed: int = 0
    doomed: int = 0
    number: int = 0


class World(NamedTuple):
    """``content`` of all packs there ever were; ``stored``: those that exist; ``lists``: of collectors, by name;
    ``condemned``: their union; ``roots``, ``verdicts``, ``tombs``, ``ok``, ``abort``, ``done``: of attempts;
    ``reapers`` and ``settlers``: how far they have come with each attempt."""

    content: tuple[int, ...]
    stored: int
    condemned: int
    lists: tuple[int, ...]
    roots: int
    verdicts: tuple[int, ...]
    tombs: int
    ok: int
    abort: int
    done: int
    reapers: tuple[int, ...]
    settlers: tuple[int, ...]
    writers: tuple[Writer, ...]
    collectors: tuple[Collector, ...]


class Explored(NamedTuple):
    """How many worlds there are (until one was found that is wrong), what is wrong, and the way there."""

    worlds: int
    wrong: str
    trace: tuple[World, ...]


def bits(mask: int) -> Iterator[int]:
    number = 0
    while mask:
        if mask & 1:
            yield number
        mask >>= 1
        number += 1


def put(sequence: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*sequence[:index], value, *sequence[index + 1 :])


class Model:
    def __init__(self, rules: Rules, cast: Cast) -> None:
        self.rules = rules
        self.cast = cast

    def beginning(self) -> World:
        attempts = 1 + self.cast.writers
        packs = len(self.cast.packs)
        return World(
            self.cast.packs,
            (1 << packs) - 1,
            0,
            (),
            1 if self.cast.old else 0,
            (COMMITTED,) + (UNDECIDED,) * self.cast.writers,
            0,
            1,
            0,
            1,
            (0,) * attempts * self.cast.reapers,
            (0,) * attempts,
            (Writer(),) * self.cast.writers,
            (Collector(),) * self.cast.collectors,
        )

    def following(self, world: World) -> Iterator[World]:
        """All worlds that one step of anybody leads to."""
        if world.roots & 1 and not world.tombs & 1:
            yield world._replace(tombs=world.tombs | 1)
        for i in range(self.cast.writers):
            yield from self.writer(world, i)
        for i in range(self.cast.collectors):
            yield from self.collector(world, i)
        for attempt in range(1, 1 + self.cast.writers):
            if world.roots >> attempt & 1:
                yield from self.reap_by_markers(world, attempt) if self.rules.markers else self.reap(world, attempt)
                if self.rules.markers and self.rules.final:
                    yield from self.settle(world, attempt)

    def canonical(self, world: World) -> World:
        """The same with collectors, and the reapers of each attempt, in order: which is which makes no difference."""
        number = self.cast.reapers
        reapers: tuple[int, ...] = ()
        for start in range(0, len(world.reapers), number):
            reapers += tuple(sorted(world.reapers[start : start + number]))
        return world._replace(collectors=tuple(sorted(world.collectors)), reapers=reapers)

    # what stands stored

    def held(self, world: World, packs: int) -> int:
        """The chunks in ``packs``."""
        chunks = 0
        for pack in bits(packs):
            chunks |= world.content[pack]
        return chunks

    def verdict(self, world: World, attempt: int) -> int:
        """As a reader of the repository finds it."""
        if not self.rules.markers or attempt == 0:
            return world.verdicts[attempt]
        ok, abort, done, tomb = (mask >> attempt & 1 for mask in (world.ok, world.abort, world.done, world.tombs))
        if done or (ok and not abort and not self.rules.final):
            return COMMITTED
        if abort and not ok and not self.rules.final:
            return ABORTED
        return ABORTED if abort and tomb else UNDECIDED

    def needed(self, world: World, roots: int) -> int:
        """What the collector has to keep for ``roots``."""
        chunks = 0
        for attempt in bits(roots & ~world.tombs):
            if self.verdict(world, attempt) != ABORTED:
                chunks |= self.cast.need if attempt else self.cast.old
        return chunks

    def store(self, world: World, chunks: int) -> World | None:
        """With a new pack; None if there are too many to go on."""
        if not self.rules.fresh_names:
            for pack, content in enumerate(world.content):
                if content == chunks:
                    return world._replace(stored=world.stored | 1 << pack, condemned=world.condemned & ~(1 << pack))
        number = len(world.content)
        if number == MOST_PACKS:
            return None
        return world._replace(content=(*world.content, chunks), stored=world.stored | 1 << number)

    # writers

    def writer(self, world: World, i: int) -> Iterator[World]:
        me, rules, attempt = world.writers[i], self.rules, i + 1

        def go(step: str, world: World | None = world, **more: int) -> Iterator[World]:
            if world is not None:
                yield world._replace(writers=put(world.writers, i, me._replace(step=step, **more)))

        def missing(packs: int) -> int:
            if rules.quarantine_writing:
                packs &= ~self.cast.damaged
            return self.cast.need & ~self.held(world, packs)

        def store(packs: int, then: str) -> Iterator[World]:
            lacking = missing(packs)
            yield from go(then, self.store(world, lacking) if lacking else world, condemned=0, listed=0)

        match me.step:
            case "read lists":
                yield from go("store", condemned=world.condemned)
            case "store":
                yield from store(world.stored & ~me.condemned, "put root" if rules.root_first else "list packs")
            case "put root":
                after = "list packs" if rules.root_first and rules.validate else "decide"
                yield from go(after, world._replace(roots=world.roots | 1 << attempt))
            case "list packs":
                yield from go("read lists again", listed=world.stored)
            case "read lists again":
                yield from store(me.listed & ~world.condemned, "decide" if rules.root_first else "put root")
            case "decide" if rules.markers:
                after = "look for abort" if rules.writer_looks_back else "put done"
                yield from go(after, world._replace(ok=world.ok | 1 << attempt))
            case "look for abort":
                yield from go("failed" if world.abort >> attempt & 1 else "put done")
            case "put done":
                yield from go("ended", world._replace(done=world.done | 1 << attempt))
            case "decide":
                if not rules.one_decision or world.verdicts[attempt] == UNDECIDED:
                    yield from go("ended", world._replace(verdicts=put(world.verdicts, attempt, COMMITTED)))
                else:
                    yield from go("failed")

    # collectors

    def collector(self, world: World, i: int) -> Iterator[World]:
        me, rules = world.collectors[i], self.rules

        def go(step: str, world: World | None = world, **more: int) -> Iterator[World]:
            if world is not None:
                yield world._replace(collectors=put(world.collectors, i, me._replace(step=step, **more)))

        match me.step:
            case "read lists":
                yield from go("list roots", condemned=world.condemned, number=len(world.lists))
            case "list roots":
                yield from go("plan", need=self.needed(world, world.roots))
            case "plan":
                yield from self.plan(world, i, me)
            case "put list":
                again = "list roots again" if rules.reread_roots else "delete"
                yield from go(again, self.publish(world, me))
            case "list roots again":
                yield from go("list packs", need=self.needed(world, world.roots))
                if not rules.complete_listings:
                    for attempt in bits(world.roots):
                        yield from go("list packs", need=self.needed(world, world.roots & ~(1 << attempt)))
            case "list packs":
                yield from go("rescue", listed=world.stored)
            case "rescue":
                yield from self.rescue(world, i, me)
            case "delete":
                rest = me.doomed & world.stored
                if rest:
                    first = rest & -rest
                    yield from go("delete", world._replace(stored=world.stored & ~first), doomed=rest & ~first)
                else:
                    yield from go("ended", condemned=0, need=0, listed=0, doomed=0, number=0)

    def plan(self, world: World, i: int, me: Collector) -> Iterator[World]:
        """Condemn all packs but one for each needed chunk, whichever; perhaps after what that one holds was moved."""
        usable = world.stored & ~me.condemned
        for homes in self.homes(world, usable, me.need):
            planned = me._replace(step="put list", doomed=usable & ~homes, need=0)
            yield world._replace(collectors=put(world.collectors, i, planned))
            for home in bits(homes) if self.cast.moves else ():
                moved = self.store(world, world.content[home] & me.need)
                if moved is not None:
                    sparse = planned._replace(doomed=planned.doomed | 1 << home)
                    yield moved._replace(collectors=put(world.collectors, i, sparse))

    def homes(self, world: World, usable: int, need: int) -> set[int]:
        """All ways to choose a pack for each needed chunk; none if one is nowhere: then the collector stops."""
        ways = {0}
        for chunk in (A, B):
            if need & chunk:
                holders = [pack for pack in bits(usable) if world.content[pack] & chunk]
                if self.rules.quarantine_collecting:
                    holders = [pack for pack in holders if not self.cast.damaged >> pack & 1] or holders
                ways = {way | 1 << pack for way in ways for pack in holders}
        return ways

    def publish(self, world: World, me: Collector) -> World:
        """Put the list, if there is anything on it."""
        if not me.doomed:
            return world
        if self.rules.own_lists:
            return world._replace(condemned=world.condemned | me.doomed)
        lists = put(world.lists, me.number, me.doomed) if me.number < len(world.lists) else (*world.lists, me.doomed)
        union = 0
        for each in lists:
            union |= each
        return world._replace(lists=lists, condemned=union)

    def rescue(self, world: World, i: int, me: Collector) -> Iterator[World]:
        """Move what is needed and in no other pack, then delete; also what earlier collectors have left."""
        earlier = me.condemned if self.rules.earlier_lists_only else world.condemned
        doomed = me.doomed | (earlier & world.stored)
        good = me.listed & ~world.condemned
        if self.rules.quarantine_collecting:
            good &= ~self.cast.damaged
        lacking = me.need & ~self.held(world, good) & self.held(world, doomed & me.listed & ~self.cast.damaged)
        then = me._replace(step="delete", doomed=doomed, condemned=0, need=0, listed=0)
        if not lacking:
            yield world._replace(collectors=put(world.collectors, i, then))
        elif not self.rules.rescue_by_moving:
            back = next(pack for pack in bits(doomed) if world.content[pack] & lacking)
            then = then._replace(doomed=doomed & ~(1 << back))
            yield world._replace(condemned=world.condemned & ~(1 << back), collectors=put(world.collectors, i, then))
        elif lacking & ~self.held(world, doomed & world.stored):  # somebody has deleted it meanwhile: look again
            again = me._replace(step="list packs", listed=0)
            yield world._replace(collectors=put(world.collectors, i, again))
        else:
            moved = self.store(world, lacking)
            if moved is not None:
                yield moved._replace(collectors=put(world.collectors, i, then))

    # reapers, and who completes what others have begun to decide

    def reap(self, world: World, attempt: int) -> Iterator[World]:
        if world.verdicts[attempt] == UNDECIDED or (
            not self.rules.one_decision and world.writers[attempt - 1].step == "decide"
        ):
            yield world._replace(verdicts=put(world.verdicts, attempt, ABORTED))

    def reap_by_markers(self, world: World, attempt: int) -> Iterator[World]:
        for reaper in range(self.cast.reapers):
            place = attempt * self.cast.reapers + reaper
            match world.reapers[place]:
                case 0 if self.verdict(world, attempt) == UNDECIDED:
                    after = 1 if self.rules.reaper_looks_back else 2
                    yield world._replace(abort=world.abort | 1 << attempt, reapers=put(world.reapers, place, after))
                case 1:
                    after = 3 if world.ok >> attempt & 1 else 2
                    yield world._replace(reapers=put(world.reapers, place, after))
                case 2 if self.rules.final:
                    yield world._replace(tombs=world.tombs | 1 << attempt, reapers=put(world.reapers, place, 3))

    def settle(self, world: World, attempt: int) -> Iterator[World]:
        """Anybody who sees ``ok/`` and then no ``abort/`` completes the commit."""
        match world.settlers[attempt]:
            case 0 if world.ok >> attempt & 1:
                after = 2 if world.abort >> attempt & 1 else 1
                yield world._replace(settlers=put(world.settlers, attempt, after))
            case 1:
                yield world._replace(done=world.done | 1 << attempt, settlers=put(world.settlers, attempt, 2))

    # what must never be

    def wrong(self, world: World) -> str:
        """What is wrong with a world; empty if nothing is."""
        for attempt in bits(world.roots):
            forgotten = world.tombs >> attempt & 1
            verdict = self.verdict(world, attempt)
            reported = attempt and world.writers[attempt - 1].step == "ended"
            if reported and verdict != COMMITTED:
                return "a backup that was reported is none"
            lost = (self.cast.need if attempt else self.cast.old) & ~self.held(world, world.stored & ~self.cast.damaged)
            if lost and verdict == COMMITTED and (reported or not forgotten):
                return "a backup has lost a chunk"
            contradicted = (world.ok & world.abort) >> attempt & 1
            failed = attempt and world.writers[attempt - 1].step == "failed"
            if lost and verdict == UNDECIDED and failed and contradicted and not forgotten:
                return "a root that nobody can decide on lacks a chunk, which stops all collectors"
        return ""


def explore(rules: Rules, cast: Cast, limit: int = 20_000_000) -> Explored:
    """Every world that can be reached, until one is wrong."""
    model = Model(rules, cast)
    first = model.beginning()
    before: dict[World, World | None] = {first: None}
    queue = deque([first])
    while queue:
        world = queue.popleft()
        for following in map(model.canonical, model.following(world)):
            if following in before:
                continue
            before[following] = world
            wrong = model.wrong(following)
            if wrong:
                return Explored(len(before), wrong, trace(before, following))
            queue.append(following)
            if len(before) > limit:
                raise AssertionError(f"more than {limit} worlds")
    return Explored(len(before), "", ())


def trace(before: dict[World, World | None], world: World | None) -> tuple[World, ...]:
    way = []
    while world is not None:
        way.append(world)
        world = before[world]
    return tuple(reversed(way))
