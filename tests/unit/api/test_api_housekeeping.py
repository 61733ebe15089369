"""What the server does although nobody asks: lost runs, dead members, retention, and telling people."""

from __future__ import annotations

import logging
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from freezer.api.config import ApiSettings
from freezer.api.housekeeper.alarms import _overdue_backups as overdue_backups
from freezer.api.housekeeper.lost import _missing as missing
from freezer.api.housekeeper.office import elected, keep_house
from freezer.api.housekeeper.rest import Rest
from freezer.api.housekeeper.steps import STEPS, take_round
from freezer.api.housekeeper.work import Housekeeping, Work, every
from freezer.api.scope import EVERYTHING
from freezer.api.server import make_application
from freezer.api.store.contract import Kind, Unit
from freezer.errors import FreezerError
from freezer.notify import Notice
from freezer.testing.clock import FakeClock
from support.api import Person, fresh_database, opened
from support.run_places import Place, Worker
from support.wsgi import InProcess

_START = 1_798_761_600  # 2027-01-01T00:00:00Z
_DAY = 86_400
_DAILY = {"schedule_interval": "1 days", "schedule_start_date": "2027-01-01T00:00:00"}
_POLL = {"match_not": [{"status": "completed"}]}


class _People:
    """Those who are told; while they are ``away`` nothing reaches them."""

    name = "people"

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.away = False

    def send(self, notice: Notice) -> None:
        if self.away:
            raise FreezerError("people are away")
        self.told.append(notice)

    def titles(self, about: str = "") -> list[str]:
        return [f"{each.event}{' over' if each.over else ''}" for each in self.told if each.event.startswith(about)]


class _House:
    """A server whose clock can be set, who works there, and its housekeeper."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock(_START - 3600)
        self.url = fresh_database(directory)
        self.store = opened(self.url, self.clock)
        self.people = _People()
        self.work = Work(self.store, self.clock, Housekeeping(), (self.people,))
        server = InProcess(make_application(ApiSettings(auth="none", database=self.url), self.clock))
        self.place = Place(server, self.store)
        self.person = Person(server, "home")
        self.person.client()
        self.worker = Worker(self.person)

    def round(self) -> dict[str, int | None]:
        return {name: count for name, count in take_round(self.work).items() if count != 0}

    def ran(self, job: str, due: int, state: str = "success") -> Any:
        run = self.worker.claim(job, due)
        return self.worker.told(run, state=state)

    def poll(self, client: str = "node") -> None:
        """As one of the original's schedulers asks for work."""
        self.person.get("/jobs", {**_POLL, "match": [{"client_id": client}]})

    def until(self, instant: int) -> None:
        self.clock.advance(instant - self.clock.now())

    def missed(self) -> list[Any]:
        return list(self.person.get("/runs?state=missed")["runs"])


@pytest.fixture
def house(tmp_path: Path) -> _House:
    return _House(tmp_path)


def test_a_run_whose_holder_is_dead_waits_for_another(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY)
    house.until(_START)
    run = house.worker.claim(job, _START)
    assert house.round() == {}
    house.place.lapse(run)
    assert house.round() == {"leases that ended": 1}
    assert house.worker.run(run)["state"] == "waiting"


def test_runs_that_nobody_began_are_one_record_and_one_notice(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY, description="nightly")
    house.until(_START)
    house.ran(job, _START)
    house.until(_START + 3 * _DAY + 3600)
    house.round()
    (run,) = house.missed()
    assert (run["job_id"], run["missed"]) == (job, {"first": _START + _DAY, "last": _START + 2 * _DAY, "count": 2})
    notice = next(each for each in house.people.told if each.event == "run missed")
    assert (notice.kind, notice.name) == ("job", "nightly")
    assert "2 runs" in notice.text
    assert house.round() == {}
    refused = house.worker.ask(job, _START + 2 * _DAY)
    assert (refused.status, refused.json()["reason"]) == (409, "over")
    assert house.worker.claim(job, _START + 3 * _DAY)["state"] == "running"


def test_what_was_due_while_a_job_ran_was_paused_or_had_another_schedule_is_not_missed(house: _House) -> None:
    long, paused, other = (house.person.job(job_schedule=_DAILY) for _ in range(3))
    house.until(_START)
    run = house.worker.claim(long, _START)
    house.ran(paused, _START)
    house.ran(other, _START)
    house.person.send("PUT", f"/pauses/jobs/{paused}")
    house.person.send("PATCH", f"/jobs/{other}", {"job_schedule": {"schedule_end_date": "2027-01-01T12:00:00"}})
    house.until(_START + 3 * _DAY + 3600)
    house.round()
    house.worker.told(run, state="success")
    house.person.send("DELETE", f"/pauses/jobs/{paused}")
    house.person.send("PATCH", f"/jobs/{other}", {"job_schedule": {"schedule_end_date": None}})
    house.round()
    assert house.missed() == []


def test_a_run_that_was_to_be_left_out_is_not_missed(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY)
    house.until(_START)
    house.ran(job, _START)
    house.person.send("POST", f"/jobs/{job}/skip")
    house.until(_START + 2 * _DAY + 3600)
    house.round()
    assert house.missed() == []


def test_of_the_originals_schedulers_nobody_can_say_what_they_missed(house: _House) -> None:
    house.person.job(job_schedule=_DAILY)
    house.until(_START + 5 * _DAY)
    house.round()
    assert house.missed() == []


def _session(house: _House, *clients: str) -> tuple[str, list[str]]:
    session = house.person.made("/sessions", {"schedule": _DAILY, "hold_off": 60})["session_id"]
    jobs = [house.person.job(client) for client in clients]
    for job in jobs:
        assert house.person.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    return session, jobs


def _act(house: _House, session: str, verb: str, job: str, tag: int, **more: str) -> None:
    document = {verb: {"job_id": job, "current_tag": tag, **more}}
    assert house.person.send("POST", f"/sessions/{session}/action", document).status == 202


def test_a_round_ends_although_one_of_its_members_is_dead(house: _House) -> None:
    house.person.client("other")
    session, (first, second) = _session(house, "node", "other")
    house.poll("other")
    _act(house, session, "start", first, 0)
    _act(house, session, "start", second, 0)
    _act(house, session, "end", first, 1, result="success")
    house.poll()
    assert "dead members of sessions" not in house.round()
    house.clock.advance(1900)
    house.poll()
    assert house.round()["dead members of sessions"] == 1
    found = house.person.get(f"/sessions/{session}")
    assert (found["status"], found["result"]) == ("completed", "fail")
    assert {each["result"] for each in found["jobs"].values()} == {"success", "fail"}
    assert "dead members of sessions" not in house.round()


def test_a_member_whose_run_is_over_has_ended_with_what_became_of_that(house: _House) -> None:
    session, (job,) = _session(house, "node")
    house.until(_START)
    _act(house, session, "start", job, 0)
    house.ran(job, _START, "partial")
    house.clock.advance(30)
    assert "dead members of sessions" not in house.round()
    house.clock.advance(60)
    assert house.round()["dead members of sessions"] == 1
    found = house.person.get(f"/sessions/{session}")
    assert (found["status"], found["result"]) == ("completed", "success")


def test_people_are_told_once_that_a_client_is_silent_and_once_that_it_is_back(house: _House) -> None:
    house.poll()
    house.clock.advance(1801)
    house.round()
    house.round()
    assert house.people.titles() == ["client silent"]
    assert "has not asked for work since" in house.people.told[0].text
    (alarm,) = house.person.get("/alarms")["alarms"]
    assert (alarm["event"], alarm["kind"], alarm["name"]) == ("client silent", "client", "node")
    assert Person(house.person.call, "elsewhere", user="other").get("/alarms") == {"alarms": []}
    house.poll()
    house.round()
    assert house.people.titles() == ["client silent", "client silent over"]
    assert house.person.get("/alarms") == {"alarms": []}


def test_a_claim_and_a_report_of_health_are_signs_of_life_and_somebodys_look_at_jobs_is_none(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY)
    house.until(_START)
    house.ran(job, _START)
    assert house.person.get("/clients/node/health")["seen"] == _START
    house.clock.advance(60)
    house.person.get("/jobs", {"match": [{"client_id": "node"}]})
    assert house.person.get("/clients/node/health")["seen"] == _START
    house.person.send("PUT", "/clients/node/health", {})
    assert house.person.get("/clients/node/health")["seen"] == _START + 60


def test_a_client_that_never_asked_or_is_no_more_is_not_silent(house: _House) -> None:
    house.person.client("gone")
    house.poll("gone")
    house.person.send("DELETE", "/clients/gone")
    house.clock.advance(9999)
    house.round()
    assert house.people.told == []


def test_a_backup_is_overdue_after_two_chances_and_a_period_and_no_longer_once_it_went_well(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY)
    house.until(_START)
    house.ran(job, _START)
    house.until(_START + _DAY)
    house.ran(job, _START + _DAY, "failed")
    house.until(_START + 2 * _DAY - 1)
    house.round()
    assert house.people.titles("backup") == []
    house.until(_START + 2 * _DAY)
    house.round()
    assert house.people.titles("backup") == ["backup overdue"]
    assert "last went well at 2027-01-01T00:00:00Z" in house.people.told[-1].text
    house.ran(job, _START + 2 * _DAY)
    house.round()
    assert house.people.titles("backup") == ["backup overdue", "backup overdue over"]


def test_what_no_channel_takes_is_told_in_a_later_round(house: _House, caplog: pytest.LogCaptureFixture) -> None:
    house.poll()
    house.clock.advance(1801)
    house.people.away = True
    house.round()
    assert "notice not sent: people are away" in caplog.text
    house.people.away = False
    house.round()
    assert house.people.titles() == ["client silent"]


def test_old_runs_answers_and_pauses_are_forgotten(house: _House) -> None:
    job = house.person.job(job_schedule=_DAILY)
    house.person.made("/clients", {"client_id": "once"}, Idempotency_Key="k")
    house.person.send("PUT", "/pauses/project")
    house.person.send("DELETE", "/pauses/project")
    house.until(_START)
    house.ran(job, _START)
    house.until(_START + _DAY)
    house.ran(job, _START + _DAY)
    house.person.send("PUT", f"/pauses/jobs/{job}")
    house.clock.advance(91 * _DAY)
    done = house.round()
    assert (done["old runs"], done["old answers"], done["old pauses"]) == (1, 1, 1)
    kept = house.person.get("/runs?state=success")["runs"]
    assert [each["due"] for each in kept] == [_START + _DAY]


def test_a_step_that_fails_keeps_no_other_from_being_done(house: _House, caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = house.person.job(job_schedule=_DAILY), house.person.job(job_schedule=_DAILY)
    house.until(_START)
    house.ran(broken, _START)
    house.ran(whole, _START)

    def spoil(unit: Unit) -> None:
        known = unit.get(Kind.JOB, EVERYTHING, broken, lock=True)
        assert known is not None
        unit.update(replace(known, body=known.body.replace("1 days", "often")), None)

    house.store.write(spoil)
    house.until(_START + 2 * _DAY + 3600)
    house.round()
    assert [each["job_id"] for each in house.missed()] == [whole]

    def fail(_work: Work) -> int:
        raise ZeroDivisionError

    house.poll()
    house.clock.advance(1801)
    assert take_round(house.work, (("failing", fail), *STEPS))["failing"] is None
    assert "client silent" in house.people.titles()
    assert "housekeeping: failing" in caplog.text


def test_one_of_many_keeps_house_and_another_when_it_is_gone(house: _House) -> None:
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda name=name: found.append(elected(house.work, name, 60))) for name in "abcdef"
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == [False] * 5 + [True]
    holder = next(name for name in "abcdef" if elected(house.work, name, 60))
    assert not elected(house.work, "g", 60)
    assert elected(house.work, holder, 0)
    assert elected(house.work, "g", 60)


def test_the_thread_keeps_house_until_it_is_to_stop(house: _House, caplog: pytest.LogCaptureFixture) -> None:
    house.poll()
    house.clock.advance(1801)
    told = threading.Event()
    house.people.send = lambda _notice: told.set()  # type: ignore[method-assign]
    stopping = threading.Event()
    with caplog.at_level(logging.INFO):
        thread = keep_house(Work(house.store, house.clock, Housekeeping(every=1), (house.people,)), stopping)
        assert told.wait(60)
        stopping.set()
        thread.join(60)
    assert not thread.is_alive()


def test_freezer_manage_housekeep_does_a_round_and_says_what_it_did(
    house: _House, capsys: pytest.CaptureFixture[str]
) -> None:
    from freezer.cmd.manage.program import main

    job = house.person.job(job_schedule=_DAILY)
    house.until(_START)
    house.place.lapse(house.worker.claim(job, _START))
    assert main(["--database", house.url, "housekeep"]) == 0
    said = capsys.readouterr().out
    assert "leases that ended: 1" in said
    assert said.count("\n") == len(STEPS)
    assert main(["--database", house.url, "housekeep"]) == 0
    assert "leases that ended: 0" in capsys.readouterr().out
    assert elected(house.work, "somebody else", 60)
    assert main(["--database", house.url, "housekeep"]) == 0
    assert "another server keeps house" in capsys.readouterr().out


def _asked(work: Work) -> int:
    """How many statements a round takes."""
    count = 0

    def one(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(Engine, "before_cursor_execute", one)
    take_round(work)
    event.remove(Engine, "before_cursor_execute", one)
    return count


def test_a_round_does_not_ask_about_each_job(house: _House) -> None:
    few = [house.person.job(job_schedule=_DAILY) for _ in range(2)]
    house.until(_START)
    house.ran(few[0], _START)
    house.round()
    before = _asked(replace(house.work, unmissed=Rest(), punctual=Rest())), _asked(house.work)
    many = [house.person.job(job_schedule=_DAILY) for _ in range(30)]
    for job in many[::2]:
        house.ran(job, _START)
    first = _asked(replace(house.work, unmissed=Rest(), punctual=Rest()))
    house.round()
    assert (first, _asked(house.work)) == before


def _found(work: Work) -> tuple[set[str], set[str]]:
    """The jobs of which runs are missed, and those whose backups are overdue."""
    work.unmissed.begin()
    missed = {
        job.id
        for jobs in every(work, Kind.JOB)
        for job in work.store.read(lambda unit, jobs=jobs: missing(work, jobs, unit))  # type: ignore[misc]
    }
    return missed, {each.object for each in overdue_backups(work)}


@pytest.mark.parametrize("seed", range(6))
def test_what_rests_would_not_have_been_found(house: _House, seed: int) -> None:
    chance = random.Random(seed)
    schedules = [_DAILY, {**_DAILY, "schedule_interval": "2 hours"}, {"schedule_date": "2027-01-02T00:00:00"}]
    jobs = [house.person.job(job_schedule=chance.choice(schedules)) for _ in range(4)]
    seen = 0

    def run(job: str) -> None:
        asked = house.person.send("POST", f"/jobs/{job}/event", {"start": None})
        if asked.status < 300:
            answer = house.person.send("POST", "/runs", {"job_id": job, "cause": "event", "holder": "x"})
            if answer.status == 201 and chance.random() < 0.8:
                house.worker.told(answer.json(), state=chance.choice(["success", "failed"]))

    deeds: list[Any] = [
        run,
        run,
        lambda job: house.person.send("PUT", f"/pauses/jobs/{job}"),
        lambda job: house.person.send("DELETE", f"/pauses/jobs/{job}"),
        lambda job: house.person.send("PATCH", f"/jobs/{job}", {"job_schedule": chance.choice(schedules[:2])}),
        lambda job: house.person.send("PUT", "/clients/node/scheduler", {"scheduler": "leasing"}),
    ]
    for _ in range(60):
        house.clock.advance(chance.choice([60, 1800, 3600, 7200, 43_200]))
        if chance.random() < 0.5:
            chance.choice(deeds)(chance.choice(jobs))
        afresh = _found(replace(house.work, unmissed=Rest(), punctual=Rest()))
        assert _found(house.work) == afresh
        seen += len(afresh[0]) + len(afresh[1])
        if chance.random() < 0.2:
            house.round()
    assert seen > 10
