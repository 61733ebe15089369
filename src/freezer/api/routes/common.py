"""What the routes of all kinds have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import falcon
from msgspec.structs import replace

from freezer.api.describe.operation import Parameter
from freezer.api.requests import (
    Idempotent,
    Services,
    answer,
    idempotent,
    json_of,
    known_answer,
    query_of,
    tagged,
)
from freezer.api.scope import Scope
from freezer.api.service import clients
from freezer.api.service.answers import render, text
from freezer.api.service.audit import noted
from freezer.api.service.caller import Caller
from freezer.api.service.lists import Listed, Search, list_records, read_search, with_parameters
from freezer.api.store.contract import Exists, Kind, Query, Record, Remembered, Store, Unit
from freezer.model.checking import ID, matching

Find = Callable[[Unit, Caller, str], Record | None]
Narrowed = Callable[[Unit, Caller, Search], tuple[Caller, Search]]
"""Who is to see what of a list, given who asks for what."""
SERVED_BY = Parameter(
    "served_by",
    "Only what the client of this name in this project is there for, in whichever project if it serves them all.",
    old=False,
)


def show_list(
    services: Services,
    req: falcon.Request,
    resp: falcon.Response,
    kind: Kind,
    caller: Caller,
    narrowed: Narrowed = lambda _unit, caller, search: (caller, search),
) -> Listed:
    """Answer with a page of the records that the request asks for, or of fewer if ``narrowed`` wants that."""
    wanted = json_of(req)
    search = with_parameters(Search() if wanted is None else read_search(wanted), kind, req.params)
    query = query_of(req)

    def work(unit: Unit) -> Listed:
        whose, what = narrowed(unit, caller, search)
        return list_records(unit, whose, kind, what, query)

    listed = services.store.read(work)
    more = f',"links":[{{"rel":"next","href":{text(_next(req, query, listed))}}}]' if listed.page.more else ""
    total = f',"total":{listed.page.total}' if listed.page.total is not None else ""
    answer(resp, f'{{"{kind.value}s":[{",".join(listed.answers)}]{more}{total}}}')
    return listed


def _next(req: falcon.Request, query: Query, listed: Listed) -> str:
    kept = {key: value for key, value in req.params.items() if key not in {"offset", "marker", "limit"}}
    if query.offset:
        kept.update(offset=str(query.offset + query.limit), **({"marker": query.marker} if query.marker else {}))
    else:
        last = listed.page.records[-1]
        kept["marker"] = str(last.own["name"]) if last.kind is Kind.CLIENT else last.id
    return f"{req.prefix}{req.path}?{urlencode({**kept, 'limit': query.limit}, doseq=True)}"


def served_by(services: Services, caller: Caller, name: str, rule: str) -> Caller:
    """``caller`` with just that in view which the client ``name`` of its project is there for: by the client's uuid,
    since others may have clients of that name. That of other projects needs ``rule``."""
    client = services.store.read(lambda unit: clients.own(unit, caller, name))
    if not client.own["central"]:
        return replace(caller, scope=Scope(caller.project_id, client=client.id))
    services.policy.check(rule, caller.identity, caller.project_id)
    return replace(caller, scope=Scope(None, client=client.id))


def show(services: Services, resp: falcon.Response, caller: Caller, id: str, find: Find) -> None:
    """Answer with one record; 404 without a body if it cannot be seen."""

    def work(unit: Unit) -> tuple[Record, str] | None:
        record = find(unit, caller, id)
        return None if record is None else (record, render(unit, caller, [record])[0])

    found = services.store.read(work)
    if found is None:
        resp.status = falcon.HTTP_404
        return
    tagged(resp, found[0].revision)
    answer(resp, found[1])


def create(
    services: Services,
    caller: Caller,
    req: falcon.Request,
    resp: falcon.Response,
    document: object,
    work: Callable[[Unit], Mapping[str, object]],
) -> None:
    """Do ``work`` and answer with what it returns; once only for requests with the same Idempotency-Key."""

    def make(unit: Unit) -> str:
        made = work(unit)
        return noted(unit, caller, text(made), str(next(iter(made.values()))))

    asked = idempotent(req, f"{req.method} {req.path}"[:160], document)
    store = services.store
    answer(
        resp,
        services.entrusted(
            caller, lambda: store.write(make) if asked is None else _once(store, asked, make, caller.now)
        ),
        201,
    )


def _once(store: Store, asked: Idempotent, work: Callable[[Unit], str], now: int) -> str:
    def make(unit: Unit) -> str:
        known = _remembered(unit, asked)
        if known is not None:
            return known
        made = work(unit)
        unit.remember(asked.identity, asked.route, asked.key, Remembered(asked.request_hash, 201, made), now)
        return made

    try:
        return store.write(make)
    except Exists:
        # The same request may have been faster on another connection.
        found = store.read(lambda unit: _remembered(unit, asked))
        if found is None:
            raise
        return found


def _remembered(unit: Unit, asked: Idempotent) -> str | None:
    found = unit.remembered(asked.identity, asked.route, asked.key)
    return None if found is None else known_answer(found, asked).body


def by_id(kind: Kind) -> Find:
    """Looks for the record of ``kind`` with an id."""

    def find(unit: Unit, caller: Caller, id: str) -> Record | None:
        return unit.get(kind, caller.scope, id)

    return find


def check_id(id: str) -> None:
    """400 unless ``id`` may be the id of something new."""
    matching(id, ID, ())


def no_content(resp: falcon.Response) -> None:
    """204; the original sends its content type all the same."""
    resp.status = falcon.HTTP_204
    resp.content_type = falcon.MEDIA_JSON
