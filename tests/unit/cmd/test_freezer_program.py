"""The program ``freezer``: what python-freezerclient's users type does what it did, without its mistakes."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from freezer.cli.commands import COMMANDS, find_command
from freezer.cmd.freezer import command_parser, main
from freezer.cmd.globals import add_global_options
from support.original_commands import ORIGINAL
from support.printed import printed
from support.small_api import PROJECT, SmallApi

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "client.md"

JOB = {
    "job_actions": [
        {
            "freezer_action": {"action": "backup", "mode": "fs", "backup_name": "b", "path_to_backup": "/etc"},
            "max_retries": 3,
            "max_retries_interval": 60,
        }
    ],
    "job_schedule": {"schedule_interval": "4 hours", "schedule_start_date": "2015-08-16T17:58:00"},
    "description": "schedule_backups 6",
}
METADATA = {
    "backup_name": "b",
    "container": "c",
    "hostname": "h",
    "time_stamp": 1_700_000_000,
    "curr_backup_level": 0,
    "path_to_backup": "/etc",
}


class Done(NamedTuple):
    code: int
    out: str
    err: str


Freezer = Callable[..., Done]


@pytest.fixture
def server() -> Iterator[SmallApi]:
    server = SmallApi()
    yield server
    server.close()


@pytest.fixture
def freezer(
    server: SmallApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Freezer:
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OS_BACKUP_URL", f"{server.url}/v2/{PROJECT}")

    def run(*words: str) -> Done:
        code = main(words)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[object], str]:
    def write(document: object) -> str:
        path = tmp_path / "document.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def examples(server: SmallApi) -> None:
    """One object of each kind, as an API of version 19.0.0 gives it, with its nulls and without what it leaves out."""
    server.add(
        "jobs", "j", {"job_id": "j", "client_id": "n", "job_actions": [], "job_schedule": {}, "description": None}
    )
    server.add("sessions", "s", {"session_id": "s", "session_tag": 0, "jobs": None, "schedule": {}})
    server.add("actions", "a", {"action_id": "a", "freezer_action": {"action": "backup", "storage": None}})
    server.add("clients", "n", {"client": {"client_id": "n", "uuid": "u", "hostname": None, "description": None}})
    server.add("backups", "b", {"backup_id": "b", "status": "available", "backup_metadata": METADATA})


@pytest.mark.parametrize("name", ORIGINAL)
def test_each_command_wants_what_it_wanted(freezer: Freezer, name: str) -> None:
    wanted = ORIGINAL[name][0].split()
    done = freezer(name, "--help")
    assert done.code == 0
    usage = done.out.partition("\n\n")[0]
    for each in wanted:
        assert each.strip("[]") in usage.replace("--client ID", "--client -C")
    done = freezer(name)
    needed = [each for each in wanted if not each.startswith("[")]
    if needed:
        assert done.code == 2
        assert all(each in done.err for each in needed)
    else:
        assert done.code == 0


@pytest.mark.parametrize("name", [name for name, (_, columns) in ORIGINAL.items() if columns])
def test_each_command_shows_the_columns_that_it_showed(
    freezer: Freezer, server: SmallApi, name: str, tmp_path: Path
) -> None:
    examples(server)
    kind, verb = name.split("-")
    documents = {
        "job": JOB,
        "session": {"schedule": {}},
        "action": {"freezer_action": {"action": "backup"}},
        "client": {"client_id": "n"},
        "backup": METADATA,
    }
    (tmp_path / "f").write_text(json.dumps(documents[kind]))
    words = {
        "list": [],
        "show": [{"client": "n"}.get(kind, kind[0])],
        "register": ["--file", str(tmp_path / "f")],
        "create": ["--file", str(tmp_path / "f"), *(["-C", "n"] if kind == "job" else [])],
        "update": [kind[0], str(tmp_path / "f")],
    }[verb]
    done = freezer(name, *words)
    assert done.code == 0, done.err
    shown = table(done.out)
    columns = shown[0] if verb == "list" else [row[0] for row in shown[1:] if row[0]]
    assert columns == ORIGINAL[name][1].split(", ")
    done = freezer(name, *words, "-f", "json")
    document = json.loads(done.out)
    assert list(document[0] if verb == "list" else document) == columns


@pytest.mark.parametrize("kind", ["job", "session", "action", "client", "backup"])
def test_c3_an_empty_list_has_no_rows(freezer: Freezer, kind: str) -> None:
    assert json.loads(freezer(f"{kind}-list", "-f", "json").out) == []
    assert freezer(f"{kind}-list").out == "\n"


def test_c1_c2_backups_are_listed_by_age_even_without_a_time(freezer: Freezer, server: SmallApi) -> None:
    for number, stamp in enumerate([1_700_000_100, "", 1_700_000_000, None, "nonsense", 10**30]):
        server.add("backups", f"b{number}", {"backup_id": f"b{number}", "backup_metadata": {"time_stamp": stamp}})
    rows = json.loads(freezer("backup-list", "-f", "json").out)
    created = {row["Backup UUID"]: row["Created at"] for row in rows}
    assert list(created) == ["b1", "b3", "b4", "b2", "b0", "b5"]
    assert created["b2"] == "2023-11-14T22:13:20Z"
    assert created["b1"] == ""


def test_c4_a_backup_has_its_id_whatever_the_api_calls_it(freezer: Freezer, server: SmallApi) -> None:
    server.add("backups", "b", {"backup_id": "b", "backup_metadata": METADATA})
    assert json.loads(freezer("backup-show", "b", "-f", "json").out)["Backup ID"] == "b"


def test_c6_the_last_start_of_a_session_is_that_of_its_last_round(freezer: Freezer, server: SmallApi) -> None:
    server.add("sessions", "s", {"session_id": "s", "schedule": {}, "time_start": 1_700_000_000, "session_tag": 1})
    shown = json.loads(freezer("session-show", "s", "-f", "json").out)
    assert shown["Last start"] == shown["Time start"] == 1_700_000_000


def test_a_session_with_a_barrier_shows_how_it_was_held_still(freezer: Freezer, server: SmallApi) -> None:
    held = {"state": "released", "reason": "", "released_at": 1.5, "spread": 0.25}
    server.add("sessions", "s", {"session_id": "s", "schedule": {}, "barrier": 30, "round": held})
    shown = json.loads(freezer("session-show", "s", "-f", "json").out)
    assert shown["Barrier"] == "30 s"
    assert shown["Held still together"] == "released: from the first to the last 0.250 s"
    held.update(state="broken", reason="job j did not begin in time", spread=None)
    server.add("sessions", "t", {"session_id": "t", "schedule": {}, "barrier": 30, "round": held})
    assert "broken: job j did not begin in time" in freezer("session-show", "t").out
    server.add("sessions", "u", {"session_id": "u", "schedule": {}})
    assert "Barrier" not in freezer("session-show", "u").out


def test_c5_the_reason_of_a_refusal_is_told(freezer: Freezer, server: SmallApi, file: Callable[[object], str]) -> None:
    from support.small_http import Reply

    body = json.dumps({"title": "Conflict", "description": "Client n is already registered by another project"})
    server.faults = [Reply(409, {}, body.encode())]
    done = freezer("client-register", "--file", file({"client_id": "n"}))
    assert done.code == 1
    assert done.out == ""
    assert "Client n is already registered by another project" in done.err
    server.faults = [Reply(400, {}, json.dumps({"description": "job_id not found in session"}).encode())]
    done = freezer("session-remove-job", "--session-id", "s", "--job-id", "j")
    assert done.code == 1
    assert "job_id not found in session" in done.err


def test_a_job_that_was_got_can_be_made_again(
    freezer: Freezer, server: SmallApi, file: Callable[[object], str], tmp_path: Path
) -> None:
    freezer("job-create", "--file", file(JOB), "-C", "node12")
    (identifier,) = server.objects["jobs"]
    got = freezer("job-get", identifier)
    assert json.loads(got.out)["client_id"] == "node12"
    assert freezer("job-get", identifier, "--no-format").out.count("\n") == 1
    document = {key: value for key, value in json.loads(got.out).items() if key != "job_id"}
    assert freezer("job-create", "--file", file(document)).code == 0
    assert len(server.objects["jobs"]) == 2


def test_searches_reach_the_api(freezer: Freezer, server: SmallApi) -> None:
    server.features = ("search",)
    freezer("job-list", "--search", '[{"status": "completed"}]', "-C", "node", "--all-projects")
    freezer("backup-list", "--search", "etc", "--limit", "5", "--offset", "2")
    assert server.bodies("GET") == [
        {"match": [{"status": "completed"}, {"client_id": "node"}]},
        {"match": [{"_all": "etc"}]},
    ]
    queries = [request.query for request in server.requests if request.name]
    assert queries == [{"limit": "100", "offset": "0", "all_projects": "True"}, {"limit": "5", "offset": "2"}]


def test_backups_are_found_by_what_is_known_of_them(freezer: Freezer, server: SmallApi) -> None:
    server.features = ("search",)
    words = [
        "etc",
        "nightly",
        "--host",
        "web1",
        "--path",
        "/etc",
        "--after",
        "2023-11-14",
        "--before",
        "2023-11-15T00:00+01:00",
    ]
    assert freezer("backup-search", *words).code == 0
    assert server.bodies("GET") == [
        {
            "match": [{"_all": "etc"}, {"_all": "nightly"}, {"hostname": "web1"}, {"path_to_backup": "/etc"}],
            "time_before": 1_700_002_800,
            "time_after": 1_699_920_000,
        }
    ]
    done = freezer("backup-search", "--after", "yesterday")
    assert done.code == 2
    assert "--after yesterday" in done.err


@pytest.mark.parametrize(
    "command",
    [
        ("backup-search", "etc"),
        *((f"{kind}-list", "--search", "etc") for kind in ("job", "session", "action", "client", "backup")),
    ],
)
def test_c7_a_search_that_would_be_ignored_is_refused(freezer: Freezer, command: tuple[str, ...]) -> None:
    done = freezer(*command)
    assert done.code == 2
    assert "it would ignore them" in done.err
    assert freezer("backup-search", "--host", "web1").code == 0
    assert freezer("job-list", "--search", '[{"status": "completed"}]').code == 0


def test_events_say_on_standard_error_what_came_of_them(freezer: Freezer, server: SmallApi) -> None:
    examples(server)
    done = freezer("job-start", "j")
    assert (done.code, done.out, done.err) == (0, "", "freezer: job j: start requested\n")
    assert "already requested" in freezer("job-start", "j").err
    assert freezer("-q", "job-stop", "j") == (0, "", "")
    assert json.loads(freezer("job-abort", "j", "--json").out)["event"] == "abort"
    done = freezer("job-start", "nope")
    assert done.code == 1
    assert "nope does not exist" in done.err


def test_json_is_all_that_the_api_tells(freezer: Freezer, server: SmallApi) -> None:
    examples(server)
    assert json.loads(freezer("--json", "job-list").out) == [server.objects["jobs"]["j"]]
    assert json.loads(freezer("job-show", "j", "--json").out) == server.objects["jobs"]["j"]
    done = freezer("job-show", "nope", "--json")
    assert done.code == 1
    assert json.loads(done.out)["error"]["type"] == "ApiMissing"
    assert json.loads(done.err)["event"] == "error"


def test_a_mistake_in_a_file_is_found_before_anything_is_sent(
    freezer: Freezer, server: SmallApi, tmp_path: Path
) -> None:
    path = tmp_path / "job.json"
    path.write_text('{\n "job_actions": [\n  {"freezer_action": {\n   "action": "backup",\n   "mode": "teleport"}}]}')
    done = freezer("job-create", "--file", str(path), "-C", "node")
    assert done.code == 2
    assert f"{path}: line 5: mode: 'teleport'" in done.err
    path.write_text('{\n "job_actions" []\n}')
    assert "job.json: line 2, column 16" in freezer("job-create", "--file", str(path), "-C", "node").err
    assert server.requests == []


def test_spellings_that_were_seen_in_the_wild_are_understood(
    freezer: Freezer, server: SmallApi, tmp_path: Path
) -> None:
    path = tmp_path / "test.json"
    path.write_bytes(printed("users-job"))
    client = "46c449c804af497d9c22c86c5142f608_localhost.localdomain"
    done = freezer("job-create", "--file", str(path), "--client", client)
    assert done.code == 0, done.err
    (sent,) = server.bodies("POST")
    assert sent["client_id"] == client
    assert sent["job_schedule"]["schedule_interval"] == "30 minutes"
    (action,) = sent["job_actions"]
    assert action["freezer_action"]["backup_name"] == "nova_backup_by_json"
    assert action["max_retries"] == 2


def test_options_of_the_program_stand_anywhere(freezer: Freezer) -> None:
    for words in (["-q", "job-list", "-f", "csv"], ["job-list", "-f", "csv", "-q"], ["job", "list", "-f", "csv"]):
        assert freezer(*words).out.startswith('"Job ID","Description"')


def test_secrets_on_the_command_line_and_unchecked_certificates_are_warned_of(
    freezer: Freezer, server: SmallApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.login = ("ann", "hunter2")
    done = freezer("--os-username", "ann", "--os-password", "hunter2", "job-list")
    assert done.code == 0
    assert "warning: --os-password can be read by everybody" in done.err
    assert "hunter2" not in done.err
    assert "certificates are not checked" in freezer("-k", "job-list").err
    monkeypatch.setenv("OS_INSECURE", "False")
    assert "certificates" not in freezer("job-list").err
    monkeypatch.setenv("OS_INSECURE", "True")
    assert "certificates are not checked (OS_INSECURE)" in freezer("job-list").err


def test_requests_are_shown_to_those_who_ask(freezer: Freezer, server: SmallApi, tmp_path: Path) -> None:
    server.login = ("ann", "hush")
    words = ["--os-username", "ann", "--os-password", "hush", "--log-file", str(tmp_path / "log"), "--debug"]
    done = freezer(*words, "job-list")
    line = f"GET {server.url}/v2/{PROJECT}/jobs?limit=100&offset=0&all_projects=False: 200 in "
    assert line in done.err
    assert line in (tmp_path / "log").read_text()
    assert "hush" not in done.err.replace("--os-password", "") + (tmp_path / "log").read_text()


def test_what_is_mistyped_is_answered_with_what_is_near(freezer: Freezer) -> None:
    done = freezer("job-lst")
    assert done.code == 2
    assert "there is no command 'job-lst'" in done.err
    assert "job-list" in done.err
    done = freezer("--os-user", "x", "job-list")
    assert done.code == 2
    assert "there is no option --os-user" in done.err
    assert freezer("job-list", "--limit", "abc").code == 2
    assert freezer("job-list", "--limit", "-1").code == 2
    assert freezer("job-list", "-f", "xml").code == 2


def test_help_teaches(freezer: Freezer) -> None:
    overview = freezer("--help")
    assert overview.code == 0
    assert all(f"  {name} " in overview.out for name in ORIGINAL)
    assert freezer("help", "job-list").out == freezer("job-list", "-h").out
    done = freezer()
    assert done.code == 2
    assert done.out == overview.out
    assert freezer("--version").out.startswith("freezer ")


def test_the_guide_names_commands_and_options_that_are_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    general = argparse.ArgumentParser()
    add_global_options(general)
    known = {*general._option_string_actions}
    for command in COMMANDS:
        known |= {*command_parser(command)._option_string_actions}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= known
    lines = re.findall(r"^\$ freezer (?!help )(.*)$", text, re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        _, rest = general.parse_known_args(shlex.split(line, comments=True))
        command, arguments = find_command(rest)
        assert command is not None, line
        assert command_parser(command).parse_args(arguments), line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_learn_all_commands(freezer: Freezer, shell: str) -> None:
    done = freezer("complete", shell)
    assert done.code == 0
    assert all(name in done.out for name in ORIGINAL)
    assert freezer("complete", "tcsh").code == 2


def test_bash_completes_commands_and_options(freezer: Freezer, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(freezer("complete").out)

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        program = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _freezer; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("freezer", "session-a") == ["session-add-job"]
    assert completed("freezer", "job-list", "--all") == ["--all-projects"]
    assert completed("freezer", "--os-clo") == ["--os-cloud"]
    assert "job-start" in completed("freezer", "-q", "job-")


def test_no_columns_of_strangers(freezer: Freezer, server: SmallApi) -> None:
    examples(server)
    assert freezer("job-list", "-c", "Job ID", "-c", "Status", "-f", "value").out == "j \n"
    done = freezer("job-list", "-c", "Nothing")
    assert done.code == 2
    assert "there is no column 'Nothing'" in done.err


@pytest.mark.stopwatch
def test_help_imports_next_to_nothing() -> None:
    unused = (
        "ssl",
        "http.client",
        "keystoneauth1",
        "requests",
        "yaml",
        "rich",
        "freezer.client",
        "freezer.model",
    )
    program = f"""
import sys
from freezer.cmd.freezer import main
code = main({["--help"]!r})
print(code, *[name for name in {unused!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].split() == ["0"]


@pytest.mark.stopwatch
def test_without_keystone_nothing_of_it_is_imported(server: SmallApi) -> None:
    unused = ("keystoneauth1", "requests", "yaml", "rich", "sqlite3")
    program = f"""
import sys
from freezer.cmd.freezer import main
code = main({["job-list", "--os-backup-url", server.url]!r})
print(code, *[name for name in {unused!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].split() == ["0"]


def test_backups_are_forgotten_by_ones_and_by_many(freezer: Freezer, server: SmallApi) -> None:
    for name in ("b1", "b2", "b3", "b4"):
        server.add("backups", name, {"backup_id": name, "status": "available", "backup_metadata": METADATA})
    assert freezer("backup-delete", "b1").err == "freezer: what the API knew of backup b1 is deleted\n"
    assert json.loads(freezer("backup-delete", "b2", "b3", "b2", "--json").out) == {"backup_ids": ["b2", "b3"]}
    done = freezer("backup-delete", "b4", "nope")
    assert done.code == 1
    assert "1 of 2 backups do not exist: nope" in done.err
    assert server.objects["backups"] == {}
