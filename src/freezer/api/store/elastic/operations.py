"""Pauses, presences and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from freezer.api.store.contract import Kind
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key
from freezer.api.store.operations import Alarm, Pause, Presence

_PAUSE, _PRESENCE, _ALARM = "pause", "presence", "alarm"
_LASTING = "lasting"
_AT_ONCE = 5000
T = TypeVar("T")


class ElasticOperations:
    """These documents, in one unit."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def pauses(self, project_id: str, *, lasting: bool = True) -> Sequence[Pause]:
        keys = [own_key("project", project_id)] + ([_LASTING] if lasting else [])
        found = self._all(_PAUSE, keys, Pause)
        return sorted(found, key=lambda each: (each.since, each.object))

    def keep_pause(self, pause: Pause) -> None:
        keys = [own_key("project", pause.project_id)] + ([_LASTING] if pause.ended is None else [])
        key = _key(pause.project_id, pause.kind, pause.object)
        self._buffer.put(Document(type=_PAUSE, key=key, keys=tuple(keys), stamp=pause.ended, data=raw(pause)))

    def forget_pauses(self, before: int) -> int:
        old = self._buffer.first(Wanted(type=_PAUSE, stamps=(None, before - 1), by="key"), _AT_ONCE)
        return sum(self._buffer.drop(_PAUSE, each.key) for each in old)

    def presences(self, project_id: str | None = None) -> Sequence[Presence]:
        found = self._all(_PRESENCE, _of(project_id), Presence)
        return sorted(found, key=lambda each: each.client)

    def keep_presence(self, presence: Presence) -> None:
        found = self._buffer.get(_PRESENCE, presence.client)
        told = {key: value for key, value in msgspec.structs.asdict(presence).items() if value is not None}
        whole = presence if found is None else replace(read(found, Presence), **told)
        keys = tuple(_of(whole.project_id))
        self._buffer.put(Document(type=_PRESENCE, key=whole.client, keys=keys, data=raw(whole)))

    def forget_presences(self) -> int:
        clients = [each.client for each in self.presences()]
        there = self._buffer.many(Kind.CLIENT.value, clients)
        return sum(self._buffer.drop(_PRESENCE, each) for each in clients if each not in there)

    def alarms(self, project_id: str | None = None) -> Sequence[Alarm]:
        found = self._all(_ALARM, _of(project_id), Alarm)
        return sorted(found, key=lambda each: (each.since, each.object))

    def add_alarm(self, alarm: Alarm) -> bool:
        if self._buffer.get(_ALARM, _key(alarm.event, alarm.object)) is not None:
            return False
        self._keep(alarm)
        return True

    def mark_alarm(self, alarm: Alarm) -> None:
        found = self._buffer.get(_ALARM, _key(alarm.event, alarm.object))
        if found is not None:
            self._keep(replace(read(found, Alarm), told=True))

    def drop_alarm(self, alarm: Alarm) -> None:
        self._buffer.drop(_ALARM, _key(alarm.event, alarm.object))

    def _keep(self, alarm: Alarm) -> None:
        key = _key(alarm.event, alarm.object)
        self._buffer.put(Document(type=_ALARM, key=key, keys=tuple(_of(alarm.project_id)), data=raw(alarm)))

    def _all(self, type: str, keys: Sequence[str], form: type[T]) -> Iterator[T]:
        wanted = Wanted(type=type, keys=tuple((each,) for each in keys), by="key")
        return (read(each, form) for each in self._buffer.search(wanted))


def _of(project_id: str | None) -> list[str]:
    return [] if project_id is None else [own_key("project", project_id)]


def _key(*parts: str) -> str:
    return msgspec.json.encode(parts).decode()
