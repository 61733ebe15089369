"""Taking over what the original keeps: repeatable, and counted again when it is done.

A second import brings records up to date that nobody has changed here since the first, and leaves the others alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec
from msgspec.structs import replace

from freezer.api.scope import Identity, Scope
from freezer.api.service.actions import wanted
from freezer.api.service.answers import body, document
from freezer.api.service.caller import Caller
from freezer.api.service.uses import job_terms
from freezer.api.store.contract import Kind, Record, Store, Terms, Unit
from freezer.api.store.terms import terms_of
from freezer.api.store.trusts import Trust
from freezer.api.store.weighing import recount
from freezer.api.upstream import records
from freezer.api.upstream.source import OWNED, Row, Source
from freezer.errors import DocumentError, FreezerError, UsageError

_AT_ONCE = 200
_SHOWN = 10
_ALL = Scope(None)
_KINDS = {
    "clients": Kind.CLIENT,
    "actions": Kind.ACTION,
    "sessions": Kind.SESSION,
    "jobs": Kind.JOB,
    "backups": Kind.BACKUP,
}


class Count(msgspec.Struct):
    """What became of the rows of one table. ``kept``: changed here since an earlier import. ``doubled``: clients whose
    name another one of the project has, which the original never answers with. ``joined``: rows that are part of the
    record of a job, or, of ``action_reports``, that say nothing."""

    table: str
    removed: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0
    doubled: int = 0
    joined: int = 0

    @property
    def rows(self) -> int:
        """All rows that the table has."""
        return self.removed + self.new + self.changed + self.same + self.kept + self.doubled + self.joined


class Import:
    """One import from ``source`` into ``store``; ``projects`` maps users to projects where rows have none.

    ``notices`` are things that somebody should look at.
    """

    def __init__(self, source: Source, store: Store, projects: Mapping[str, str], now: int) -> None:
        self._source = source
        self._store = store
        self._projects = projects
        self._now = now
        self._names: dict[object, str] = {}
        self._clients: dict[tuple[str, str], tuple[str, str]] = {}
        self._central: dict[str, tuple[str, str]] = {}
        self._actions: dict[str, list[str]] = defaultdict(list)
        self._trusted: dict[str, Row] = {}
        self._trusts: dict[str, Trust] = {}
        self.notices: list[str] = []

    def run(self) -> Sequence[Count]:
        """Import everything; UsageError before anything is written if a row belongs to no project."""
        self._check_projects()
        for row in sorted(self._source.rows("job_actions"), key=lambda row: (row["job_id"], row["position"])):
            self._actions[row["job_id"]].append(row["action_id"])
        for row in self._source.rows("user_credentials"):
            self._trusted[row["job_id"]] = row
        counts = [self._table(name) for name in OWNED]
        counts.extend(self._attached(name) for name in ("job_actions", "user_credentials", "action_reports"))
        if told := self._source.told_reports():
            self.notices.append(f"action_reports: {told} rows say something, which the original never shows: left out")
        return counts

    def _check_projects(self) -> None:
        lacking: dict[str, int] = defaultdict(int)
        for name in OWNED:
            for user, count in self._source.without_project(name).items():
                if user not in self._projects:
                    lacking[user] += count
        if lacking:
            shown = ", ".join(f"{user} ({lacking[user]})" for user in sorted(lacking)[:_SHOWN])
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise UsageError(
                f"{sum(lacking.values())} rows belong to no project, but to users: {shown}{more}",
                hint="name their projects in a file with lines 'USER PROJECT': --project-of-user FILE",
            )

    def _table(self, name: str) -> Count:
        count = Count(name, removed=self._source.removed(name))
        made = (self._made(name, row, count) for row in self._source.rows(name))
        found = (each for each in made if each is not None)
        verified = 0
        while batch := list(islice(found, _AT_ONCE)):
            outcomes = self._store.write(_writing(batch, self._trusts, self._now))
            self._trusts.clear()
            for outcome in outcomes:
                setattr(count, outcome, getattr(count, outcome) + 1)
            verified += self._store.read(_counting(batch))
        if verified != count.rows - count.removed - count.doubled:
            raise FreezerError(f"{name}: {verified} of {count.rows - count.removed} rows are there after the import")
        return count

    def _made(self, name: str, row: Row, count: Count) -> Record | None:
        project = row["project_id"] or self._projects[row["user_id"]]
        match name:
            case "clients":
                return self._client(row, project, count)
            case "actions":
                return self._checked(records.action(row, project))
            case "sessions":
                return records.session(row, project)
            case "jobs":
                return self._job(row, project)
            case _:
                return records.backup(row, project)

    def _client(self, row: Row, project: str, count: Count) -> Record | None:
        record = records.client(row, project, mapped=not row["project_id"])
        name = str(record.own["name"])
        first = self._names.setdefault((project, name, record.own["space"]), record.id)
        if first != record.id:
            count.doubled += 1
            self.notices.append(f"clients: {record.id} has the name of {first}, {name}: left out")
            return None
        self._clients.setdefault((project, name), (record.id, project))
        if record.own["central"]:
            self._central.setdefault(name, (record.id, project))
        return record

    def _job(self, row: Row, project: str) -> Record:
        client = self._clients.get((project, row["client_id"])) or self._central.get(row["client_id"])
        told = self._trusted.get(row["id"])
        trust = None if told is None else records.trust(told, project, self._now)
        if trust is not None:
            self._trusts[trust.id] = trust
        return records.job(row, project, self._actions[row["id"]], client, trust.id if trust else "")

    def _checked(self, record: Record) -> Record:
        try:
            wanted(record)
        except DocumentError as error:
            where = ".".join(str(each) for each in error.path)
            self.notices.append(f"actions: {record.id}: {where}: {error.message}; it is kept as it is")
        return record

    def _attached(self, name: str) -> Count:
        """Rows that became part of jobs, or of nothing."""
        return Count(name, removed=self._source.removed(name), joined=sum(1 for _ in self._source.rows(name)))


def _writing(batch: Sequence[Record], trusts: Mapping[str, Trust], now: int) -> Callable[[Unit], list[str]]:
    def work(unit: Unit) -> list[str]:
        known_trusts = unit.trusts.many(list(trusts))
        for id, trust in trusts.items():
            if id not in known_trusts:
                unit.trusts.insert(trust)
        known = unit.many(batch[0].kind, _ALL, [each.id for each in batch])
        return [_written(unit, each, known.get(each.id), now) for each in batch]

    return work


def _written(unit: Unit, record: Record, known: Record | None, now: int) -> str:
    if known is None:
        unit.insert(record, _terms(unit, record, now))
        _count(unit, None, record)
        return "new"
    if known.project_id != record.project_id:
        raise FreezerError(f"{record.kind.label} {record.id} is there already, in another project")
    if known.body == record.body:
        return "same"
    if not records.untouched(known):
        return "kept"
    new = replace(known, user_id=record.user_id, body=record.body, links=record.links, own=record.own)
    unit.update(new, _terms(unit, new, now))
    _count(unit, known, new)
    return "changed"


def _count(unit: Unit, before: Record | None, after: Record) -> None:
    """Let statistics know of a backup."""
    if after.kind is Kind.BACKUP:
        recount(unit, after.project_id, None if before is None else body(before), body(after))


def _terms(unit: Unit, record: Record, now: int) -> Terms:
    identity = Identity(record.user_id, record.project_id, frozenset())
    caller = Caller(identity, Scope(record.project_id), now)
    if record.kind is Kind.JOB:
        return job_terms(unit, caller, record)
    return terms_of(record.kind, document(unit, caller, record))


def _counting(batch: Sequence[Record]) -> Callable[[Unit], int]:
    def work(unit: Unit) -> int:
        found = unit.many(batch[0].kind, _ALL, [each.id for each in batch])
        return sum(1 for each in batch if each.id in found and found[each.id].project_id == each.project_id)

    return work


def read_projects(path: str) -> Mapping[str, str]:
    """The projects of users in a file with lines ``USER PROJECT``; UsageError with the line that is wrong."""
    try:
        with open(path, encoding="utf-8") as file:
            return dict(_pairs(path, file))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text") from None


def _pairs(path: str, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words and len(words) != 2:
            raise UsageError(f"{path}: line {number} has {len(words)} words; it must be USER PROJECT")
        if words:
            yield words[0], words[1]
