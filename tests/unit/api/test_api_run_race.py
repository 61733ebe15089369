"""Many schedulers want the same runs at once, on every database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from freezer.api.refusals import Refusal
from freezer.api.scope import EVERYTHING, Identity, Scope
from freezer.api.service import clients, jobs, run_upkeep, runs
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Unit
from freezer.api.store.run_logs import Piece
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.migrate import downgrade, upgrade
from freezer.api.store.sql.store import SqlStore
from freezer.clock import SystemClock
from freezer.model.clients import ClientDraft
from freezer.model.jobs import read_job
from freezer.model.runs import Claim, Fence
from support.api import DATABASES, empty_database
from support.sweeps import Trials

_CLIENTS = 16
_CREATED = 1_790_000_000
_CALLER = Caller(Identity("u", "p", frozenset({"member"})), Scope("p", central=True), _CREATED)


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(empty_database(tmp_path, request.param), connections=_CLIENTS)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    return SqlStore(engine, SystemClock())


def _due_jobs(store: SqlStore, count: int) -> list[str]:
    action = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar"}
    document = {"client_id": "pool", "job_actions": [{"freezer_action": action}]}

    def make(unit: Unit) -> list[str]:
        clients.register(unit, _CALLER, ClientDraft(client_id="pool"))
        return [jobs.create(unit, _CALLER, read_job(document)) for _ in range(count)]

    return store.write(make)


def _claimed(store: SqlStore, job: str, holder: str) -> Fence | None:
    """The fence of the claimer's try; None if somebody else was faster."""
    wanted = Claim(job_id=job, cause="schedule", due=_CREATED, holder=holder, ttl=3600)  # however slow this is
    try:
        run = store.write(lambda unit: runs.claim(unit, _CALLER, wanted))
    except Refusal as refusal:
        if (refusal.status, refusal.reason) != (409, "held"):
            raise
        return None
    return Fence(int(run.own["incarnation"] or 0), int(run.own["fence"] or 0))


@pytest.mark.slow
def test_of_many_who_claim_a_due_run_exactly_one_gets_it(engine: Engine, store: SqlStore, trials: Trials) -> None:
    due = _due_jobs(store, trials(200 if engine.dialect.name == "sqlite" else 30, 200))
    start = threading.Barrier(_CLIENTS)

    def work(number: int) -> list[str]:
        start.wait()
        # Each begins elsewhere, and all meet everywhere.
        mine = due[number:] + due[:number]
        return [job for job in mine if _claimed(store, job, f"scheduler {number}") is not None]

    with ThreadPoolExecutor(_CLIENTS) as pool:
        won = list(pool.map(work, range(_CLIENTS)))
    assert Counter(job for jobs_won in won for job in jobs_won) == Counter(due)
    assert sum(1 for each in won if each) > 1, "one scheduler did everything: there was no race"
    found = store.read(lambda unit: [unit.get(Kind.RUN, EVERYTHING, id) for id in unit.leases.ended_before(0, 1)])
    assert found == []


@pytest.mark.slow
def test_of_many_who_take_over_from_the_dead_exactly_one_does_and_the_dead_hold_nothing(
    store: SqlStore, trials: Trials
) -> None:
    due = _due_jobs(store, trials(20, 200))
    for job in due:
        assert _claimed(store, job, "dead") == Fence(_incarnation(store), 1)

    def end_leases(unit: Unit) -> None:
        for job in due:
            assert unit.leases.renew(EVERYTHING, _run(job), Fence(unit.incarnation(), 1), -1)

    store.write(end_leases)
    assert store.read(lambda unit: len(unit.leases.expired(1000))) == len(due)
    start = threading.Barrier(_CLIENTS)

    def work(number: int) -> int:
        start.wait()
        if number == 0:  # the housekeeper is about as well
            store.write(lambda unit: run_upkeep.expire(unit, 1000))
        return sum(_claimed(store, job, f"scheduler {number}") is not None for job in due)

    with ThreadPoolExecutor(_CLIENTS) as pool:
        assert sum(pool.map(work, range(_CLIENTS))) == len(due)

    def check(unit: Unit) -> None:
        for job in due:
            run = unit.get(Kind.RUN, EVERYTHING, _run(job))
            assert run is not None
            assert run.own["fence"] == 2
            assert not unit.leases.confirm(run, Fence(unit.incarnation(), 1), None)
            assert not unit.leases.renew(EVERYTHING, run.id, Fence(unit.incarnation(), 1), 1000)

    store.write(check)


def _run(job: str) -> str:
    from freezer.model.runs import run_id

    return run_id(job, "schedule", _CREATED)


def _incarnation(store: SqlStore) -> int:
    return store.read(lambda unit: unit.incarnation())


def test_an_office_is_held_by_one_until_its_time_is_over(store: SqlStore) -> None:
    def elect(holder: str, ttl: int = 60_000, name: str = "duty") -> bool:
        return store.write(lambda unit: unit.leases.elect(name, holder, ttl))

    start = threading.Barrier(_CLIENTS)

    def work(number: int) -> bool:
        start.wait()
        return elect(f"server {number}", name="first")

    with ThreadPoolExecutor(_CLIENTS) as pool:
        assert sum(pool.map(work, range(_CLIENTS))) == 1
    assert elect("a")
    assert elect("a")
    assert not elect("b")
    assert elect("a", ttl=-1)
    assert elect("b")
    assert not elect("a")


def test_a_lease_ends_when_the_database_is_restored_from_a_copy(engine: Engine, store: SqlStore) -> None:
    (job,) = _due_jobs(store, 1)
    before = _claimed(store, job, "before")
    assert before is not None
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE installation SET incarnation = {before.incarnation + 1}")

    def check(unit: Unit) -> None:
        run = unit.get(Kind.RUN, EVERYTHING, _run(job))
        assert run is not None
        assert not unit.leases.renew(EVERYTHING, run.id, before, 1000)
        assert not unit.leases.confirm(run, before, None)

    store.write(check)
    assert _claimed(store, job, "after") == Fence(before.incarnation + 1, 2)


def test_the_clock_of_the_database_tells_the_time_that_it_is(engine: Engine) -> None:
    from sqlalchemy import select

    from freezer.api.store.sql.instant import Now

    with engine.connect() as connection:
        told = connection.execute(select(Now())).scalar_one()
    assert abs(told / 1000 - SystemClock().now()) < 5


def test_runs_and_their_logs_come_and_go_with_their_tables(engine: Engine, store: SqlStore) -> None:
    (job,) = _due_jobs(store, 1)
    fence = _claimed(store, job, "h")
    assert fence is not None

    def write(unit: Unit) -> None:
        run = unit.get(Kind.RUN, EVERYTHING, _run(job), lock=True)
        assert run is not None
        assert unit.logs.append(run, [Piece(fence, 1, 5, "one"), Piece(fence, 2, 5, "two")], 100)

    def count(table: str, condition: str = "1 = 1") -> int:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table} WHERE {condition}").scalar_one())

    store.write(write)
    assert (count("run"), count("run_log"), count("term", "kind = 'run'") > 0) == (1, 2, True)
    others = count("term", "kind <> 'run'")
    downgrade(engine, "0003")
    assert (count("term", "kind = 'run'"), count("term", "kind <> 'run'")) == (0, others)
    upgrade(engine)
    assert (count("run"), count("run_log")) == (0, 0)
    assert _claimed(store, job, "h") == fence
    store.write(write)

    def remove(unit: Unit) -> None:
        run = unit.get(Kind.RUN, EVERYTHING, _run(job), lock=True)
        assert run is not None
        unit.delete(run)

    store.write(remove)
    assert (count("run"), count("run_log"), count("term", "kind = 'run'")) == (0, 0, 0)
