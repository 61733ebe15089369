"""From records to what is answered: stored texts are put together, not read and written again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from freezer.api.scope import Scope
from freezer.api.service.caller import Caller
from freezer.api.service.standing import NONE_ANY_MORE, TRUST, WITHDRAWN
from freezer.api.service.standing import shown as shown_trust
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.trusts import Trust
from freezer.model.runs import RUNNING

_encode = msgspec.json.encode
decode = msgspec.json.decode
_PID = "current_pid"
Document = dict[str, Any]


def text(value: object) -> str:
    """``value`` as JSON."""
    return _encode(value).decode()


def body(record: Record) -> Document:
    """The body of ``record``, to be worked with."""
    return decode(record.body, type=dict[str, Any])


def links(record: Record) -> Document:
    """The links of ``record``."""
    return decode(record.links, type=dict[str, Any])


def render(
    unit: Unit, caller: Caller, records: Sequence[Record], *, listed: bool = False, credentials: bool = True
) -> list[str]:
    """The answers about ``records``, all of one kind, as JSON texts; ``listed``: as items of a list.

    ``credentials``: with those of jobs, which must not get where searches look.
    """
    if not records:
        return []
    kind = records[0].kind
    if kind is Kind.JOB:
        return _jobs(unit, caller, records, credentials=credentials)
    if kind is Kind.ACTION:
        return [action(each, caller, mandatory=not listed) for each in records]
    if kind is Kind.RUN and not listed:
        return [_joined(_header(each, caller), f"{each.body[:-1]},{each.links[1:]}") for each in records]
    if kind is Kind.CLIENT and not caller.old:
        return _clients(unit, caller, records)
    return [_joined(_header(each, caller), each.body) for each in records]


def _clients(unit: Unit, caller: Caller, records: Sequence[Record]) -> list[str]:
    bound = unit.node_keys.bound(frozenset(each.id for each in records))
    return [_joined({**_header(each, caller), "bound": each.id in bound}, each.body) for each in records]


def document(unit: Unit, caller: Caller, record: Record) -> Document:
    """The answer about ``record``, to be worked with; no credentials are in it."""
    return decode(render(unit, caller, [record], credentials=False)[0], type=dict[str, Any])


def action(record: Record, caller: Caller, *, mandatory: bool = True) -> str:
    """The answer about an action. Lists say that none is mandatory, as the original's do."""
    said = mandatory and bool(links(record).get("mandatory", False))
    return _joined({**_header(record, caller), "mandatory": said}, record.body)


def _jobs(unit: Unit, caller: Caller, records: Sequence[Record], *, credentials: bool) -> list[str]:
    linked = [links(each) for each in records]
    ids = [id for each in linked for id in each["actions"]]
    projects = {each.project_id for each in records}
    # A job's actions are those of its own project, whoever looks at it.
    scope = Scope(projects.pop() if len(projects) == 1 else None)
    found = unit.many(Kind.ACTION, scope, ids) if ids else {}
    answers = [job(each, own, found, caller) for each, own in zip(records, linked, strict=True)]
    if caller.old or not credentials or not any(TRUST in own or WITHDRAWN in own for own in linked):
        return answers
    trusts = unit.trusts.many(sorted({own[TRUST] for own in linked if own.get(TRUST)}))
    return [_credited(each, own, trusts, caller.now) for each, own in zip(answers, linked, strict=True)]


def _credited(answer: str, own: Document, trusts: Mapping[str, Trust], now: int) -> str:
    """The answer about a job with what it says of its trust."""
    if own.get(TRUST):
        standing = shown_trust(trusts.get(own[TRUST]), now)
    elif own.get(WITHDRAWN):
        standing = NONE_ANY_MORE
    else:
        return answer
    return f"{answer[:-1]},{text(standing)[1:]}"


def job(record: Record, own: Mapping[str, Any], actions: Mapping[str, Record], caller: Caller) -> str:
    """The answer about a job; ``own`` are its links, ``actions`` has its actions by id."""
    shown = record.body
    if own.get("foreign") and not caller.identity.privileged and f'"{_PID}"' in shown:
        hidden = body(record)
        hidden["job_schedule"].pop(_PID, None)
        shown = text(hidden)
    listed = ",".join(action(actions[id], caller) for id in own["actions"] if id in actions)
    number = f',"event_number":{own["events"]}' if own.get("events") else ""
    return f'{_joined(_header(record, caller), shown)[:-1]},"job_actions":[{listed}]{number}}}'


def _header(record: Record, caller: Caller) -> dict[str, object]:
    project = None if caller.old else record.project_id
    ids: dict[str, object]
    match record.kind:
        case Kind.CLIENT:
            own = links(record)
            told: dict[str, object] = {key: own[key] for key in ("scheduler", "scheduler_since") if key in own}
            return {"project_id": project, "user_id": record.user_id, **told}
        case Kind.BACKUP if caller.old:
            ids = {"backup_id": record.id, "backup_uuid": record.id, "user_name": links(record).get("user_name", "")}
        case Kind.RUN:
            ids = {"run_id": record.id, **_lease(record)}
        case kind:
            ids = {f"{kind.value}_id": record.id}
    return {**ids, "project_id": project, "user_id": record.user_id}


def _lease(run: Record) -> dict[str, object]:
    """Who holds a run, and until when (seconds since 1970 by the clock of the database)."""
    own = run.own
    held = own["state"] == RUNNING and own["holder"]
    until = int(own["expires"] or 0) // 1000 if held else None
    return {**{key: own[key] for key in ("state", "incarnation", "fence", "holder")}, "lease_until": until}


def _joined(header: Mapping[str, object], stored: str) -> str:
    return f"{text(header)[:-1]},{stored[1:]}"
