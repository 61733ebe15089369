"""``freezer up``: the first home of a project, with API, scheduler, repository and a first job."""

from __future__ import annotations

import os
import uuid

import msgspec

from freezer.client import Api
from freezer.clock import Clock
from freezer.crypto.certificate import make_certificate
from freezer.errors import ApiConflict, ApiMissing, UsageError
from freezer.standalone import background, files, ports, work
from freezer.standalone.access import open_home
from freezer.standalone.common import Ready, Talk, make_repository
from freezer.standalone.home import PROJECT, USER, Home, Plan, machine_name
from freezer.standalone.place import read_place, settled
from freezer.standalone.secrets import password_told, ready_password


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has said; None where nothing was. ``listen``: under which name or address others shall reach the
    API; empty: the one that this machine's routes say. ``database``: where the API shall keep its records."""

    source: str | None = None
    store: str | None = None
    port: int | None = None
    listen: str | None = None
    database: str | None = None
    new_password: bool = False


def up(home: Home, wish: Wish, clock: Clock, talk: Talk) -> Ready:
    """Make whatever is missing, and start what does not run."""
    source = "" if wish.source is None else work.read_source(wish.source)
    with home.changing():
        before = home.plan()
        if before is not None and before.kind == "joined":
            return _started_again(home, before, wish)
        plan = _planned(home, before, wish, source)
        place = read_place(plan.store)
        if plan != before:
            if before is not None:
                background.stop(home, before, clock)
                talk.say("the API is started anew, because something else was chosen for it")
            _ready_tables(plan)
            _begin_anew(home, before, plan)
            home.choose(plan)
        _make_certificate(home, plan, clock)
        make_repository(home, plan, place, clock, talk)
        password = ready_password(home, anew=wish.new_password)
        background.start(home)
        background.wait_for_api(home, plan, clock)
        if password is not None:
            talk.password(USER, password, plan.url)
            password_told(home)
        with open_home(home, plan, clock) as api:
            if _register(api, home, plan):
                background.stop(home, plan, clock)
                background.start(home)
                background.wait_for_api(home, plan, clock)
            new = not os.path.exists(home.begun)
            source = source or (plan.source if new else "")
            job = _jobs(api, home, plan, source) if source else ""
        files.write(home.begun, f"{job}\n")
    return Ready(plan, place, source, job, new)


def _started_again(home: Home, plan: Plan, wish: Wish) -> Ready:
    """A home that has joined another's project has no API: there is nothing to be chosen."""
    if wish != Wish():
        raise UsageError(
            f"{home.path} has joined {plan.url}: its jobs are made there", hint="freezer up without words starts it"
        )
    background.start(home)
    return Ready(plan, read_place(plan.store))


def _planned(home: Home, before: Plan | None, wish: Wish, source: str) -> Plan:
    if before is None:
        if not source:
            raise UsageError("what shall be backed up?", hint="name a directory: freezer up ~/documents")
        store = home.at("repository") if wish.store is None else settled(wish.store)
        instance, client = uuid.uuid4().hex, machine_name()
        before = Plan(kind="first", source=source, instance=instance, client=client, store=store, url="")
    elif wish.store is not None and read_place(wish.store) != read_place(before.store):
        raise UsageError(
            f"the backups of {home.path} are in {before.store}", hint="another place needs another home: --home"
        )
    host = before.host if wish.listen is None else wish.listen or ports.own_address()
    port = _port(before, wish, host, listening=background.is_listening(home))
    scheme, shown = ("https", host) if host else ("http", "127.0.0.1")
    shown = f"[{shown}]" if ":" in shown else shown
    database = before.database if wish.database is None else wish.database
    before = msgspec.structs.replace(before, database=database)
    return msgspec.structs.replace(before, host=host, port=port, url=f"{scheme}://{shown}:{port}/v2/{PROJECT}")


def _ready_tables(plan: Plan) -> None:
    """The tables of a database that is no file of the home; the API's server makes the others itself."""
    if not plan.database:
        return
    from freezer.api.store.sql.engine import explained, open_engine
    from freezer.api.store.sql.migrate import upgrade

    engine = open_engine(plan.database)
    try:
        with explained():
            upgrade(engine)
    finally:
        engine.dispose()


def _begin_anew(home: Home, before: Plan | None, plan: Plan) -> None:
    """In another database nothing is known: the first job is made there as if there had been none."""
    if before is not None and before.database != plan.database and os.path.exists(home.begun):
        os.unlink(home.begun)


def _port(before: Plan, wish: Wish, host: str, *, listening: bool) -> int:
    """The port of before, as long as it can be had; others are told a new one only if the user asks for it."""
    bind = "0.0.0.0" if host else "127.0.0.1"  # noqa: S104
    if before.port and wish.port in (None, before.port):
        if listening or host or ports.is_free(bind, before.port):
            return before.port
        return ports.choose(bind, None)
    return ports.choose(bind, wish.port)


def _make_certificate(home: Home, plan: Plan, clock: Clock) -> None:
    """A certificate for the name under which others find the API; the certificate comes last, and is what counts."""
    named = home.at("tls", "host")
    if not plan.host or (files.read(named) == plan.host and os.path.exists(home.certificate)):
        return
    if os.path.exists(home.certificate):
        os.unlink(home.certificate)
    made = make_certificate([plan.host, "localhost", "127.0.0.1", "::1"], clock.now())
    files.write(home.certificate_key, made.key)
    files.write(named, plan.host)
    files.write(home.certificate, made.certificate)


def _register(api: Api, home: Home, plan: Plan) -> bool:
    """See to it that the scheduler has a client and a key; whether it has been given another key than it runs with."""
    try:
        api.clients.get(plan.client)
    except ApiMissing:
        api.clients.create({"client_id": plan.client, "hostname": plan.client, **work.CLIENT_CAN})
    token = files.read(home.token)
    if token is not None and token.split(".")[1:2] == [_key_id(api, plan)]:
        return False
    files.write(home.token, f"{api.clients.make_key(plan.client)['token']}\n")
    return token is not None


def _key_id(api: Api, plan: Plan) -> str | None:
    try:
        return str(api.clients.key(plan.client)["key_id"])
    except ApiMissing:
        return None


def _jobs(api: Api, home: Home, plan: Plan, source: str) -> str:
    """Make the jobs that are not there; the id of the backup's."""
    place = read_place(plan.store)
    backup = work.backup_job(home, plan, place, source)
    for job in (backup, work.upkeep_job(home, plan, place, source)):
        try:
            api.jobs.get(str(job["job_id"]))
        except ApiMissing:
            try:
                api.jobs.create(job)
            except ApiConflict:
                continue  # made by an attempt before this one, whose answer was lost
    return str(backup["job_id"])
