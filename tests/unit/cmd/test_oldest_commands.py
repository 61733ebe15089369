"""``freezer-scheduler -c NODE job-create --file F`` and its siblings, as the first releases' documentation has them."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freezer.cmd.scheduler import main
from support.small_api import PROJECT, SmallApi

JOB = """
{
  "job_actions": [
      {
          "freezer_action": {
              "action": "backup",
              "mode": "fs",
              "backup_name": "backup1",
              "path_to_backup": "/home/me/datadir",
              "container": "schedule_backups",
              "log_file": "/home/me/.freezer/freezer.log"
          },
          "max_retries": 3,
          "max_retries_interval": 60
      }
  ],
  "job_schedule": {
      "schedule_interval": "4 hours",
      "schedule_start_date": "2015-08-16T17:58:00"
  },
  "description": "schedule_backups 6"
}
"""

Scheduler = Callable[..., str]


@pytest.fixture
def server() -> Iterator[SmallApi]:
    server = SmallApi()
    yield server
    server.close()


@pytest.fixture
def scheduler(server: SmallApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scheduler:
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_BACKUP_URL", f"{server.url}/v2/{PROJECT}")

    def run(*words: str, code: int = 0) -> str:
        assert main(words) == code
        captured = capsys.readouterr()
        return captured.out or captured.err

    return run


def test_the_first_steps_of_the_old_documentation_work(scheduler: Scheduler, server: SmallApi, tmp_path: Path) -> None:
    (tmp_path / "test_job.json").write_text(JOB)
    said = scheduler("-c", "node12", "job-create", "--file", str(tmp_path / "test_job.json"))
    (identifier,) = server.objects["jobs"]
    assert said == f"Created job {identifier}\n"
    assert server.objects["jobs"][identifier]["client_id"] == "node12"
    rule = f"+{'-' * 34}+--------------------+-----------+--------+-------+--------+------------+\n"
    assert scheduler("-c", "node12", "job-list") == (
        f"{rule}"
        "|              job_id              |    description     | # actions | status | event | result | session_id |\n"
        f"{rule}"
        f"| {identifier} | schedule_backups 6 |     1     |        |       |        |            |\n"
        f"{rule}"
    )
    assert json.loads(scheduler("-c", "node12", "job-get", "-j", identifier))["description"] == "schedule_backups 6"


def test_a_client_sees_its_own_jobs(scheduler: Scheduler, server: SmallApi) -> None:
    for name, status in (("mine", "scheduled"), ("old", "completed"), ("other", "scheduled")):
        client = "other" if name == "other" else "node12"
        server.add("jobs", name, {"job_id": name, "client_id": client, "job_schedule": {"status": status}})
    shown = scheduler("-c", "node12", "job-list")
    assert "mine" in shown
    assert "old" in shown
    assert "other" not in shown
    assert "old" not in scheduler("-c", "node12", "--active-only", "job-list")
    assert "other" in scheduler("--all", "job-list")


def test_a_machine_is_the_client_that_its_scheduler_would_be(
    scheduler: Scheduler, server: SmallApi, tmp_path: Path
) -> None:
    (tmp_path / "job").write_text(JOB)
    scheduler("job-create", "--file", str(tmp_path / "job"))
    (job,) = server.objects["jobs"].values()
    assert job["client_id"] == f"{PROJECT}_{socket.gethostname()}"


def test_jobs_travel_to_a_folder_and_back(scheduler: Scheduler, server: SmallApi, tmp_path: Path) -> None:
    (tmp_path / "job").write_text(JOB)
    scheduler("-c", "node12", "job-create", "--file", str(tmp_path / "job"))
    (identifier,) = server.objects["jobs"]
    folder = tmp_path / "jobs"
    scheduler("-c", "node12", "-f", str(folder), "job-download")
    (file,) = folder.iterdir()
    assert file.name == f"job_{identifier}.conf"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    server.objects["jobs"].clear()
    assert scheduler("-c", "node12", "-f", str(folder), "job-upload") == f"Uploaded job {identifier}\n"
    assert list(server.objects["jobs"]) == [identifier]


def test_events_and_sessions_have_their_sentences(scheduler: Scheduler, server: SmallApi, tmp_path: Path) -> None:
    server.add("jobs", "j", {"job_id": "j"})
    for event in ("start", "stop", "abort"):
        assert scheduler(f"job-{event}", "-j", "j") == f"{event.capitalize()} request sent for job j\n"
    (tmp_path / "session").write_text('{"schedule": {}, "description": "nightly"}')
    said = scheduler("session-create", "--file", str(tmp_path / "session"))
    (session,) = server.objects["sessions"]
    assert said == f"Created session {session}\n"
    scheduler("session-add-job", "-s", session, "-j", "j,k")
    assert list(server.objects["sessions"][session]["jobs"]) == ["j", "k"]
    assert "| k" in scheduler("session-list-job", "-s", session).replace("|   k", "| k")
    scheduler("session-remove-job", "-s", session, "-j", "k")
    assert "nightly" in scheduler("session-list")
    assert json.loads(scheduler("session-get", "-s", session))["session_id"] == session
    scheduler("session-delete", "-s", session)
    assert scheduler("job-delete", "-j", "j") == "Deleted job j\n"
    assert not server.objects["jobs"]


def test_clients_and_backups_are_listed(scheduler: Scheduler, server: SmallApi) -> None:
    server.add("clients", "n", {"client": {"client_id": "n", "hostname": "web1"}})
    metadata = {"container": "c", "hostname": "web1", "time_stamp": 1_700_000_000}
    server.add("backups", "b", {"backup_id": "b", "backup_metadata": metadata})
    assert "web1" in scheduler("client-list")
    assert "2023-11-14T22:13:20Z" in scheduler("backup-list")
    assert "web1" not in scheduler("backup-list")
    assert "web1" in scheduler("--long", "backup-list")


def test_what_lacks_is_named(scheduler: Scheduler) -> None:
    assert "--file is missing" in scheduler("job-create", code=2)
    assert "--job is missing" in scheduler("job-start", code=2)
    assert "invalid choice" in scheduler("job-dance", code=2)
