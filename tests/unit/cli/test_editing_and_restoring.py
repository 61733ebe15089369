"""``job-edit`` sends what was changed; ``restore`` makes a job and waits for its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer.cli.command import Context, Given, Record
from freezer.cli.editing import changed, edit_job, editable
from freezer.cli.restoring import restore
from freezer.client.api import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.errors import ApiError, CommandError, UsageError
from freezer.testing.clock import FakeClock
from support.small_api import PROJECT, SmallApi
from support.small_http import Reply

ACTION = {
    "action_id": "a",
    "max_retries": 5,
    "freezer_action": {"action": "backup", "backup_name": "b", "path_to_backup": "/etc", "timeout": None},
}
JOB = {
    "job_id": "j",
    "client_id": "node",
    "user_id": "u",
    "description": "old",
    "job_actions": [ACTION],
    "job_schedule": {"schedule_interval": "4 hours", "status": "scheduled", "time_created": 1, "event": ""},
}


class Clock(FakeClock):
    """Lets a scheduler do something whenever somebody waits."""

    def __init__(self, steps: list[dict[str, Any]], server: SmallApi) -> None:
        super().__init__()
        self._steps = steps
        self._server = server

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        (job,) = self._server.objects["jobs"].values()
        job["job_schedule"] |= self._steps.pop(0)


@pytest.fixture
def server() -> Iterator[SmallApi]:
    server = SmallApi()
    yield server
    server.close()


@pytest.fixture
def said() -> list[str]:
    return []


def context(server: SmallApi, said: list[str], clock: FakeClock | None = None, **environ: str) -> Context:
    clock = clock or FakeClock()
    api = Api(Wire(Standalone(server.url, PROJECT), clock))
    return Context(lambda: api, clock, said.append, environ)


def editor(tmp_path: Path, program: str) -> str:
    """An editor that runs ``program`` on the document ``d``."""
    script = tmp_path / "editor.py"
    end = "json.dump(d, open(sys.argv[1], 'w'))"
    script.write_text(f"import json, sys\nd = json.load(open(sys.argv[1]))\n{program}\n{end}\n")
    return f"python3 '{script}'"


def test_only_what_was_changed_is_sent(server: SmallApi, said: list[str], tmp_path: Path) -> None:
    server.add("jobs", "j", JOB)
    program = "d['description'] = 'new'; d['job_schedule']['schedule_interval'] = '5 hours'"
    done = edit_job(context(server, said, EDITOR=editor(tmp_path, program)), Given({"job_id": "j"}))
    assert isinstance(done, Record)
    assert server.bodies("PATCH") == [{"description": "new", "job_schedule": {"schedule_interval": "5 hours"}}]


def test_an_editor_that_changes_nothing_changes_nothing(server: SmallApi, said: list[str], tmp_path: Path) -> None:
    server.add("jobs", "j", JOB)
    done = edit_job(context(server, said, VISUAL=editor(tmp_path, "")), Given({"job_id": "j"}))
    assert done.document == JOB
    assert said == ["job j stays as it is"]
    assert server.bodies("PATCH") == []


def test_what_scheduler_and_api_keep_is_not_shown_to_the_user() -> None:
    assert editable(JOB) == {
        "client_id": "node",
        "description": "old",
        "job_schedule": {"schedule_interval": "4 hours"},
        "job_actions": [
            {
                "freezer_action": {"action": "backup", "backup_name": "b", "path_to_backup": "/etc"},
                "action_id": "a",
                "max_retries": 5,
            }
        ],
    }


def test_removed_keys_are_named_and_changed_actions_are_new_ones() -> None:
    before = editable(JOB)
    after = json.loads(json.dumps(before))
    del after["job_schedule"]["schedule_interval"]
    after["job_schedule"]["schedule_date"] = "2026-11-22T00:00:00"
    after["job_actions"].insert(0, {**before["job_actions"][0], "max_retries": 1})
    assert changed(before, after) == {
        "job_schedule": {"schedule_interval": None, "schedule_date": "2026-11-22T00:00:00"},
        "job_actions": [
            {"freezer_action": before["job_actions"][0]["freezer_action"], "max_retries": 1},
            before["job_actions"][0],
        ],
    }


def test_what_the_api_refuses_is_kept_for_another_try(server: SmallApi, said: list[str], tmp_path: Path) -> None:
    server.add("jobs", "j", JOB)
    server.faults = [None, Reply(409, {}, b'{"description": "somebody else was faster"}')]
    with pytest.raises(ApiError, match="somebody else was faster") as caught:
        edit_job(context(server, said, EDITOR=editor(tmp_path, "d['description'] = 'new'")), Given({"job_id": "j"}))
    kept = (caught.value.hint or "").split()[-1]
    assert json.loads(Path(kept).read_text())["description"] == "new"
    Path(kept).unlink()


def test_a_mistake_made_in_the_editor_is_told_with_its_line(server: SmallApi, said: list[str], tmp_path: Path) -> None:
    server.add("jobs", "j", JOB)
    with pytest.raises(UsageError, match="line 1: ") as caught:
        edit_job(context(server, said, EDITOR=editor(tmp_path, "d['jobs'] = 1")), Given({"job_id": "j"}))
    Path((caught.value.hint or "").split()[-1]).unlink()


def test_an_editor_that_fails_changes_and_leaves_nothing(
    server: SmallApi, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("jobs", "j", JOB)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for program in (editor(tmp_path, "sys.exit(1)"), str(tmp_path / "nothing")):
        with pytest.raises(CommandError, match="the editor"):
            edit_job(context(server, said, EDITOR=program), Given({"job_id": "j"}))
    assert server.bodies("PATCH") == []
    assert list(tmp_path.glob("freezer-*")) == []


METADATA = {
    "backup_name": "home",
    "container": "/srv",
    "storage": "local",
    "mode": "fs",
    "engine_name": "tar",
    "hostname": "web1",
    "time_stamp": 1_700_000_000,
    "ssh_host": "",
    "nova_inst_id": None,
}


def asked(**values: Any) -> Given:
    return Given({"backup_uuid": "b", "path": "/new", "client": None, "encrypt_pass_file": None, **values})


@pytest.fixture
def stored(server: SmallApi) -> SmallApi:
    server.add("backups", "b", {"backup_id": "b", "backup_metadata": METADATA})
    server.add("clients", "p_web1", {"client": {"client_id": "p_web1", "hostname": "web1"}})
    server.add("clients", "p_web2", {"client": {"client_id": "p_web2", "hostname": "web2"}})
    return server


def test_a_restore_is_a_job_of_the_client_on_that_host_and_is_watched(stored: SmallApi, said: list[str]) -> None:
    steps = [{"status": "scheduled"}, {}, {"status": "running"}, {"status": "completed", "result": "success"}]
    done = restore(context(stored, said, Clock(steps, stored)), asked())
    (identifier,) = stored.objects["jobs"]
    (sent,) = stored.bodies("POST")
    assert sent["client_id"] == "p_web1"
    assert sent["job_actions"][0]["freezer_action"] == {
        "action": "restore",
        "backup_name": "home",
        "container": "/srv",
        "storage": "local",
        "mode": "fs",
        "engine_name": "tar",
        "hostname": "web1",
        "restore_from_date": "2023-11-14T22:13:20",
        "restore_abs_path": "/new",
    }
    assert said == [
        f"job {identifier}: p_web1 restores home",
        f"job {identifier}: waiting for its client",
        f"job {identifier}: scheduled",
        f"job {identifier}: running",
        f"job {identifier}: completed, success",
    ]
    assert done.pairs["Result"] == "success"


def test_a_restore_that_fails_is_a_failure(stored: SmallApi, said: list[str]) -> None:
    steps = [{"status": "completed", "result": "fail"}]
    with pytest.raises(ApiError, match="has ended: fail"):
        restore(context(stored, said, Clock(steps, stored)), asked())


def test_nobody_need_wait(stored: SmallApi, said: list[str]) -> None:
    done = restore(context(stored, said), asked(no_wait=True, client="p_web2", encrypt_pass_file="/pass"))
    assert done.document["client_id"] == "p_web2"
    assert done.document["job_actions"][0]["freezer_action"]["encrypt_pass_file"] == "/pass"


def test_who_restores_and_where_to_must_be_clear(stored: SmallApi, said: list[str]) -> None:
    with pytest.raises(UsageError, match="--path is missing"):
        restore(context(stored, said), asked(path=None))
    stored.add("clients", "q_web1", {"client": {"client_id": "q_web1", "hostname": "web1"}})
    with pytest.raises(UsageError, match="on web1: p_web1, q_web1"):
        restore(context(stored, said), asked())
    assert stored.bodies("POST") == []
