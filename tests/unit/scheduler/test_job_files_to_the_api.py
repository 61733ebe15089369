"""Job files of a node that has an API."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer.scheduler.source.upload import Uploader
from support.offices import Node, node
from support.scheduling import ACTION, write_job


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path / "node", max_waiters=0) as made:
        yield made


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


def _document(**schedule: object) -> dict[str, Any]:
    return {"job_actions": [{"freezer_action": ACTION}], "job_schedule": schedule, "description": "from a file"}


def _upload(home: Node, jobs: Path) -> None:
    Uploader(home.api, lambda: "node", str(jobs), home.outbox(), home.clock).upload()


def _present(home: Node) -> list[Any]:
    found: list[Any] = home.person.get("/jobs")["jobs"]
    return found


def test_a_file_becomes_one_job_whoever_takes_it_there(home: Node, jobs: Path) -> None:
    write_job(jobs, "etc.conf", _document(schedule_interval="1 days"))
    _upload(home, jobs)
    (job,) = _present(home)
    assert (job["client_id"], job["description"], job["job_schedule"]["schedule_interval"]) == (
        "node",
        "from a file",
        "1 days",
    )
    _upload(home, jobs)
    assert len(_present(home)) == 1


def test_a_file_that_changes_changes_its_job_also_after_runs(home: Node, jobs: Path) -> None:
    write_job(jobs, "etc.conf", _document(schedule_interval="1 days", schedule_jitter="1 hours"))
    _upload(home, jobs)
    (job,) = _present(home)
    home.api.runs.stands(job["job_id"], "scheduled")  # the state of a job is not what it is to do
    write_job(jobs, "etc.conf", _document(schedule_interval="2 days"))
    _upload(home, jobs)
    (now,) = _present(home)
    assert now["job_schedule"]["schedule_interval"] == "2 days"
    assert "schedule_jitter" not in now["job_schedule"]
    assert now["job_schedule"]["status"] == "scheduled"


def test_what_somebody_has_changed_at_the_api_stays_and_the_conflict_is_told_once(
    home: Node, jobs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_job(jobs, "etc.conf", _document(schedule_interval="1 days"))
    _upload(home, jobs)
    (job,) = _present(home)
    home.api.jobs.update(job["job_id"], {"job_schedule": {"schedule_interval": "3 days"}})
    write_job(jobs, "etc.conf", _document(schedule_interval="2 days"))
    uploader = Uploader(home.api, lambda: "node", str(jobs), home.outbox(), home.clock)
    with caplog.at_level(logging.ERROR):
        uploader.upload()
        uploader.upload()
    assert [each.message.partition(" is not")[0] for each in caplog.records] == [str(jobs / "etc.conf")]
    assert _present(home)[0]["job_schedule"]["schedule_interval"] == "3 days"


def test_a_job_that_was_removed_stays_away_until_its_file_changes(home: Node, jobs: Path) -> None:
    write_job(jobs, "etc.conf", _document(schedule_interval="1 days"))
    _upload(home, jobs)
    home.api.jobs.delete(_present(home)[0]["job_id"])
    _upload(home, jobs)
    assert _present(home) == []
    write_job(jobs, "etc.conf", _document(schedule_interval="2 days"))
    _upload(home, jobs)
    assert len(_present(home)) == 1


def test_copies_of_the_api_s_jobs_are_neither_run_nor_taken_there(home: Node, jobs: Path) -> None:
    write_job(jobs, "job_1234.conf", {**_document(), "job_id": "1234", "user_id": "u", "project_id": "p"})
    write_job(jobs, "other.conf", {**_document(), "user_credentials": {"trust_id": "t"}})
    _upload(home, jobs)
    assert _present(home) == []


def test_a_bad_file_is_named_and_the_others_go_on(home: Node, jobs: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_job(jobs, "a.conf", "{")
    write_job(jobs, "b.conf", _document(schedule_interval="5 parsecs"))
    write_job(jobs, "c.conf", json.dumps(_document()))
    _upload(home, jobs)
    assert len(_present(home)) == 1
    assert [name in caplog.text for name in ("a.conf", "b.conf", "c.conf is")] == [True, True, False]
