"""Keys of nodes: made, shown once, taken away; and who comes with one.

A token is ``fzn1.ID.SECRET``. The server keeps a hash of the secret, which is random and long, so that nobody can
search for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

import msgspec

from freezer.api.refusals import Refusal, forbidden, missing
from freezer.api.scope import Identity
from freezer.api.service.caller import Caller, new_id
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.node_keys import NodeKey

PREFIX = "fzn1."
ROLE = "node"
_ID = re.compile(r"[0-9a-f]{32}")
_SECRET_BYTES = 32


class Issued(msgspec.Struct, frozen=True):
    """A key as it is told, once: ``token`` is what the node sends as X-Auth-Token."""

    client_id: str
    key_id: str
    token: str


def issue(unit: Unit, caller: Caller, name: str) -> Issued:
    """A new key for a client of the project, instead of any that it had."""
    client = _client(unit, caller, name)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = NodeKey(
        id=new_id(),
        client=client.id,
        project_id=client.project_id,
        hash=_hash(secret),
        made_at=caller.now,
        made_by=caller.identity.user_id,
    )
    unit.node_keys.put(key)
    return Issued(name, key.id, f"{PREFIX}{key.id}.{secret}")


def show(unit: Unit, caller: Caller, name: str) -> dict[str, object]:
    """Which key a client has; 404 if it has none."""
    key = unit.node_keys.of(_client(unit, caller, name).id)
    if key is None:
        raise missing("Key of client", name)
    return {"client_id": name, "key_id": key.id, "made_at": key.made_at, "made_by": key.made_by}


def revoke(unit: Unit, caller: Caller, name: str) -> None:
    """Take its key from a client; from then on it is nobody."""
    if not unit.node_keys.drop(_client(unit, caller, name).id):
        raise missing("Key of client", name)


def _client(unit: Unit, caller: Caller, name: str) -> Record:
    client = unit.get(Kind.CLIENT, caller.scope, name, lock=True)
    if client is None:
        raise missing("Client", name)
    if client.project_id != caller.scope.project_id:
        raise forbidden()
    if client.own["central"]:
        message = f"client {name} serves every project"
        raise Refusal(409, "Conflict", message, hint="a central scheduler has a user of its own with the role service")
    return client


def identity(unit: Unit, token: str) -> Identity | None:
    """Who comes with ``token``; None if nobody has such a key, or not any more."""
    id, _, secret = token.removeprefix(PREFIX).partition(".")
    key = unit.node_keys.get(id) if _ID.fullmatch(id) else None
    if key is None or not hmac.compare_digest(key.hash, _hash(secret)):
        return None
    name = f"{ROLE}-{key.id}"
    return Identity(name, key.project_id, frozenset({ROLE}), name, client=key.client)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
