"""One unit, over a buffer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.store.changes import CHANGED, MADE, REMOVED, changes_of
from freezer.api.store.contract import Change, Feed, Keep, Kind, Page, Query, Record, Remembered, Terms
from freezer.api.store.elastic import answers, feed
from freezer.api.store.elastic.audit import ElasticAudit
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted
from freezer.api.store.elastic.finding import find
from freezer.api.store.elastic.leases import ElasticLeases, ElasticRunLogs
from freezer.api.store.elastic.machines import ElasticEnrolments, ElasticNodeKeys
from freezer.api.store.elastic.operations import ElasticOperations
from freezer.api.store.elastic.quotas import ElasticQuotas
from freezer.api.store.elastic.records import document_of, own_key, record_of, seen, sees
from freezer.api.store.elastic.tallies import ElasticTallies
from freezer.api.store.elastic.trusts import ElasticTrusts
from freezer.api.store.known import Known

_NAME = "client_name"


class ElasticUnit:
    """A unit; ``known``: what the server's configuration adds to it; ``incarnation``: of the index."""

    def __init__(self, buffer: Buffer, known: Known, incarnation: int) -> None:
        self._buffer = buffer
        self._incarnation = incarnation
        self.operations = ElasticOperations(buffer)
        self.leases = ElasticLeases(buffer)
        self.logs = ElasticRunLogs()
        self.quotas = ElasticQuotas(buffer, known.quotas)
        self.audit = ElasticAudit(buffer)
        self.node_keys = ElasticNodeKeys(buffer)
        self.enrolments = ElasticEnrolments(buffer)
        self.trusts = ElasticTrusts(buffer, known.ring)
        self.tallies = ElasticTallies(buffer)
        self._told: list[Change] = []

    def settle(self, buffer: Buffer) -> None:
        """What is done last, in ``buffer``, and may be done again: to count what is there, and number what changed."""
        self.quotas.settle(buffer)
        feed.store_changes(buffer, self._told)

    def get(self, kind: Kind, scope: Scope, id: str, *, lock: bool = False) -> Record | None:
        if kind is Kind.CLIENT:
            found = self._named(scope, id)[:1]
            if lock and found:
                self._buffer.lock(found[0])
            return record_of(kind, found[0]) if found else None
        document = self._buffer.get(kind.value, id, lock=lock)
        visible = document is not None and sees(seen(kind, scope), document)
        return record_of(kind, document) if document is not None and visible else None

    def named(self, scope: Scope, name: str) -> Sequence[Record]:
        return [record_of(Kind.CLIENT, each) for each in self._named(scope, name)]

    def composed(self, scope: Scope, hash: str) -> Sequence[Record]:
        keys = (*seen(Kind.BACKUP, scope), (own_key("composed", hash),))
        found = self._buffer.search(Wanted(type=Kind.BACKUP.value, keys=keys))
        return [record_of(Kind.BACKUP, each) for each in found]

    def in_location(self, project_id: str, location: str, prefix: str) -> Sequence[tuple[str, str, bool]]:
        keys = ((own_key("project", project_id),), (own_key("location", location),))
        labels = (prefix, f"{prefix}g") if prefix else (None, None)  # behind every hexadecimal digit
        found = self._buffer.search(Wanted(type=Kind.BACKUP.value, keys=keys, labels=labels, by="label"))
        records = [record_of(Kind.BACKUP, each) for each in found]
        records.sort(key=lambda each: (str(each.own["composed"]), each.place))
        return [(str(each.own["composed"]), each.id, int(each.own["counted"] or 0) > 0) for each in records]

    def many(self, kind: Kind, scope: Scope, ids: Sequence[str]) -> Mapping[str, Record]:
        visible = seen(kind, scope)
        found = self._buffer.many(kind.value, list(dict.fromkeys(ids)))
        return {id: record_of(kind, each) for id, each in found.items() if sees(visible, each)}

    def find(self, kind: Kind, scope: Scope, query: Query, keep: Keep | None = None) -> Page:
        marker = None if query.marker is None else self.get(kind, scope, query.marker)
        return find(self._buffer, kind, scope, query, marker, keep)

    def insert(self, record: Record, terms: Terms) -> None:
        if record.kind is Kind.CLIENT:
            self._buffer.add(Document(type=_NAME, key=_name(record)))
        self._buffer.add(document_of(record, terms, None))
        self.quotas.charge(record.project_id, f"{record.kind.value}s", 1)
        self._told.extend(changes_of(record, MADE))

    def update(self, record: Record, terms: Terms | None) -> Record:
        before = self._buffer.get(record.kind.value, record.id)
        assert before is not None, "what is changed was read in this unit"
        new = replace(record, revision=record.revision + 1)
        if record.kind is Kind.CLIENT:
            self._rename(record_of(Kind.CLIENT, before), new)
        self._buffer.put(document_of(new, terms, before))
        if terms is not None:
            self._told.extend(changes_of(record, CHANGED))
        return new

    def delete(self, record: Record) -> None:
        if record.kind is Kind.CLIENT:
            self._buffer.drop(_NAME, _name(record))
        self._buffer.drop(record.kind.value, record.id)
        self.quotas.charge(record.project_id, f"{record.kind.value}s", -1)
        self._told.extend(changes_of(record, REMOVED))

    def changed(self, change: Change) -> None:
        self._told.append(change)

    def feed(self, project_id: str) -> Feed:
        return feed.read_feed(self._buffer, project_id)

    def numbers(self, project_ids: Collection[str]) -> Mapping[str, int]:
        return feed.read_numbers(self._buffer, project_ids)

    def changes(self, project_id: str, after: int, client: str | None, limit: int) -> Sequence[Change]:
        return feed.read_changes(self._buffer, project_id, after, client, limit)

    def forget_changes(self, before: int) -> int:
        return feed.forget_changes(self._buffer, before)

    def incarnation(self) -> int:
        return self._incarnation

    def remembered(self, identity: str, route: str, key: str) -> Remembered | None:
        return answers.remembered(self._buffer, identity, route, key)

    def forget_answers(self, before: int) -> int:
        return answers.forget_answers(self._buffer, before)

    def remember(self, identity: str, route: str, key: str, answer: Remembered, now: int) -> None:
        answers.remember(self._buffer, identity, route, key, answer, now)

    def _named(self, scope: Scope, name: str) -> list[Document]:
        """Of several clients of one name: the project's own before central ones, registered by v2 before v1, then
        age."""

        def distance(document: Document) -> tuple[bool, bool, int]:
            record = record_of(Kind.CLIENT, document)
            return record.project_id != scope.project_id, record.own["space"] != "", document.place

        keys = (*seen(Kind.CLIENT, scope), (own_key("name", name),))
        return sorted(self._buffer.search(Wanted(type=Kind.CLIENT.value, keys=keys)), key=distance)

    def _rename(self, before: Record, after: Record) -> None:
        old, new = _name(before), _name(replace(after, own={**before.own, **after.own}))
        if old != new:
            self._buffer.drop(_NAME, old)
            self._buffer.add(Document(type=_NAME, key=new))


def _name(client: Record) -> str:
    """What no two clients share."""
    return "\n".join((client.project_id, str(client.own["space"]), str(client.own["name"])))
