"""v1 as its last callers speak it: every command of python-freezerclient 6.3.0, and the scheduler of freezer 18.0.0,
which registers, polls, lets its own agent work and reports; it does the same by v2."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from originals import Original, Somebody

from servers import keystone
from support.original_commands import ORIGINAL
from support.served import FORKING, served
from support.wsgi import OverHttp

_ACTION = {"action": "backup", "mode": "fs", "backup_name": "home", "path_to_backup": "/home", "storage": "local",
           "container": "/srv/backups"}  # fmt: skip
_PATIENCE = 180.0  # seconds that a job may take, from being made to its end


@pytest.fixture
def freezer(
    first_version: Path, keystone_user: Callable[[str], Somebody], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Original]:
    """The command line of 6.3.0, speaking v1, as it is told when it is loaded and again when it runs."""
    monkeypatch.setenv("OS_BACKUP_API_VERSION", "1")
    demo = keystone_user("demo")
    somebody = Somebody({**demo.env, "OS_BACKUP_API_VERSION": "1"}, demo.project)
    (tmp_path / "server").mkdir()
    with served([first_version / "python", "-I", FORKING, "freezerclient"], tmp_path / "server") as server:
        yield Original("freezer", server, somebody, tmp_path)


def test_every_command_of_the_last_client_of_v1_works(freezer: Original, unique: str) -> None:
    document = {"client_id": unique, "hostname": "web1", "description": "a machine"}
    assert _said(freezer, "client-register", "--file", freezer.file(document)) == f"Client {unique} registered"
    assert freezer.shown("client-show", unique)["hostname"] == "web1"
    assert unique in freezer.done("client-list", "--search", json.dumps([{"client_id": unique}]), "--limit", 3)
    job = _job(freezer, unique)
    _session(freezer, job)
    _action_and_backup(freezer, unique)
    assert _said(freezer, "job-delete", job) == f"Job {job} deleted"
    assert _said(freezer, "client-delete", unique) == f"Client {unique} deleted"
    assert "Job not found" in freezer.refused("job-show", job)
    assert freezer.typed == set(ORIGINAL)


def _said(call: Original, command: str, *words: object) -> str:
    """What a command says; in v1 those that make or change something show nothing of it."""
    run = call.run(command, *words)
    assert run.code == 0, f"{command}: {run.err}{run.out}"
    assert run.out == ""
    return run.err.strip()


def _made(call: Original, kind: str, document: object, *words: object) -> str:
    """The id of what a file describes."""
    found = re.fullmatch(r"\w+ (\S+) created", _said(call, f"{kind}-create", "--file", call.file(document), *words))
    assert found
    return found[1]


def _job(call: Original, client: str) -> str:
    document = {"job_actions": [{"freezer_action": _ACTION}], "job_schedule": {"schedule_interval": "1 days"}}
    job = _made(call, "job", document, "-C", client)
    assert _said(call, "job-update", job, call.file({"description": "changed"})) == f"Job {job} updated"
    shown = call.shown("job-show", job)
    assert (shown["Description"], shown["Interval"]) == ("changed", "1 days")
    (row,) = call.shown("job-list", "-C", client)
    assert (row["Job ID"], row["# Actions"]) == (job, 1)
    assert f"'job_id': '{job}'" in call.done("job-get", job)
    for event in ("start", "stop", "abort"):
        assert _said(call, f"job-{event}", job).startswith(f"{event.capitalize()} request sent")
        assert f"'event': '{event}'" in call.done("job-get", job)
    return job


def _session(call: Original, job: str) -> None:
    session = _made(call, "session", {"description": "nightly", "schedule": {"schedule_interval": "3 days"}})
    both = ["--session-id", session, "--job-id", job]
    assert "added correctly" in _said(call, "session-add-job", *both)
    assert "start requested" in _said(call, "session-start", *both, "--job-tag", 0)
    shown = call.shown("session-show", session)
    assert (shown["Session tag"], shown["Status"]) == (1, "running")
    assert session in call.done("session-list")
    assert "updated" in _said(call, "session-update", session, call.file({"description": "new"}))
    assert call.shown("session-show", session)["Description"] == "new"
    assert "removed correctly" in _said(call, "session-remove-job", *both)
    assert "deleted" in _said(call, "session-delete", session)


def _action_and_backup(call: Original, unique: str) -> None:
    action = _made(call, "action", {"freezer_action": {**_ACTION, "backup_name": unique}, "max_retries": 3})
    assert "updated" in _said(call, "action-update", action, call.file({"freezer_action": {"container": "/other"}}))
    shown = call.shown("action-show", action)
    assert (shown["Name"], shown["Container"]) == (unique, "/other")
    assert action in call.done("action-list")
    assert "deleted" in _said(call, "action-delete", action)
    metadata = {"backup_name": unique, "container": "c", "hostname": "h", "time_stamp": 1_700_000_000}
    backup = _made(call, "backup", metadata)
    listed = ["--search", json.dumps([{"backup_name": unique}]), "-f", "value", "-c", "Backup UUID"]
    assert call.done("backup-list", *listed).strip() == backup
    assert call.shown("backup-show", backup)["Backup ID"] == backup
    assert "deleted" in _said(call, "backup-delete", backup)


@pytest.mark.parametrize("version", ["v1", pytest.param("v2", marks=pytest.mark.slow(only=True))])
def test_the_scheduler_and_agent_of_the_original_do_what_the_api_says_and_report_it(
    first_version: Path,
    about: Mapping[str, Any],
    keystone_user: Callable[[str], Somebody],
    version: str,
    unique: str,
    tmp_path: Path,
) -> None:
    demo = keystone_user("demo")
    api = _Api(about, demo.project, version)
    source, container, target = (tmp_path / name for name in ("source", "container", "target"))
    source.mkdir()
    target.mkdir()
    (source / "file").write_text("what must come back")
    common = {"mode": "fs", "backup_name": unique, "storage": "local", "container": str(container),
              "hostname": "here"}  # fmt: skip
    with _scheduler(first_version, demo, version, unique, tmp_path) as log:
        api.wait(lambda: api.found(f"/clients/{unique}"), log)
        backup = {**common, "action": "backup", "path_to_backup": str(source), "no_incremental": True}
        ended = api.run(unique, backup, log)
        assert (ended["status"], ended["result"]) == ("completed", "success"), log()
        assert ended["time_ended"] >= ended["time_started"] > 0
        (reported,) = api.get("/backups", {"match": [{"backup_name": unique}]})["backups"]
        assert reported["backup_metadata"]["path_to_backup"] == str(source)
        ended = api.run(unique, {**common, "action": "restore", "restore_abs_path": str(target)}, log)
        assert (ended["status"], ended["result"]) == ("completed", "success"), log()
    assert (target / "file").read_text() == "what must come back"


class _Api:
    """Asks the API as demo."""

    def __init__(self, about: Mapping[str, Any], project: str, version: str) -> None:
        self._call = OverHttp(about["url"])
        self._root = "/v1" if version == "v1" else f"/v2/{project}"
        self._token = keystone.Admin(about["auth_url"]).token("demo", "demo", "demo")

    def send(self, method: str, path: str, document: object = None) -> Any:
        return self._call.send(method, self._root + path, document, X_Auth_Token=self._token)

    def found(self, path: str) -> bool:
        return bool(self.send("GET", path).status == 200)

    def get(self, path: str, search: object = None) -> Any:
        answer = self.send("GET", path, search)
        assert answer.status == 200, answer
        return answer.json()

    def run(self, client: str, action: dict[str, Any], log: Callable[[], str]) -> dict[str, Any]:
        """Make a job without a schedule, which is run at once; its schedule when it has ended."""
        entry = {"freezer_action": action, "max_retries": 0, "max_retries_interval": 1}
        made = self.send("POST", "/jobs", {"client_id": client, "job_actions": [entry], "job_schedule": {}})
        assert made.status == 201, made
        job = made.json()["job_id"]
        self.wait(lambda: self.get(f"/jobs/{job}")["job_schedule"].get("status") == "completed", log)
        ended: dict[str, Any] = self.get(f"/jobs/{job}")["job_schedule"]
        return ended

    def wait(self, ready: Callable[[], bool], log: Callable[[], str]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not ready():
            assert time.monotonic() < deadline, log()
            time.sleep(0.2)


@contextmanager
def _scheduler(bin: Path, somebody: Somebody, version: str, client: str, folder: Path) -> Iterator[Callable[[], str]]:
    """Run it in the foreground; what it has said so far."""
    jobs, said = folder / "jobs", folder / "scheduler.log"
    words = ["-c", client, "-i", "1", "-f", jobs, "--no-daemon", *(["--enable-v1-api"] if version == "v1" else [])]
    env = {**somebody.env, "PATH": f"{bin}:{os.environ['PATH']}", "HOME": str(folder), "PYTHONWARNINGS": "ignore"}
    with said.open("wb") as out:
        process = subprocess.Popen(
            [bin / "freezer-scheduler", *words, "start"], env=env, cwd=folder, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield lambda: said.read_text(errors="replace")[-6000:]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
