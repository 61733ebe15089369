"""Whether a repository is whole; with ``--read-data`` also whether every byte, or a share, is what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec.structs import replace

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import composed_of, wanted
from freezer.agent.dedup.listing import row_of
from freezer.agent.dedup.opening import Opened
from freezer.agent.dedup.witness import seen
from freezer.agent.places.holding import holdings
from freezer.agent.places.place import Place
from freezer.agent.result import Result, Table
from freezer.errors import DamagedError, DataError, ObjectNotFound, PermissionDenied
from freezer.model.inventory import Holding
from freezer.model.upkeep import Upkeep, verified
from freezer.repository.documents import PackKind, Root, State
from freezer.repository.index import Index
from freezer.repository.names import PREFIX, Folder, owner_of
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.records import at_once
from freezer.units import counted, format_size
from freezer.upkeep import verification
from freezer.upkeep.reading import Finding, Recorder, oldest_first, read_packs
from freezer.upkeep.structure import (
    UNREADABLE,
    Problem,
    check_chains,
    check_documents,
    check_index,
    check_packs,
    check_reach,
    check_roots,
)

_ROUNDS = 10  # times that packs may be moved while their content is looked for


def check_repository(context: Context, place: Place, found: Opened, *, both: bool) -> Result:
    """Look at everything there is; damage is no end of that, but makes the result a failure. ``both``: other backups of
    the container stand in the same table."""
    look = _Look(context, found)
    problems = [problem for problem in look.structure() if not look.vanished(problem)]
    findings = look.read()
    problems += [Problem(PREFIX + each.pack, each.reason, pack=each.pack) for each in findings if each.reason]
    problems += look.reach({problem.pack for problem in problems if problem.pack})
    look.record(findings, problems)
    result = _result(look, problems, findings, both=both)
    upkeep = _upkeep(context, place, look.backups, problems)
    return replace(result, upkeep=replace(upkeep, held=_held(context, place, look)))


def _upkeep(context: Context, place: Place, backups: Sequence[Backup], problems: Sequence[Problem]) -> Upkeep:
    reasons: dict[str, str] = {}
    for problem in problems:
        for backup in problem.backups:
            reasons.setdefault(backup, f"{problem.object}: {problem.reason}")
    way = "read-data" if context.settings.share("read_data") >= 1 else "check"
    found = {composed_of(place.section.container, backup): reasons.get(backup.attempt) for backup in backups}
    return verified(way, found)


def _held(context: Context, place: Place, look: _Look) -> tuple[Holding, ...]:
    return holdings(context, place, [row_of(look.found, backup, look.known) for backup in look.backups])


class _Look:
    """One look at a repository: the backups that were asked for, the packs that there are (bytes by name), and what is
    known of them."""

    def __init__(self, context: Context, found: Opened) -> None:
        self.context = context
        self.found = found
        self._look()
        self.known = verification.load(found.repository, found.cache, context.notice)
        self._recorder: Recorder | None = None

    def _look(self) -> None:
        self.history = seen(self.context, self.found)
        self.backups = wanted(self.context, self.history.backups())
        self.sizes = self._listed()
        self.index = Index.load(self.found.repository, notice=self.context.notice)
        self.unlisted = self.index.unlisted(self.sizes)
        self.index.complete(self.found.repository, self.sizes, self.context.notice)

    def _listed(self) -> dict[str, int]:
        repository = self.found.repository
        return {info.name: info.size for folder in (Folder.PACKS, Folder.META) for info in repository.list(folder)}

    def structure(self) -> Iterator[Problem]:
        repository, progress = self.found.repository, self.context.progress
        yield from check_documents(repository, progress)
        yield from check_index(repository, progress)
        yield from self._uncovered()
        yield from check_chains(self.history, self.found.local.heads(), self.context.clock.now())
        yield from check_packs(repository, self.index, self.sizes, progress)
        yield from check_roots(repository, self.backups, progress)

    def _uncovered(self) -> Iterator[Problem]:
        """Packs of backups of which a part of the index is lost. What an attempt has stored that has not ended yet, or
        a collector, need not be in it."""
        lost = [name for name in self.unlisted if owner_of(name) in self.history.commits]
        if lost:  # unless a prune removes them just now, and what spoke of them
            listed = self._listed()
            index = Index.load(self.found.repository, notice=self.context.notice)
            for name in index.unlisted(name for name in lost if name in listed):
                yield Problem(PREFIX + name, "the part of the index that spoke of it is lost; it tells of itself")

    def read(self) -> list[Finding]:
        """Read the share that is asked for."""
        progress = self.context.progress
        chosen = oldest_first(self.sizes, self.known.read, self.context.settings.share("read_data"))
        if not chosen:
            return []
        self._recorder = self._writing()
        reader = PackReader(self.found.repository, self.index)
        progress.phase("read", total_bytes=sum(self.sizes[name] for name in chosen), total_items=len(chosen))
        findings = []
        sizes = dict(self.sizes)
        for finding in read_packs(chosen, sizes, lambda name: _verify(reader, name), progress):
            if finding.state is State.MISSING and self.vanished(Problem(PREFIX + finding.pack, UNREADABLE)):
                continue
            findings.append(finding)
            if self._recorder is not None:
                self._recorder.add(finding)
        progress.complete()
        return findings

    def vanished(self, problem: Problem) -> bool:
        """Whether an object was removed since it was listed, as a prune does. Whether anything lacks it, the trees
        say."""
        name = problem.object.removeprefix(PREFIX)
        if problem.reason != UNREADABLE or self.found.repository.exists(name):
            return False
        self.sizes.pop(name, None)
        return True

    def reach(self, bad: set[str]) -> list[Problem]:
        """What of the backups is lost: in no pack that is there and was never found damaged. While a prune moves and
        removes packs, it is looked for again where they are now."""
        for _ in range(_ROUNDS):
            problems, before = self._reach(bad), self.sizes.keys()
            if not problems or before == self._listed().keys():
                break
            self._look()
        return problems

    def _reach(self, bad: set[str]) -> list[Problem]:
        index, progress = self.index, self.context.progress
        gone = {name for name in index.packs if name not in self.sizes}
        index.drop(gone | bad | self.known.quarantined.keys())
        reader = PackReader(self.found.repository, index)

        def load(use: Use, id: bytes) -> bytes:
            progress.advance(done_items=1)
            return reader.chunk(use, id)

        metadata = (len(pack.copies) for pack in index.packs.values() if pack.kind is PackKind.META)
        progress.phase("trees", total_items=sum(metadata))
        problems = list(check_reach(index, load, self.backups, self._roots))
        progress.complete()
        return problems

    def _roots(self, backups: Sequence[Backup]) -> Iterator[Root]:
        """Those that can be read: what is wrong with the others is told already."""

        def read(backup: Backup) -> Root | None:
            with suppress(DataError, ObjectNotFound):
                return backup.root(self.found.repository)
            return None

        return (root for root in at_once(read, backups) if root is not None)

    def record(self, findings: Sequence[Finding], problems: Sequence[Problem]) -> None:
        """Store what was found: which packs are damaged, and which backups are known to be intact now, or not."""
        told = {finding.pack for finding in findings}
        bad = [problem for problem in problems if problem.pack and problem.pack not in told]
        told_of = {backup for problem in problems for backup in problem.backups}
        suspect = told_of.intersection(backup.attempt for backup in self.backups)
        if (bad or suspect) and self._recorder is None:
            self._recorder = self._writing()
        if self._recorder is None:
            return
        for problem in bad:
            self._recorder.add(Finding(problem.pack, State.DAMAGED, problem.reason))
        read = {*self.known.read, *(each.pack for each in findings if each.state is State.INTACT)}
        complete = len(told) == len(self.sizes)
        good = self.sizes.keys() - self.known.quarantined.keys() - {problem.pack for problem in problems}
        intact = self._intact(read & good, good, suspect)
        self._recorder.store(complete=complete, backups=intact, damaged=sorted(suspect))

    def _intact(self, read: set[str], good: set[str], suspect: set[str]) -> Iterator[str]:
        """The backups of which all packs were read, or what of them is in others now: which those are is not known, so
        that takes that all ``good`` ones were read. In those is everything of backups that are not ``suspect``."""
        everything = good <= read
        for backup in self.backups:
            if backup.attempt in suspect:
                continue
            with suppress(DataError, ObjectNotFound):
                needs = backup.root(self.found.repository, self.found.cache).needs
                if everything or read.issuperset(needs):
                    yield backup.attempt

    def _writing(self) -> Recorder | None:
        """What stores findings, if our key may do that."""
        try:
            return Recorder(self.found.local.enter(self.found.repository, self.context.settings.text("hostname")))
        except PermissionDenied as error:
            self.context.notice(f"what is found is not stored: {error.message}")
            return None


def _verify(reader: PackReader, name: str) -> None:
    for _ in reader.whole(name):
        pass


def _result(looked: _Look, problems: Sequence[Problem], findings: Sequence[Finding], *, both: bool) -> Result:
    read = sum(looked.sizes.get(finding.pack, 0) for finding in findings)
    document = {
        "checked": len(looked.backups),
        "read_data": bool(findings),
        "packs": len(looked.sizes),
        "read_packs": len(findings),
        "read_bytes": read,
        "stored_bytes": sum(looked.sizes.values()),
        "problems": [
            {"object": each.object, "reason": each.reason, "backups": list(each.backups)} for each in problems
        ],
    }
    lines = [_summary(looked, findings, read)]
    if not problems:
        return Result(document=document, lines=[*lines, "No problems were found."])
    lines += ["Damaged objects are not relied on any more: the next backup stores again what it has of them."]
    rows = [(each.object, each.reason) for each in problems]
    return Result(
        document=document,
        table=Table(("backup" if both else "object", "problem"), rows),
        lines=lines,
        error=DamagedError(f"{counted(len(problems), 'problem')} found in {looked.found.repository.describe()}"),
    )


def _summary(looked: _Look, findings: Sequence[Finding], read: int) -> str:
    backups, packs = counted(len(looked.backups), "backup"), counted(len(looked.sizes), "pack")
    total = format_size(sum(looked.sizes.values()))
    if not findings:
        return f"{backups} checked, {packs} with {total}; none was read (--read-data does that)."
    return f"{backups} checked, {packs} with {total}; {format_size(read)} in {len(findings)} of them were read."
