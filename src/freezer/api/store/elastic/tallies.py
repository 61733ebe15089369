"""The sums of backups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from freezer.api.store.contract import Kind
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key, set_key
from freezer.api.store.tallies import ALL_TIME, COMPLETE, PARTIAL, Tally

_TYPE = "tally"
_WHOLE, _DAILY = "whole", "daily"


class ElasticTallies:
    """The sums, in one unit."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def add(self, tallies: Sequence[Tally]) -> None:
        self._buffer.many(_TYPE, list(map(_key, tallies)))  # all at once
        for each in tallies:
            known = self._get(each)
            self._keep(each if known is None else _sum(known, each))

    def settle(self, project_id: str, set_id: str) -> None:
        known = self._get(Tally(project_id=project_id, set_id=set_id))
        if known is None:
            return
        complete = self._newest(project_id, set_id, COMPLETE)
        newest = max(complete, self._newest(project_id, set_id, PARTIAL))
        self._keep(replace(known, last_success=newest, last_complete=complete))

    def sets(self, project_id: str, after: str, limit: int, hostname: str | None = None) -> Sequence[Tally]:
        keys = [own_key("project", project_id), _WHOLE] + ([] if hostname is None else [own_key("host", hostname)])
        wanted = Wanted(type=_TYPE, keys=tuple((each,) for each in keys), labels=(f"{after}\0", None), by="label")
        return [read(each, Tally) for each in self._buffer.first(wanted, limit)]

    def days(self, project_id: str, since: int, set_ids: Sequence[str] | None = None) -> Sequence[Tally]:
        keys: list[tuple[str, ...]] = [(own_key("project", project_id),), (_DAILY,)]
        if set_ids is not None:
            keys.append(tuple(own_key("set", each) for each in set_ids))
        found = self._found(keys, since)
        if set_ids is not None:
            return sorted(found, key=lambda each: (each.set_id, each.day))
        return _by_day(project_id, found)

    def total(self, project_id: str) -> Tally:
        none = Tally(project_id=project_id, set_id="")
        for each in self._found([(own_key("project", project_id),), (_WHOLE,)]):
            none = _sum(none, each)
        return replace(none, objective=None)

    def set_objective(self, project_id: str, set_id: str, seconds: int | None) -> bool:
        known = self._get(Tally(project_id=project_id, set_id=set_id))
        if known is None:
            return False
        self._keep(replace(known, objective=seconds))
        return True

    def _found(self, keys: Iterable[tuple[str, ...]], since: int | None = None) -> Iterator[Tally]:
        wanted = Wanted(type=_TYPE, keys=tuple(keys), stamps=(since, None), by="key")
        return (read(each, Tally) for each in self._buffer.search(wanted))

    def _newest(self, project_id: str, set_id: str, counted: int) -> int:
        keys = ((own_key("project", project_id),), (set_key(set_id, counted),))
        newest = Wanted(type=Kind.BACKUP.value, keys=keys, stamps=(-(2**62), None), by="stamp", descending=True)
        return next((each.stamp or 0 for each in self._buffer.first(newest, 1)), 0)

    def _get(self, tally: Tally) -> Tally | None:
        found = self._buffer.get(_TYPE, _key(tally))
        return None if found is None else read(found, Tally)

    def _keep(self, tally: Tally) -> None:
        values = {"project": tally.project_id, "set": tally.set_id, "host": tally.hostname}
        keys = (*(own_key(name, value) for name, value in values.items()), _DAILY if tally.day else _WHOLE)
        document = Document(
            type=_TYPE, key=_key(tally), keys=keys, label=tally.set_id, stamp=tally.day, data=raw(tally)
        )
        self._buffer.put(document)


def _key(tally: Tally) -> str:
    return f"{tally.project_id}/{tally.set_id}/{tally.day or ALL_TIME}"


def _sum(old: Tally, new: Tally) -> Tally:
    return replace(
        old,
        backups=old.backups + new.backups,
        partial=old.partial + new.partial,
        bytes_read=old.bytes_read + new.bytes_read,
        bytes_stored=old.bytes_stored + new.bytes_stored,
        last_success=max(old.last_success, new.last_success),
        last_complete=max(old.last_complete, new.last_complete),
    )


def _by_day(project_id: str, tallies: Iterable[Tally]) -> list[Tally]:
    days: dict[int, Tally] = {}
    for each in tallies:
        sum = days.get(each.day, Tally(project_id=project_id, set_id=""))
        days[each.day] = replace(_sum(sum, each), day=each.day, objective=None)
    return [days[day] for day in sorted(days)]
