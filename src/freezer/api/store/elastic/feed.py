"""The changes of projects, numbered when their unit ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from freezer.api.store.contract import Change, Feed
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key

_COUNTER, _CHANGE = "counter", "change"
_AT_ONCE = 5000


class _Counter(msgspec.Struct, frozen=True):
    number: int = 0
    forgotten: int = 0


def store_changes(buffer: Buffer, told: Collection[Change]) -> None:
    """Number and keep what a unit has changed; of several changes of one object the last."""
    last = {(each.project_id, each.kind, each.id, each.client): each for each in told}
    projects: dict[str, list[Change]] = {}
    for change in last.values():
        projects.setdefault(change.project_id, []).append(change)
    counters = _counters(buffer, projects)
    for project_id, mine in projects.items():
        counter = counters.get(project_id, _Counter())
        for number, change in enumerate(mine, counter.number + 1):
            buffer.append(_document(replace(change, number=number), buffer.now))
        _keep(buffer, project_id, replace(counter, number=counter.number + len(mine)))


def read_feed(buffer: Buffer, project_id: str) -> Feed:
    """How far the changes of a project have come."""
    counter = _counters(buffer, [project_id]).get(project_id, _Counter())
    return Feed(counter.number, counter.forgotten)


def read_numbers(buffer: Buffer, project_ids: Collection[str]) -> Mapping[str, int]:
    """The newest numbers of projects."""
    return {project_id: counter.number for project_id, counter in _counters(buffer, project_ids).items()}


def read_changes(buffer: Buffer, project_id: str, after: int, client: str | None, limit: int) -> Sequence[Change]:
    """The changes of a project behind ``after``."""
    keys = [own_key("project", project_id)] + ([] if client is None else [own_key("client", client)])
    found = buffer.first(_of(keys, (after + 1, None)), limit)
    return [read(each, Change) for each in found]


def forget_changes(buffer: Buffer, before: int) -> int:
    """Forget changes older than ``before``, as many as one unit can; how many. What is left has no gaps."""
    old = Wanted(type=_CHANGE, places=(None, before - 1))
    newest: dict[str, int] = {}
    for each in buffer.first(old, _AT_ONCE):
        change = read(each, Change)
        newest[change.project_id] = max(newest.get(change.project_id, 0), change.number)
    gone = 0
    for project_id, number in newest.items():
        for each in list(buffer.search(_of([own_key("project", project_id)], (None, number)))):
            gone += buffer.drop(_CHANGE, each.key)
        counter = _counters(buffer, [project_id]).get(project_id, _Counter())
        _keep(buffer, project_id, replace(counter, forgotten=max(counter.forgotten, number)))
    return gone


def _of(keys: Sequence[str], numbers: tuple[int | None, int | None]) -> Wanted:
    return Wanted(type=_CHANGE, keys=tuple((each,) for each in keys), stamps=numbers, by="stamp")


def _document(change: Change, now: int) -> Document:
    return Document(
        type=_CHANGE,
        key=f"{change.project_id}/{change.number}",
        keys=(own_key("project", change.project_id), own_key("client", change.client)),
        place=now,
        stamp=change.number,
        data=raw(change),
    )


def _counters(buffer: Buffer, project_ids: Collection[str]) -> Mapping[str, _Counter]:
    found = buffer.many(_COUNTER, list(project_ids))
    return {project_id: read(each, _Counter) for project_id, each in found.items()}


def _keep(buffer: Buffer, project_id: str, counter: _Counter) -> None:
    buffer.put(Document(type=_COUNTER, key=project_id, data=raw(counter)))
