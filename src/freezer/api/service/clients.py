"""Clients: registered, told anew, removed; and asked whether they can do an action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import conflict, forbidden, missing, unprocessable
from freezer.api.scope import Scope
from freezer.api.service.answers import body, text
from freezer.api.service.caller import Caller, new_id
from freezer.api.store.contract import Kind, Record, Terms, Unit
from freezer.api.store.terms import terms_of
from freezer.model.actions import FreezerAction
from freezer.model.clients import ASPECTS, CAPABILITIES, ClientDraft
from freezer.model.execution import NOTHING, foreign, read_policy, refusal

_EVERYBODY = Scope(None, central=True)


def register(unit: Unit, caller: Caller, draft: ClientDraft) -> str:
    """Make a client, or by v2 tell the API anew what one of that name can; its ``client_id``."""
    name = str(draft.client_id)
    known = unit.get(Kind.CLIENT, caller.scope, name, lock=True)
    if known is None:
        if caller.is_node:
            raise forbidden()
        _add(unit, caller, draft, name)
    elif caller.old:
        raise conflict(f"Client already registered with ID {name}")
    elif known.project_id != caller.scope.project_id:
        raise conflict(f"Client {name} is already registered by another project")
    else:
        _tell(unit, known, draft, whole=True)
    return name


def _add(unit: Unit, caller: Caller, draft: ClientDraft, name: str) -> None:
    hostname = None if draft.hostname is UNSET else draft.hostname
    if draft.is_central:
        for other in unit.named(_EVERYBODY, name):
            if other.own["central"] and body(other)["client"]["hostname"] == hostname:
                raise conflict(f"Client {name} is already registered by another project")
    uuid = new_id() if draft.uuid is UNSET else draft.uuid
    client: dict[str, Any] = {
        "uuid": uuid,
        "hostname": hostname,
        "client_id": name,
        "is_central": draft.is_central,
        "description": None if draft.description is UNSET else draft.description,
        **{key: list(draft.capabilities.get(key, everything)) for key, everything in CAPABILITIES.items()},
        **(draft.policy.document() if draft.policy is not None else {}),
    }
    record = Record(
        kind=Kind.CLIENT,
        id=uuid,
        project_id=caller.project_id,
        user_id=caller.identity.user_id,
        body=text({"client": client}),
        own={"name": name, "space": caller.identity.user_id if caller.old else "", "central": draft.is_central},
    )
    unit.insert(record, terms(record, client))


def change(unit: Unit, caller: Caller, name: str, draft: ClientDraft) -> Record:
    """Tell the API anew what a client says of itself; what is not said stays."""
    return _tell(unit, taken(unit, caller, name), draft, whole=False)


def taken(unit: Unit, caller: Caller, name: str) -> Record:
    """A client of the caller's own project, locked, to be changed."""
    known = unit.get(Kind.CLIENT, caller.scope, name, lock=True)
    if known is None:
        raise missing("Client", name)
    if known.project_id != caller.scope.project_id:
        raise forbidden()
    caller.check(known)
    return known


def _tell(unit: Unit, known: Record, draft: ClientDraft, *, whole: bool) -> Record:
    client = body(known)["client"]
    before = dict(client)
    if draft.description is not UNSET:
        client["description"] = draft.description
    if draft.hostname is not UNSET and not whole:
        client["hostname"] = draft.hostname
    for key, everything in CAPABILITIES.items():
        if whole or key in draft.capabilities:
            client[key] = list(draft.capabilities.get(key, everything))
    if draft.policy is not None:
        client.update(draft.policy.document())
    if client == before:
        return known
    told = replace(known, body=text({"client": client}))
    return unit.update(told, terms(told, client))


def remove(unit: Unit, caller: Caller, name: str) -> None:
    """Remove a client; its jobs stay."""
    known = unit.get(Kind.CLIENT, caller.scope, name, lock=True)
    if known is None:
        raise missing("Client", name)
    if known.project_id != caller.scope.project_id:
        raise forbidden()
    caller.check(known)
    unit.node_keys.drop(known.id)
    unit.delete(known)


def find(unit: Unit, caller: Caller, name: str) -> Record:
    """The client that a job names: the project's own, else a central one; 422 if there is none."""
    found = unit.named(caller.scope, name)
    if not found:
        raise unprocessable(f"Client not found with ID {name}")
    return found[0]


def own(unit: Unit, caller: Caller, name: str) -> Record:
    """The client of that name of the caller's project itself; 404."""
    found = unit.get(Kind.CLIENT, caller.scope, name)
    if found is None or found.project_id != caller.project_id:
        raise missing("Client", name)
    return found


def check(caller: Caller, client: Record, project_id: str, actions: Sequence[FreezerAction]) -> None:
    """422 for the first thing that the client cannot do, or may not be made to do by a job of the project."""
    _check_supports(client, actions)
    _check_allowed(caller, client, project_id, actions)


def _check_supports(client: Record, actions: Sequence[FreezerAction]) -> None:
    told = body(client)["client"]
    for action in actions:
        for aspect, values in action.needs().items():
            supported = told[ASPECTS[aspect]]
            for value in values:
                if value not in supported:
                    raise unprocessable(f"Client {told['client_id']} does not support {aspect}: {value}")


def terms(record: Record, client: dict[str, Any]) -> Terms:
    """What a client is found by."""
    return terms_of(Kind.CLIENT, {"project_id": record.project_id, "user_id": record.user_id, "client": client})


def _check_allowed(caller: Caller, client: Record, project_id: str, actions: Sequence[FreezerAction]) -> None:
    """A client that tells no policy, as the original's do, may be made to do anything, unless it serves others."""
    theirs = client.project_id != project_id
    policy = read_policy(body(client)["client"]) or (NOTHING if theirs else None)
    for action in actions:
        reason = refusal(action, policy) if policy is not None else None
        reason = reason or (foreign(action, caller.tenants_may_set) if theirs else None)
        if reason is not None:
            raise unprocessable(f"Client {client.own['name']}: {reason}")
