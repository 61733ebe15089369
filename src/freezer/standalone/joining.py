"""``freezer join``: a machine takes part in the project of another one's API.

It has a repository, a passphrase and a recovery sheet of its own, in a place that it reaches itself. What it needs is
made before it joins, so that the token is not spent on a machine that can back up nothing; the key that it will be
known by is made here, and only a hash of it leaves the machine.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import uuid
from urllib.parse import urlsplit

import msgspec

from freezer.client import Api
from freezer.client.opening import open_api
from freezer.clock import Clock
from freezer.errors import UsageError
from freezer.http.pinned import fetch_certificate
from freezer.standalone import background, files, work
from freezer.standalone.common import Ready, Talk, make_repository
from freezer.standalone.home import Home, Plan, machine_name
from freezer.standalone.inviting import Invitation
from freezer.standalone.place import read_place, settled

_HTTPS = 443
_TIMEOUT = 30.0


class Joining(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has said: what is backed up, where to, and under which name as a client (empty: the machine's)."""

    source: str
    store: str
    client: str = ""


def join(home: Home, invitation: Invitation, wanted: Joining, clock: Clock, talk: Talk) -> Ready:
    """Take part, or go on where an attempt before this one has ended."""
    source = work.read_source(wanted.source)
    wanted = msgspec.structs.replace(wanted, store=settled(wanted.store))
    place = read_place(wanted.store)
    with home.changing():
        plan = _planned(home, invitation, wanted, source)
        files.write(home.certificate, _certificate(invitation))
        make_repository(home, plan, place, clock, talk)
        backup = work.backup_job(home, plan, place, source)
        with _as_guest(home, invitation, clock) as api:
            jobs = [backup, work.upkeep_job(home, plan, place, source)]
            api.enrolments.join(invitation.token.split(".")[1], _machine(home, plan, jobs))
        new = not os.path.exists(home.begun)
        files.write(home.begun, f"{backup['job_id']}\n")
        background.start(home)
    return Ready(plan, place, source, str(backup["job_id"]), new)


def _planned(home: Home, invitation: Invitation, wanted: Joining, source: str) -> Plan:
    known = home.plan()
    if known is None:
        known = Plan(
            kind="joined",
            source=source,
            instance=uuid.uuid4().hex,
            client=wanted.client or machine_name(),
            store=wanted.store,
            url=invitation.url,
        )
        home.choose(known)
    elif (known.kind, known.url, known.store) != ("joined", invitation.url, wanted.store):
        raise UsageError(
            f"{home.path} is the home of something else already", hint="choose another directory with --home"
        )
    return known


def _certificate(invitation: Invitation) -> str:
    parts = urlsplit(invitation.url)
    if parts.scheme != "https" or not parts.hostname:
        raise UsageError(f"the token is for {invitation.url}, which has no certificate")
    return fetch_certificate(parts.hostname, parts.port or _HTTPS, invitation.certificate, _TIMEOUT)


def _as_guest(home: Home, invitation: Invitation, clock: Clock) -> Api:
    told = {"OS_BACKUP_URL": invitation.url, "OS_TOKEN": invitation.token, "OS_CACERT": home.certificate}
    return open_api(told, home=home.path, clock=clock)


def _machine(home: Home, plan: Plan, jobs: list[work.Job]) -> dict[str, object]:
    """Who this machine is, with its key, which is made if there is none yet."""
    token = files.read(home.token)
    if token is None:
        token = f"fzn1.{uuid.uuid4().hex}.{secrets.token_urlsafe(32)}\n"
        files.write(home.token, token)
    _, key_id, secret = token.strip().split(".", 2)
    return {
        "client": {"client_id": plan.client, "hostname": machine_name(), **work.CLIENT_CAN},
        "key_id": key_id,
        "key_hash": hashlib.sha256(secret.encode()).hexdigest(),
        "jobs": jobs,
    }
