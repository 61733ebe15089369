"""Enrolments: offered to a machine, taken back; and how a machine joins by one.

A token is ``fze1.ID.SECRET``. The machine makes the secret of its key itself and sends the hash: what travels is of no
use to anybody, and a machine that never got the answer asks again with the same key and is answered the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

import msgspec
from msgspec import UNSET

from freezer.api.refusals import bad_document, conflict, forbidden, missing, refused
from freezer.api.scope import Identity
from freezer.api.service import clients, jobs
from freezer.api.service.caller import Caller, new_id
from freezer.api.store.contract import Kind, Unit
from freezer.api.store.enrolments import Enrolment
from freezer.api.store.node_keys import NodeKey
from freezer.errors import DocumentError
from freezer.model.machines import Machine

PREFIX = "fze1."
ROLE = "enrolment"
MOST_SECONDS = 7 * 86_400
_ID = re.compile(r"[0-9a-f]{32}")
_SECRET_BYTES = 24
_DAY = 86_400


class Offered(msgspec.Struct, frozen=True):
    """An enrolment as it is told, once: ``token`` is what the machine sends as X-Auth-Token, until ``expires``."""

    enrolment_id: str
    token: str
    expires: int


class Joined(msgspec.Struct, frozen=True):
    """What a machine is from now on; ``job_ids``: of the jobs that it came with."""

    client_id: str
    key_id: str
    job_ids: tuple[str, ...] = ()


def offer(unit: Unit, caller: Caller, seconds: int) -> Offered:
    """A new enrolment, for one machine, once."""
    unit.enrolments.forget(caller.now - _DAY)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    enrolment = Enrolment(
        id=new_id(),
        project_id=caller.project_id,
        hash=_hash(secret),
        made_at=caller.now,
        made_by=caller.identity.user_id,
        expires=caller.now + seconds,
    )
    unit.enrolments.put(enrolment)
    return Offered(enrolment.id, f"{PREFIX}{enrolment.id}.{secret}", enrolment.expires)


def withdraw(unit: Unit, caller: Caller, id: str) -> None:
    """Nobody joins by that enrolment any more."""
    if not unit.enrolments.drop(caller.project_id, id):
        raise missing("Enrolment", id)


def identity(unit: Unit, token: str) -> Identity | None:
    """Who comes with ``token``: whoever it is, on behalf of the user who made the enrolment; None if there is none."""
    id, _, secret = token.removeprefix(PREFIX).partition(".")
    found = unit.enrolments.get(id) if _ID.fullmatch(id) else None
    if found is None or not hmac.compare_digest(found.hash, _hash(secret)):
        return None
    return Identity(found.made_by, found.project_id, frozenset({ROLE}), f"{ROLE}-{found.id}")


def join(unit: Unit, caller: Caller, id: str, machine: Machine) -> Joined:
    """Register the machine as a client with its key and its first jobs; or nothing of that."""
    found = unit.enrolments.get(id)
    if found is None or found.project_id != caller.project_id or caller.identity.user_name != f"{ROLE}-{id}":
        raise forbidden()
    name = str(machine.client.client_id)
    known = unit.get(Kind.CLIENT, caller.scope, name, lock=True)
    if found.machine and found.machine == machine.key_id and known is not None:
        return _joined(name, machine)
    if not unit.enrolments.use(id, machine.key_id):
        raise refused("used", "this join token has been used", hint="a token lets one machine join; ask for another")
    if found.expires <= caller.now:
        raise refused("expired", "this join token has expired", hint="ask for another one")
    if known is not None:
        raise conflict(f"there is a client {name} already")
    _add(unit, caller, machine, name)
    return _joined(name, machine)


def _add(unit: Unit, caller: Caller, machine: Machine, name: str) -> None:
    if machine.client.is_central:
        raise forbidden()
    clients.register(unit, caller, machine.client)
    client = clients.find(unit, caller, name)
    unit.node_keys.put(
        NodeKey(
            id=machine.key_id,
            client=client.id,
            project_id=client.project_id,
            hash=machine.key_hash,
            made_at=caller.now,
            made_by=caller.identity.user_id,
        )
    )
    for number, job in enumerate(machine.jobs):
        if job.client_id != name or job.job_id is UNSET:
            raise bad_document(DocumentError("a machine joins with jobs of its own, and their ids", ("jobs", number)))
        jobs.create(unit, caller, job)


def _joined(name: str, machine: Machine) -> Joined:
    return Joined(name, machine.key_id, tuple(str(job.job_id) for job in machine.jobs))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
