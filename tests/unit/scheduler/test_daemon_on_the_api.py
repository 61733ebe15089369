"""The daemon with an API, looked at round by round: what is in the API afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from freezer.scheduler.contract import Outcome
from freezer.scheduler.daemon import Daemon, Parts
from freezer.scheduler.journal import Journal
from freezer.scheduler.online import Online
from freezer.scheduler.outbox import Outbox
from freezer.scheduler.settings import Settings
from freezer.testing.clock import FakeClock
from support.offices import Node, node
from support.scheduling import Settled, Stub
from support.small_api import PROJECT, SmallApi

_DONE = Outcome("success", 0)


class Round:
    """A scheduler that hears, looks and delivers when a test says so."""

    def __init__(self, online: Online, state: Path, clock: FakeClock, executor: Stub) -> None:
        self.journal = Journal(str(state))
        self.online = online
        self.executor = executor
        self.office, self.leases = online.office(self.journal)
        self.source = online.source()
        self.daemon = Daemon(Parts(self.source, self.office, executor), self.journal, clock, concurrent=4)
        self._settled = Settled(self.daemon, executor)

    def hear(self) -> None:
        """Ask the API for all jobs."""
        asked = iter((True, True))
        for update in self.source.follow(lambda: next(asked, False)):
            self.daemon.heard(update)

    def go(self) -> None:
        """All of it, twice, since one thing leads to another."""
        for _ in range(2):
            self.hear()
            self._settled.look()
            self.leases.delivery.deliver()

    def end(self) -> None:
        self.daemon.end()
        self.daemon.leave()
        self.journal.close()
        self.online.outbox.close()


@contextmanager
def _round(folder: Path, url: str, clock: FakeClock, executor: Stub, **more: Any) -> Iterator[Round]:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    cloud = {"OS_BACKUP_URL": url, "OS_AUTH_TYPE": "none"}
    settings = Settings(
        client_id="node", state_dir=str(state), pid_file=str(folder / "run" / "pid"), cloud=cloud, **more
    )
    round = Round(Online(settings, Outbox(state / "outbox.db", reserve=4096), clock), state, clock, executor)
    yield round
    round.end()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path, max_waiters=0) as made:
        job = made.job()
        made.clock.set(job["job_schedule"]["time_created"] + 1)
        made.api.jobs.delete(job["job_id"])
        yield made


def _schedule(home: Node, job: str) -> Any:
    return home.person.get(f"/jobs/{job}")["job_schedule"]


def test_jobs_are_taken_up_run_and_told_of(home: Node) -> None:
    once = home.person.job()
    daily = home.person.job(job_schedule={"schedule_interval": "1 days"})
    stub = Stub(_DONE)
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        scheduler.go()
        assert _schedule(home, daily)["status"] == "scheduled"
        home.clock.advance(86_400)
        scheduler.go()  # our clock is a day ahead: the API refuses, and the run is not lost
        assert scheduler.daemon.look() is not None
    assert [hold.wanted.job_id for hold in stub.begun] == [once]
    schedule = _schedule(home, once)
    assert (schedule["status"], schedule["result"]) == ("completed", "success")
    assert home.person.get("/runs", {"match": [{"job_id": once}]})["runs"][0]["state"] == "success"


def test_a_clock_that_is_a_day_behind_the_api_s_loses_no_run_and_doubles_none(home: Node) -> None:
    """Runs are late until somebody sets it; what somebody asks for is done at once."""
    home.clock.advance(-86_400)
    once, asked = home.person.job(), home.person.job(job_schedule={"schedule_interval": "1 days"})
    home.person.send("POST", f"/jobs/{asked}/event", {"start": None})
    stub = Stub(_DONE)
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        scheduler.go()
        assert [hold.wanted.job_id for hold in stub.begun] == [asked]
        assert _schedule(home, asked)["result"] == "success"
        home.clock.advance(86_400)
        scheduler.go()
        scheduler.go()
    assert sorted(hold.wanted.job_id for hold in stub.begun) == sorted([asked, once])
    assert _schedule(home, once)["result"] == "success"


def test_events_are_obeyed_in_any_state(home: Node) -> None:
    job = home.person.job(job_schedule={"schedule_interval": "1 days"})
    stub = Stub(_DONE)
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        scheduler.go()
        before = len(stub.begun)
        for expected, event, status in (
            (before + 1, "start", "scheduled"),
            (before + 1, "stop", "stop"),
            (before + 1, "abort", "stop"),
            (before + 2, "start", "scheduled"),
            (before + 2, "abort", "stop"),
        ):
            home.person.send("POST", f"/jobs/{job}/event", {event: None})
            scheduler.go()
            assert (len(stub.begun), _schedule(home, job)["status"], _schedule(home, job)["event"]) == (
                expected,
                status,
                "",
            ), event
        home.clock.advance(3 * 86_400)
        scheduler.go()
        assert len(stub.begun) == before + 2  # it is stopped


@pytest.mark.parametrize("event", ["stop", "abort"])
@pytest.mark.parametrize("moment", ["before its run is claimed", "after the end of its run was told"])
def test_a_job_that_is_asked_to_end_while_it_is_busy_without_running_answers(
    home: Node, monkeypatch: pytest.MonkeyPatch, event: str, moment: str
) -> None:
    job = home.person.job(job_schedule={"schedule_interval": "1 days"})
    stub = Stub(_DONE)
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        scheduler.go()
        where, name = (scheduler.office, "take") if moment.startswith("before") else (stub, "forget")
        goes_on = getattr(where, name)

        def asked_meanwhile(*words: Any, **more: Any) -> Any:
            home.person.send("POST", f"/jobs/{job}/event", {event: None})
            scheduler.hear()
            return goes_on(*words, **more)

        monkeypatch.setattr(where, name, asked_meanwhile)
        home.person.send("POST", f"/jobs/{job}/event", {"start": None})
        scheduler.go()
        schedule = _schedule(home, job)
        assert (schedule["status"], schedule["event"]) == ("stop", "")
        assert len(stub.begun) == (1 if moment.startswith("after") else 0)


def test_a_running_job_is_aborted_and_goes_on_by_its_schedule(home: Node) -> None:
    job = home.person.job(job_schedule={"schedule_interval": "1 days"})
    stub = Stub()
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        home.person.send("POST", f"/jobs/{job}/event", {"start": None})
        scheduler.hear()
        scheduler.daemon.look()
        stub.wait_for(1)
        home.person.send("POST", f"/jobs/{job}/event", {"abort": None})
        scheduler.hear()
        for thread in scheduler.daemon.workers():
            thread.join(30)
        scheduler.leases.delivery.deliver()
        schedule = _schedule(home, job)
        assert (schedule["status"], schedule["result"], schedule["event"]) == ("scheduled", "aborted", "")


def test_what_was_begun_when_everything_died_is_taken_up_again_by_the_same_name(home: Node) -> None:
    job = home.person.job()
    with _round(home.folder, home.url + "/v2/default", home.clock, Stub(_DONE)) as scheduler:
        wanted = home.wanted(home.api.jobs.get(job))
        hold = scheduler.office.take(wanted)  # and dies before it has written that down
    home.place.lapse(home.run(hold))
    stub = Stub(_DONE)
    with _round(home.folder, home.url + "/v2/default", home.clock, stub) as scheduler:
        scheduler.hear()
        assert [each.job_id for each in scheduler.office.left()] == [job]
        scheduler.daemon.want(wanted)
        scheduler.go()
    assert [hold.fence.number for hold in stub.begun] == [2]
    assert _schedule(home, job)["result"] == "success"


@pytest.fixture
def original() -> Iterator[SmallApi]:
    small = SmallApi()
    yield small
    small.close()


def _add(small: SmallApi, id: str, **schedule: object) -> None:
    action = {"freezer_action": {"action": "backup", "path_to_backup": "/etc", "backup_name": "b"}}
    times = {"time_created": 1_795_256_000, "time_started": -1, "time_ended": -1, "status": "", "event": ""}
    small.add(
        "jobs",
        id,
        {
            "job_id": id,
            "client_id": "node",
            "job_actions": [action],
            "session_id": "",
            "session_tag": 0,
            "job_schedule": {**times, **schedule},
        },
    )


def test_at_the_original_s_api_jobs_run_and_their_state_is_merged_into_what_is_there(
    tmp_path: Path, original: SmallApi
) -> None:
    clock, stub = FakeClock(), Stub(_DONE)
    _add(original, "once", user_key="kept")
    _add(original, "daily", schedule_interval="1 days")
    with _round(tmp_path, f"{original.url}/v2/{PROJECT}", clock, stub) as scheduler:
        scheduler.go()
        once, daily = (original.objects["jobs"][id]["job_schedule"] for id in ("once", "daily"))
        assert (once["status"], once["result"], once["user_key"]) == ("completed", "success", "kept")
        assert daily["status"] == "scheduled"
        assert daily["schedule_interval"] == "1 days"
        for body in original.bodies("PATCH"):
            assert set(body) == {"job_schedule", "session_id", "session_tag"}
    assert len(stub.begun) == 1
    assert not any("runs" in each.name or "changes" in each.name for each in original.requests)


def test_each_start_event_of_the_original_s_api_is_one_run_also_over_restarts(
    tmp_path: Path, original: SmallApi
) -> None:
    clock, begun = FakeClock(), 0
    _add(original, "daily", schedule_interval="1 days", status="scheduled")
    for turn in range(3):
        original.objects["jobs"]["daily"]["job_schedule"]["event"] = "start"
        for _ in range(2):
            stub = Stub(_DONE)
            with _round(tmp_path, f"{original.url}/v2/{PROJECT}", clock, stub) as scheduler:
                scheduler.go()
            begun += len(stub.begun)
            clock.advance(60)
        assert begun == turn + 1
        schedule = original.objects["jobs"]["daily"]["job_schedule"]
        assert (schedule["event"], schedule["status"], schedule["result"]) == ("", "scheduled", "success")


def test_an_event_that_comes_while_the_state_is_told_is_not_lost(tmp_path: Path, original: SmallApi) -> None:
    clock, stub = FakeClock(), Stub(_DONE)
    _add(original, "daily", schedule_interval="1 days", event="start")
    with _round(tmp_path, f"{original.url}/v2/{PROJECT}", clock, stub) as scheduler:
        scheduler.hear()
        scheduler.daemon.look()
        for thread in scheduler.daemon.workers():
            thread.join(30)
        original.objects["jobs"]["daily"]["job_schedule"]["event"] = "stop"
        scheduler.leases.delivery.deliver()
        assert original.objects["jobs"]["daily"]["job_schedule"]["event"] == "stop"
        scheduler.go()
        schedule = original.objects["jobs"]["daily"]["job_schedule"]
        assert (schedule["event"], schedule["status"]) == ("", "stop")


@pytest.mark.parametrize(("event", "status"), [("stop", "stop"), ("abort", "scheduled")])
def test_what_comes_between_the_end_of_a_run_and_its_telling_is_answered_once(
    tmp_path: Path, original: SmallApi, monkeypatch: pytest.MonkeyPatch, event: str, status: str
) -> None:
    clock, stub = FakeClock(), Stub(_DONE)
    _add(original, "daily", schedule_interval="1 days", event="start")
    with _round(tmp_path, f"{original.url}/v2/{PROJECT}", clock, stub) as scheduler:

        def asked_meanwhile(run_id: str) -> None:
            original.objects["jobs"]["daily"]["job_schedule"]["event"] = event
            scheduler.hear()

        monkeypatch.setattr(stub, "forget", asked_meanwhile)
        scheduler.hear()
        scheduler.daemon.look()
        for thread in scheduler.daemon.workers():
            thread.join()
        scheduler.leases.delivery.deliver()
        schedule = original.objects["jobs"]["daily"]["job_schedule"]
        assert (schedule["event"], schedule["status"], schedule["result"]) == ("", status, "success")


def test_jobs_of_a_session_at_the_original_s_api_run_once_as_a_round(tmp_path: Path, original: SmallApi) -> None:
    clock, begun = FakeClock(), 0
    _add(original, "member", schedule_interval="1 days", status="scheduled")
    original.add("sessions", "s", {"session_id": "s", "session_tag": 0, "jobs": {}})
    original.objects["jobs"]["member"] |= {"session_id": "s", "job_schedule": {}}  # as that API replaces a schedule
    for _ in range(3):
        stub = Stub(_DONE)
        with _round(tmp_path, f"{original.url}/v2/{PROJECT}", clock, stub) as scheduler:
            scheduler.go()
        begun += len(stub.begun)
        clock.advance(60)
    acts = [next(iter(each.items())) for each in original.bodies("POST") if {"start", "end"} & set(each)]
    assert acts == [
        ("start", {"job_id": "member", "current_tag": 0}),
        ("end", {"job_id": "member", "current_tag": 1, "result": "success"}),
    ]
    assert begun == 1
    assert original.objects["jobs"]["member"]["session_tag"] == 1
