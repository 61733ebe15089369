"""The daemon with a directory of job files, looked at round by round on a clock of the test's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from freezer.errors import StorageFull
from freezer.scheduler.contract import Hold, Office, Orders, Outcome, Told, Update
from freezer.scheduler.daemon import Daemon, Parts
from freezer.scheduler.journal import Journal
from freezer.scheduler.office.alone import Alone
from freezer.scheduler.source.files import JobFiles
from freezer.testing.clock import FakeClock
from support.scheduling import ACTION, Stub, on_files, reread, results, write_job

DONE = Outcome("success", 0)
EVERY = {"schedule_interval": "1 minutes"}
MINUTELY = {"job_actions": [{"freezer_action": ACTION}], "job_schedule": EVERY}
ONCE = {"job_actions": [{"freezer_action": ACTION}], "job_schedule": {}}


def test_a_job_without_schedule_runs_once_and_its_result_stands_beside_its_file(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", ONCE)
    stub = Stub(DONE)
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        for _ in range(3):
            settled.look()
            clock.advance(3600)
    assert len(stub.begun) == 1
    found = results(file)
    assert (found["status"], found["result"], found["next_run"]) == ("completed", "success", None)
    assert found["runs"][0]["state"] == "success"


def test_a_job_that_has_run_does_not_run_again_after_a_restart_but_does_when_its_file_changes(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", ONCE)
    counts = []
    for _ in range(3):
        stub = Stub(DONE)
        with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
            reread(settled, source)
            settled.look()
        counts.append(len(stub.begun))
        clock.advance(60)
        if len(counts) == 2:
            file.write_text(file.read_text().replace('"b"', '"other"'))
    assert counts == [1, 0, 1]


def test_h3_an_interval_keeps_its_phase_over_restarts(tmp_path: Path) -> None:
    clock = FakeClock(1_795_256_000.0)
    write_job(tmp_path / "jobs", "a.conf", MINUTELY)
    instants = []
    for _ in range(6):
        stub = Stub(DONE)
        with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
            reread(settled, source)
            settled.look()
        instants += [hold.wanted.number for hold in stub.begun]
        clock.advance(25)
    assert instants == [1_795_256_060, 1_795_256_120]


def test_what_runs_is_left_at_the_end_and_adopted_by_the_next_daemon(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", ONCE)
    first = Stub()
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, first) as (settled, source):
        reread(settled, source)
        settled.look()
        (hold,) = first.wait_for(1)
    assert results(file)["status"] == "running"
    second = Stub(Outcome("partial", 3))
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, second) as (settled, source):
        settled.daemon.adopt()
        settled.still()
        reread(settled, source)
        settled.look()
    assert [each.wanted.run_id for each in second.begun] == [hold.wanted.run_id]
    assert second.begun[0].fence == hold.fence
    assert results(file)["result"] == "success"
    assert results(file)["runs"][0]["state"] == "partial"


def test_h6_h7_a_bad_file_is_named_once_and_the_others_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    jobs = tmp_path / "jobs"
    write_job(jobs, "a.conf", '{"job_actions": [}')
    write_job(jobs, "b.conf", {**ONCE, "job_schedule": {"schedule_interval": "5 lightyears"}})
    write_job(jobs, "c.conf", ONCE)
    write_job(jobs, "d.json", ONCE)
    stub = Stub(DONE)
    with on_files(jobs, tmp_path / "state", clock, stub) as (settled, source), caplog.at_level(logging.ERROR):
        for _ in range(3):
            reread(settled, source)
            settled.look()
    assert len(stub.begun) == 1
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 2
    assert f"{jobs}/a.conf: line 1: this is no JSON" in told[0]
    assert f"{jobs}/b.conf: job_schedule.schedule_interval: '5 lightyears'" in told[1]


def test_as_many_runs_as_may_be_are_under_way_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    for name in "abc":
        write_job(tmp_path / "jobs", f"{name}.conf", {**ONCE, "job_id": name})
    stub = Stub()
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub, concurrent=2) as (settled, source):
        reread(settled, source)
        settled.look()
        stub.wait_for(2)
        settled.look()
        assert len(stub.begun) == 2
        thread = settled.daemon.workers()[0]
        stub.finish(stub.begun[0].wanted.job_id)
        thread.join(30)
        settled.look()
        assert len(stub.wait_for(3)) == 3


def test_h22_a_job_whose_file_goes_away_is_aborted(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", ONCE)
    stub = Stub()
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        settled.look()
        (hold,) = stub.wait_for(1)
        file.unlink()
        reread(settled, source)
        settled.still()
        assert stub.orders[hold.wanted.job_id].present() == "abort"


class Broken(Stub):
    """Breaks down, as nothing should."""

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        if hold.wanted.job_id == "broken":
            raise RuntimeError("something nobody foresaw")
        return super().execute(hold, office, orders)


def test_h9_an_execution_that_breaks_down_ends_as_failed_and_the_others_go_on(tmp_path: Path) -> None:
    clock = FakeClock()
    broken = write_job(tmp_path / "jobs", "a.conf", {**ONCE, "job_id": "broken"})
    whole = write_job(tmp_path / "jobs", "b.conf", {**ONCE, "job_id": "whole"})
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, Broken(DONE)) as (settled, source):
        reread(settled, source)
        for _ in range(2):
            settled.look()
    assert (results(broken)["status"], results(broken)["result"]) == ("completed", "fail")
    assert results(broken)["runs"][0]["error"] == "internal error: RuntimeError: something nobody foresaw"
    assert results(whole)["result"] == "success"


def test_at_the_end_of_its_window_a_run_is_told_to_close(tmp_path: Path) -> None:
    clock = FakeClock(1_795_240_800.0)  # 06:00
    document = {**ONCE, "job_schedule": {"schedule_window": "05:00-06:30"}, "job_id": "a"}
    write_job(tmp_path / "jobs", "a.conf", document)
    stub = Stub()
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        settled.look()
        stub.wait_for(1)
        assert settled.look() == 1_795_242_600
        clock.advance(1799)
        settled.look()
        assert stub.orders["a"].present() == ""
        clock.advance(1)
        settled.look()
        assert stub.orders["a"].present() == "close"


def test_an_abort_in_the_file_ends_the_run_and_the_job_stays_stopped(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", {**MINUTELY, "job_id": "a"})
    stub = Stub()
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        clock.advance(60)
        settled.look()
        stub.wait_for(1)
        write_job(tmp_path / "jobs", "a.conf", {**MINUTELY, "job_id": "a", "job_schedule": {**EVERY, "event": "abort"}})
        reread(settled, source)
        settled.still()
        clock.advance(600)
        reread(settled, source)
        settled.look()
        assert len(stub.begun) == 1
    assert results(file)["result"] == "aborted"


def test_a_start_in_the_file_asks_for_one_run_each_time_the_file_says_so_anew(tmp_path: Path) -> None:
    clock = FakeClock()
    never = {"schedule_interval": "50 weeks"}
    stub = Stub(DONE)
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        for number in range(3):
            write_job(
                tmp_path / "jobs",
                "a.conf",
                {**ONCE, "job_id": "a", "job_schedule": {**never, "event": "start"}, "description": str(number // 2)},
            )
            reread(settled, source)
            settled.look()
            clock.advance(10)
    assert [hold.wanted.cause for hold in stub.begun] == ["event", "event"]


def test_when_the_clock_is_put_back_by_a_year_nothing_runs_twice_and_jobs_go_on(tmp_path: Path) -> None:
    clock = FakeClock()
    now = clock.now()
    write_job(tmp_path / "jobs", "a.conf", {**MINUTELY, "job_id": "a"})
    stub = Stub(DONE)
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        clock.set(now + 365 * 86_400)
        settled.look()
        assert len(stub.begun) == 1
        clock.set(now)
        settled.look()
        for _ in range(3):
            clock.advance(60)
            settled.look()
    assert len(stub.begun) == 4
    assert len({hold.wanted.run_id for hold in stub.begun}) == 4


def test_while_there_is_no_room_no_run_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    write_job(tmp_path / "jobs", "a.conf", ONCE)
    stub = Stub(DONE)
    with on_files(tmp_path / "jobs", tmp_path / "state", clock, stub) as (settled, source):
        reread(settled, source)
        (tmp_path / "state" / "reserve").mkdir()
        assert settled.look() == clock.now() + 30
        settled.look()
        assert stub.begun == []
        assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == [
            "no run begins: there is no space left beside the journal"
        ]
        (tmp_path / "state" / "reserve").rmdir()
        settled.look()
    assert len(stub.begun) == 1


class NoRoom(Alone):
    """An office that has no room for the end of runs at first."""

    def tell(self, hold: Hold, told: Told) -> None:
        if told.state and self._clock.monotonic() < 60:
            raise StorageFull("there is no room")
        super().tell(hold, told)


def test_the_end_of_a_run_is_told_when_there_is_room_again(tmp_path: Path) -> None:
    clock = FakeClock()
    file = write_job(tmp_path / "jobs", "a.conf", ONCE)
    journal = Journal(str(tmp_path / "state"))
    source = JobFiles(str(tmp_path / "jobs"), journal, clock)
    office = NoRoom(journal, source.path_of, str(tmp_path / "state" / "logs"), clock)
    daemon = Daemon(Parts(source, office, Stub(DONE)), journal, clock)
    daemon.heard(Update(source.read(), complete=True))
    daemon.look()
    for worker in daemon.workers():
        worker.join(30)
    assert results(file)["result"] == "success"
    assert journal.holds() == []
    journal.close()
