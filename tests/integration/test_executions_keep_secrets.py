"""Secrets of a job, and of whom it is executed for, do not leave the agent."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from freezer.scheduler.contract import Outcome
from freezer.scheduler.execution.executor import AGENT
from support.executing import Office, Orders, action, executor, hold, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]

CANARIES = ("canary-of-the-cloud", "canary-of-ssh", "canary-of-s3", "canary-of-a-proxy", "canary-in-surroundings")


def found_in(data: bytes) -> list[str]:
    return [each for each in CANARIES if each.encode() in data]


def files_below(path: Path) -> dict[str, list[str]]:
    """Which canaries are in which files."""
    found = {}
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            if os.path.isfile(full) and (canaries := found_in(Path(full).read_bytes())):
                found[os.path.relpath(full, path)] = canaries
    return found


def processes_with(mark: str) -> dict[str, list[str]]:
    """Which canaries /proc shows, of the processes of a run directory."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            shown = {name: Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")}
        except OSError:
            continue
        if mark.encode() in shown["environ"] + shown["cmdline"]:
            words = shown["cmdline"].replace(b"\0", b" ").decode("utf-8", "replace")
            found[f"{pid} {words}"] = found_in(shown["environ"] + shown["cmdline"])
    return found


@pytest.mark.parametrize("how", ["success", "failure", "abort", "death"])
def test_nothing_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setenv("OS_USER_SECRET", CANARIES[4])
    source = tmp_path / "source"
    source.mkdir()
    gate, state = tmp_path / "gate", tmp_path / "state"
    state.mkdir()
    begun = tmp_path / "begun"
    wait = (
        f"import os, time; print(os.environ); open('{begun}', 'w')\n"
        f"while not os.path.exists('{gate}'): time.sleep(0.02)"
    )
    (state / "wait.py").write_text(wait)
    entry = action(
        path_to_backup=str(source if how != "failure" else tmp_path / "missing"), container=str(tmp_path / "c"),
        storage="local", backup_name="it", ssh_password=CANARIES[1], secret_key=CANARIES[2],
        pre_command=f"{sys.executable} {state}/wait.py", log_file=str(state / "agent.log"), debug=True,
    )  # fmt: skip
    variables = {"OS_PASSWORD": CANARIES[0], "https_proxy": f"http://u:{CANARIES[3]}@localhost:1"}
    mine = executor(state, AGENT, variables=lambda _: variables, grace=10)
    held, office, orders = hold(entry), Office(), Orders()
    outcomes: list[Outcome | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(mine.execute(held, office, orders)), daemon=True)
    thread.start()
    folder = wait_for(lambda: list(mine.stints.of(held.wanted.run_id).values()))[0]
    wait_for(begun.exists)
    shown = processes_with(folder.path)
    assert len(shown) >= 2, "the agent and its command"
    assert not any(shown.values()), shown
    assert files_below(state) == {}, "the agent has read what was meant for it"
    if how == "abort":
        orders.give("abort")
    elif how == "death":
        os.kill(folder.agent().pid, 9)
    else:
        gate.touch()
    thread.join(60)
    expected = {"success": "success", "failure": "failed", "abort": "aborted", "death": "failed"}
    assert [outcome.state for outcome in outcomes if outcome] == [expected[how]]
    wait_for(lambda: not processes_with(folder.path))  # what it had started goes with it
    assert files_below(state) == {}
    assert not found_in(f"{office.text} {office.told} {office.backups}".encode())


def test_what_was_meant_for_an_agent_that_never_began_is_removed(tmp_path: Path) -> None:
    mine = executor(tmp_path, ("/no/such/agent",), variables=lambda _: {"OS_PASSWORD": CANARIES[0]})
    outcome = mine.execute(hold(action(ssh_password=CANARIES[1])), Office(), Orders())
    assert outcome is not None
    assert outcome.state == "failed"
    assert files_below(tmp_path) == {}


def test_only_the_owner_reads_what_is_meant_for_the_agent(tmp_path: Path) -> None:
    stand_in = tmp_path / "look.py"
    stand_in.write_text(
        "import os, stat, sys\nfolder = sys.argv[2]\n"
        "print([oct(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)) for name in ('', 'config', "
        "'variables.json', 'brief.json')], open(os.path.join(folder, 'config')).read().count('canary'))\n"
    )
    office = Office()
    before = os.umask(0)
    try:
        mine = executor(tmp_path, (sys.executable, str(stand_in)))
        assert mine.execute(hold(action(ssh_password=CANARIES[1])), office, Orders()) == Outcome("success", 0)
    finally:
        os.umask(before)
    assert office.text == "['0o700', '0o600', '0o600', '0o600'] 1\n"
