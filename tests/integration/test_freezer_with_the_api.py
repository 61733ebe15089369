"""The program ``freezer`` and the real API: every command, without Keystone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bcrypt
import pytest

from freezer.api.config import ApiSettings
from freezer.api.server import make_application
from freezer.cmd.freezer import main
from freezer.cmd.scheduler import main as scheduler
from support.api import fresh_database
from support.over_http import behind_a_port

pytestmark = pytest.mark.integration

JOB = {
    "job_actions": [
        {
            "freezer_action": {
                "action": "backup",
                "mode": "fs",
                "backup_name": "home",
                "path_to_backup": "/home",
                "storage": "local",
                "container": "/srv/backups",
            },
            "max_retries": 2,
            "max_retries_interval": 60,
        }
    ],
    "job_schedule": {"schedule_interval": "1 days"},
    "description": "home, every day",
}


class Done(NamedTuple):
    code: int
    out: str
    err: str


Freezer = Callable[..., Done]


@contextmanager
def serving(settings: ApiSettings) -> Iterator[str]:
    """The address of an API."""
    with behind_a_port(make_application(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(ApiSettings(auth="none", database=fresh_database(tmp_path_factory.mktemp("api")))) as address:
        yield address


@pytest.fixture
def freezer(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Freezer:
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_BACKUP_URL", url)

    def run(*words: str, program: Callable[[tuple[str, ...]], int] = main) -> Done:
        code = program(words)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], str]:
    def written(document: object) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(document))
        return str(path)

    return written


def shown(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture
def client(freezer: Freezer, write: Callable[[object], str]) -> str:
    document = {"client_id": "node12", "hostname": "web1", "description": "a machine"}
    assert shown(freezer("client-register", "--file", write(document), "-f", "json"))["hostname"] == "web1"
    return "node12"


def test_a_job_lives_and_dies(freezer: Freezer, write: Callable[[object], str], client: str) -> None:
    made = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))
    identifier = made["Job ID"]
    assert (made["Client ID"], made["Interval"], made["Description"]) == (client, "1 days", "home, every day")
    assert made["Actions"][0]["freezer_action"]["path_to_backup"] == "/home"
    assert identifier in [row["Job ID"] for row in shown(freezer("job-list", "-C", client, "-f", "json"))]
    changed = shown(freezer("job-update", identifier, write({"description": "changed"}), "-f", "json"))
    assert (changed["Description"], changed["Interval"]) == ("changed", "1 days")
    assert "start requested" in freezer("job-start", identifier).err
    assert shown(freezer("job-show", identifier, "-f", "json"))["Event"] == "start"
    for event in ("stop", "abort"):
        assert freezer(f"job-{event}", identifier).code == 0
    assert freezer("job-delete", identifier).code == 0
    for words in (["job-show", identifier], ["job-delete", identifier], ["job-start", identifier]):
        done = freezer(*words)
        assert done.code == 1
        assert done.err.count("\n") <= 2


def test_what_job_get_prints_makes_the_same_job_again(
    freezer: Freezer, write: Callable[[object], str], client: str
) -> None:
    made = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))
    first = shown(freezer("job-get", made["Job ID"]))
    again = {key: value for key, value in first.items() if key != "job_id"}
    second = shown(freezer("job-get", shown(freezer("job-create", "--file", write(again), "--json"))["job_id"]))
    assert second["job_id"] != first["job_id"]
    assert second["job_actions"] == first["job_actions"]
    assert second["description"] == first["description"]
    replaced = shown(freezer("job-create", "--file", write({**first, "description": "replaced"}), "-f", "json"))
    assert replaced["Job ID"] == first["job_id"]


def test_a_job_is_edited_and_another_editor_is_noticed(
    freezer: Freezer, write: Callable[[object], str], client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))["Job ID"]
    script = tmp_path / "editor.py"
    program = "import json, sys; d = json.load(open(sys.argv[1])); {}; json.dump(d, open(sys.argv[1], 'w'))"
    script.write_text(program.format("d['job_schedule'] = {'schedule_hour': '2'}; d['description'] = 'at night'"))
    monkeypatch.setenv("EDITOR", f"python3 {script}")
    edited = shown(freezer("job-edit", identifier, "-f", "json"))
    assert (edited["Description"], edited["Interval"]) == ("at night", "")
    stored = shown(freezer("job-get", identifier))["job_schedule"]
    assert stored["schedule_hour"] == "2"
    assert "schedule_interval" not in stored
    # while the editor is open, somebody else changes the job
    other = f"{sys.executable} -c 'from freezer.cmd.freezer import main; import sys; sys.exit(main(sys.argv[1:]))'"
    file = write({"description": "theirs"})
    script.write_text(
        f"import os; assert not os.system({f'{other} -q job-update {identifier} {file} >/dev/null'!r})\n"
        + program.format("d['description'] = 'mine'")
    )
    done = freezer("job-edit", identifier)
    assert done.code == 1
    assert "what you wrote is kept" in done.err
    assert shown(freezer("job-get", identifier))["description"] == "theirs"


def test_the_times_of_a_job_and_of_a_file_are_previewed(
    freezer: Freezer, write: Callable[[object], str], client: str
) -> None:
    identifier = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))["Job ID"]
    rows = shown(freezer("schedule-preview", identifier, "--count", "3", "--timezone", "Asia/Tokyo", "-f", "json"))
    assert len(rows) == 3
    assert all(row["Local time"].endswith("+09:00") for row in rows)
    schedule = {"schedule_hour": "3", "schedule_timezone": "Europe/Berlin"}
    words = ("--after", "2046-10-28", "--count", "1", "-f", "json")
    for document in (schedule, {"job_schedule": schedule, "job_actions": []}, {"job": {"job_schedule": schedule}}):
        (row,) = shown(freezer("schedule-preview", "--file", write(document), *words))
        assert row == {"Local time": "2046-10-28T03:00:00+01:00", "UTC": "2046-10-28T02:00:00Z", "Skipped": False}
    for wrong, said in (
        ({"job_schedule": {"schedule_hour": "25"}}, "line 1: schedule_hour"),
        ({"schedule_month": "2", "schedule_day": "30"}, "never comes"),
    ):
        done = freezer("schedule-preview", "--file", write(wrong))
        assert done.code != 0
        assert said in done.err
    assert "the id of one job, or --file" in freezer("schedule-preview").err
    assert freezer("schedule-preview", "no-such-job").code == 1


def test_operators_pause_drain_leave_out_and_look(
    freezer: Freezer, write: Callable[[object], str], client: str
) -> None:
    identifier = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))["Job ID"]
    for words in (["job", identifier], ["client", client], ["project"]):
        assert "begins no runs" in freezer("pause", *words, "--reason", "the disk is full").err
        (row,) = shown(freezer("pause-list", "-f", "json"))
        assert (row["Kind"], row["Reason"], row["Draining"]) == (words[0], "the disk is full", False)
        assert "runs again" in freezer("resume", *words).err
        assert shown(freezer("pause-list", "-f", "json")) == []
    assert "finishes what runs" in freezer("drain", client).err
    health = shown(freezer("client-health", client, "-f", "json"))
    assert (health["Client ID"], health["Draining"]) == (client, True)
    assert freezer("resume", "client", client).code == 0
    assert "is left out" in freezer("skip", identifier).err
    assert shown(freezer("schedule-preview", identifier, "--count", "1", "-f", "json"))[0]["Skipped"] is True
    assert shown(freezer("alarm-list", "-f", "json")) == []
    for wrong in (["pause", "planet"], ["pause", "job"], ["pause", "project", "x"], ["drain", "nobody"], ["skip", "x"]):
        done = freezer(*wrong)
        assert done.code != 0, wrong
        assert done.err.count("\n") <= 2


def test_a_session_has_jobs(freezer: Freezer, write: Callable[[object], str], client: str) -> None:
    job = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))["Job ID"]
    document = {"description": "nightly", "hold_off": 30, "schedule": {"schedule_interval": "1 days"}}
    session = shown(freezer("session-create", "--file", write(document), "-f", "json"))["Session ID"]
    both = ["--session-id", session, "--job-id", job]
    assert freezer("session-add-job", *both).code == 0
    assert list(shown(freezer("session-show", session, "-f", "json"))["Jobs"]) == [job]
    assert shown(freezer("session-start", *both, "--job-tag", "0", "--json"))["result"] == "success"
    assert freezer("session-end", *both, "--job-tag", "1", "--result", "success").code == 0
    ended = shown(freezer("session-show", session, "-f", "json"))
    assert (ended["Status"], ended["Result"], ended["Session tag"]) == ("completed", "success", 1)
    (row,) = [row for row in shown(freezer("session-list", "-f", "json")) if row["Session ID"] == session]
    assert row["# Jobs"] == 1
    assert freezer("session-remove-job", *both).code == 0
    assert shown(freezer("session-update", session, write({"hold_off": 60}), "-f", "json"))["Hold off"] == 60
    assert freezer("session-delete", session).code == 0
    assert freezer("session-delete", session).code == 1


def test_actions_are_kept_for_later(freezer: Freezer, write: Callable[[object], str]) -> None:
    (action,) = JOB["job_actions"]  # type: ignore[misc]
    made = shown(freezer("action-create", "--file", write(action), "-f", "json"))
    assert (made["Name"], made["Storage"], made["Max_retries"]) == ("home", "local", 2)
    changes = {"freezer_action": {"backup_name": "house"}, "max_retries": 7}
    changed = shown(freezer("action-update", made["Action ID"], write(changes), "-f", "json"))
    assert (changed["Name"], changed["Container"], changed["Max_retries"]) == ("house", "/srv/backups", 7)
    assert made["Action ID"] in freezer("action-list").out
    assert freezer("action-delete", made["Action ID"]).code == 0
    assert freezer("action-show", made["Action ID"]).code == 1


def test_backups_are_found_by_words(freezer: Freezer, write: Callable[[object], str]) -> None:
    for host, stamp in (("alpha", 1_700_000_100), ("beta", 1_700_000_000)):
        document = {"backup_name": "home", "container": "c", "hostname": host, "time_stamp": stamp}
        freezer("backup-create", "--file", write({**document, "path_to_backup": "/home"}))
    rows = shown(freezer("backup-list", "-f", "json"))
    assert [row["Hostname"] for row in rows] == ["beta", "alpha"]
    assert [row["Hostname"] for row in shown(freezer("backup-list", "--search", "alpha", "-f", "json"))] == ["alpha"]
    found = shown(freezer("backup-search", "home", "--before", "2023-11-14T22:13:20", "-f", "json"))
    assert [row["Hostname"] for row in found] == ["beta"]
    assert shown(freezer("backup-search", "--host", "alpha", "--name", "house", "-f", "json")) == []
    identifier = rows[0]["Backup UUID"]
    change = {"status": "error", "backup_metadata": {"note": "x"}}
    changed = shown(freezer("backup-update", identifier, write(change), "-f", "json"))
    assert (changed["Status"], changed["Metadata"]["note"], changed["Metadata"]["hostname"]) == ("error", "x", "beta")
    assert freezer("backup-delete", identifier).code == 0
    assert freezer("backup-show", identifier).code == 1
    other = rows[1]["Backup UUID"]
    done = freezer("backup-delete", other, identifier)
    assert (done.code, f"1 of 2 backups do not exist: {identifier}" in done.err) == (1, True)
    assert freezer("backup-show", other).code == 1


def test_clients_are_listed_and_leave(freezer: Freezer, client: str) -> None:
    (row,) = [row for row in shown(freezer("client-list", "-f", "json")) if row["Client ID"] == client]
    assert row["description"] == "a machine"
    assert shown(freezer("client-show", client, "-f", "json"))["Client UUID"] == row["uuid"]
    assert freezer("client-delete", client).code == 0
    assert freezer("client-show", client).code == 1


def test_what_the_api_alone_can_refuse_is_refused_in_one_line(freezer: Freezer, write: Callable[[object], str]) -> None:
    done = freezer("job-create", "--file", write(JOB), "-C", "nobody")
    assert done.code == 1
    assert "Client not found with ID nobody" in done.err


def test_the_first_scheduler_s_commands_work_too(freezer: Freezer, write: Callable[[object], str], client: str) -> None:
    done = freezer("-c", client, "job-create", "--file", write(JOB), program=scheduler)
    assert done.out.startswith("Created job ")
    identifier = done.out.split()[-1]
    assert identifier in freezer("-c", client, "job-list", program=scheduler).out
    assert freezer("-c", client, "job-get", "-j", identifier, program=scheduler).code == 0


def test_long_lists_come_whole(freezer: Freezer, write: Callable[[object], str], client: str) -> None:
    from freezer.client.opening import open_api
    from freezer.client.search import search_for

    with open_api(os.environ, home="/nonexistent") as api:
        for number in range(25):
            api.backups.create({"backup_name": f"many{number}", "container": "c", "hostname": "h"})
        found = [each["backup_metadata"]["backup_name"] for each in api.backups.each(search=search_for("many"))]
        assert sorted(found) == sorted(f"many{number}" for number in range(25))
        assert "idempotency-key" in api.features()
    rows = shown(freezer("backup-list", "--limit", "10", "--offset", "5", "-f", "json"))
    assert len(rows) == 10


def test_whoever_has_a_password_is_let_in_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freezer: Freezer
) -> None:
    hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"ann:{hashed}\n")
    (tmp_path / "users.toml").write_text('[users.ann]\nproject = "home"\nroles = ["member", "reader"]\n')
    (tmp_path / "token.key").write_bytes(bytes(range(32)))
    (tmp_path / "token.key").chmod(0o600)
    places = {key: str(tmp_path / name) for key, name in _FILES.items()}
    with serving(ApiSettings(auth="basic", database=fresh_database(tmp_path), **places)) as address:
        monkeypatch.setenv("OS_BACKUP_URL", address)
        monkeypatch.setenv("OS_USERNAME", "ann")
        monkeypatch.setenv("OS_PASSWORD", "word")
        assert shown(freezer("job-list", "-f", "json")) == []
        # the API's own identity service, as python-freezerclient needs it
        through = ["--os-auth-url", f"{address}/identity/v3", "--os-auth-type", "password", "--os-project-name", "home"]
        assert shown(freezer("client-list", "-f", "json", *through)) == []
        monkeypatch.setenv("OS_PASSWORD", "wrong")
        done = freezer("job-list")
        assert done.code == 1
        assert "does not know us" in done.err


_FILES = {"passwords": "htpasswd", "users": "users.toml", "token_key": "token.key"}


def test_a_machine_gets_a_key_and_loses_it(freezer: Freezer, url: str, client: str, monkeypatch: Any) -> None:
    made = shown(freezer("client-key-create", client, "-f", "json"))
    assert shown(freezer("client-key-show", client, "-f", "json"))["Key ID"] == made["Key ID"]
    with monkeypatch.context() as node:
        node.setenv("OS_TOKEN", made["Token"])
        assert [row["Client ID"] for row in shown(freezer("client-list", "-f", "json"))] == [client]
        assert freezer("session-list").code == 1
    assert freezer("client-key-delete", client).code == 0
    assert freezer("client-key-show", client).code == 1


def test_quotas_are_shown_and_changed(freezer: Freezer) -> None:
    before = {row["Resource"]: row for row in shown(freezer("quota-show", "-f", "json"))}
    assert before["jobs"]["Limit"] == "none"
    words = ("quota-update", "jobs=100000", "log_bytes=none", "backups=default", "-f", "json")
    after = {row["Resource"]: row for row in shown(freezer(*words))}
    assert after["jobs"] == {"Resource": "jobs", "Used": before["jobs"]["Used"], "Limit": 100000}
    assert freezer("quota-update", "jobs=default").code == 0
    for wrong in ("jobs", "jobs=", "jobs=some", "jobs=-2", "job=1", "jobs=none=1"):
        done = freezer("quota-update", wrong)
        assert (done.code, done.err.count("\n") <= 2) == (2, True), done


def test_the_audit_says_who_did_what(freezer: Freezer, write: Callable[[object], str], client: str) -> None:
    identifier = shown(freezer("job-create", "--file", write(JOB), "-C", client, "-f", "json"))["Job ID"]
    (row,) = shown(freezer("audit-list", "--target", f"jobs/{identifier}", "-f", "json"))
    assert (row["User"], row["Operation"]) == ("admin", "jobs:create")
    assert len(shown(freezer("audit-list", "--limit", "2", "-f", "json"))) == 2
    everything = shown(freezer("audit-list", "--limit", "0", "--operation", "jobs:create", "-f", "json"))
    assert {row["Operation"] for row in everything} == {"jobs:create"}
    assert shown(freezer("audit-list", "--user", "nobody", "-f", "json")) == []
