"""``freezer up`` in an empty home directory, as somebody sees it who has never heard of it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.processes import free_ports
from servers.session import database
from servers.sshd import running_sshd
from support.machines import AGENT, PROGRAM, Machine
from support.sweeps import Trials

pytestmark = pytest.mark.integration


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """Makes machines; in the end they are down."""
    made: list[Machine] = []

    def make(name: str) -> Machine:
        made.append(Machine(tmp_path / name))
        return made[-1]

    yield make
    for each in made:
        if each.home.exists():
            each.run("down", code=None)


def test_everything_from_nothing_to_a_restore_and_down_again(machines: Callable[[str], Machine]) -> None:
    machine = machines("one")
    machine.environ["http_proxy"] = "http://127.0.0.1:9"  # where nobody is: what is on this machine needs no proxy
    first = machine.run("up", machine.documents)
    assert "FREEZER RECOVERY SHEET" in first.stdout
    [passphrase] = re.findall(r"passphrase   (\S+)", first.stdout)
    [password] = re.findall(r"shown this once\):\n\n    (\S+)\n", first.stdout)
    assert (machine.home / "passphrase").read_text().strip() == passphrase
    assert "the backup is done" in first.stderr
    assert "What can be done now:" in first.stdout

    assert {path.name for path in machine.folder.iterdir()} == {"documents", ".freezer"}, "nothing outside of the home"
    assert {path.name for path in (machine.folder / ".freezer").iterdir()} == {"up"}
    assert _readable_by_others(machine.home) == []
    assert machine.restored("restored") == {
        "letter.txt": b"Dear reader\n",
        "photo.bin": (machine.documents / "photo.bin").read_bytes(),
    }

    told = machine.run("status").stdout
    assert re.search(r"documents, every day +success, .* ago; next in 2[34] h", told), told
    assert "success" in machine.run("run-list").stdout, "no variable says where the API is"

    again = machine.run("up", machine.documents)
    assert "RECOVERY SHEET" not in again.stdout
    assert "password" not in again.stdout
    assert len(machine.run("job-list", "-f", "value", "-c", "Job ID").stdout.split()) == 2
    assert len(machine.run("run-list", "-f", "value", "-c", "State").stdout.split()) == 1

    _check_secrets(machine, passphrase, password)
    machine.run("down")
    assert "down" in machine.run("status", code=1).stdout
    assert machine.run("down").stderr.strip().endswith("it was down already")
    machine.run("up")
    assert "success" in machine.run("run-list").stdout


def _readable_by_others(folder: Path) -> list[Path]:
    """What others could read if the home itself were open; the home is not."""
    assert folder.stat().st_mode & 0o077 == 0
    return [path for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077]


def _check_secrets(machine: Machine, passphrase: str, password: str) -> None:
    """No secret is in a command line, a log or a job; the token in no environment but the scheduler's."""
    token = (machine.home / "scheduler.token").read_text().strip()
    secrets = (passphrase, password, token.rpartition(".")[2])
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _exists(path)]
    assert not any(secret.encode() in line for line in lines for secret in secrets)
    logs = machine.logs() + "".join(path.read_text(errors="replace") for path in (machine.home / "log").iterdir())
    assert not any(secret in logs for secret in secrets)
    jobs = machine.run("--json", "job-list").stdout
    assert not any(secret in jobs for secret in secrets)


def _exists(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_services_that_are_killed_are_started_again(machines: Callable[[str], Machine]) -> None:
    machine = machines("one")
    machine.up()
    for service in ("api", "scheduler"):
        process = int((machine.home / "run" / f"{service}.lock").read_text())
        os.kill(process, signal.SIGKILL)
        _until(lambda service=service, process=process: _holder(machine, service) not in (0, process))
    _until(lambda: machine.run("status", code=None).returncode == 0)
    supervisor = int((machine.home / "run" / "supervisor.lock").read_text())
    os.kill(supervisor, signal.SIGKILL)
    machine.run("up")
    machine.run("status")


def _holder(machine: Machine, service: str) -> int:
    text = (machine.home / "run" / f"{service}.lock").read_text().strip()
    return int(text) if text else 0


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it does not happen")


@pytest.mark.slow
def test_whatever_moment_it_is_killed_in_the_same_command_goes_on(
    machines: Callable[[str], Machine], trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    """``up`` is killed, and sometimes all that it has started as well; then it is asked for again."""
    for trial in range(trials(1, 40)):
        machine = machines(f"trial-{trial}")
        words = ("up", str(machine.documents), "--port", str(free_ports(1)[0]))
        for _ in range(3):
            process = subprocess.Popen(
                [*PROGRAM, *words],
                env=machine.environ, cwd=machine.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(chance.uniform(0.2, 3.0))
            process.kill()
            process.wait()
            if chance.random() < 0.5:
                _kill_everything(machine)
        done = machine.run(*words)
        assert "the backup is done" in done.stderr
        assert machine.restored("restored")["letter.txt"] == b"Dear reader\n"
        assert len(machine.run("job-list", "-f", "value", "-c", "Job ID").stdout.split()) == 2
        assert len(machine.run("client-list", "-f", "value", "-c", "Client ID").stdout.split()) == 1
        machine.run("down")
        counted["up killed"] += 3


def _kill_everything(machine: Machine) -> None:
    for name in ("supervisor", "scheduler", "api"):
        lock = machine.home / "run" / f"{name}.lock"
        text = lock.read_text().strip() if lock.exists() else ""
        if text and name.encode() in _command(int(text)):
            os.kill(int(text), signal.SIGKILL)


def _command(process: int) -> bytes:
    path = Path(f"/proc/{process}/cmdline")
    line = path.read_bytes() if _exists(path) else b""
    return line.replace(b"--supervise", b"supervisor")


def test_another_machine_joins_once_with_a_repository_of_its_own(machines: Callable[[str], Machine]) -> None:
    first, second, third = machines("first"), machines("second"), machines("third")
    first.up("--listen", "localhost")
    refused = first.run("invite", "--hours", 999, code=2)
    assert "no number of hours from 1 to 168" in refused.stderr
    [url, token] = re.findall(r"^freezer join (\S+) --token (\S+)$", first.run("invite").stdout, re.MULTILINE)[0]
    assert url.startswith("https://localhost:")
    done = second.run(
        "join",
        url,
        "--token",
        token,
        "--client",
        "web2",
        "--source",
        second.documents,
        "--store",
        second.folder / "backups",
    )
    assert "FREEZER RECOVERY SHEET" in done.stdout
    assert "the backup is done" in done.stderr
    assert (first.home / "passphrase").read_text() != (second.home / "passphrase").read_text()
    assert second.restored("restored")["letter.txt"] == b"Dear reader\n"
    second.run("status")
    assert set(first.run("client-list", "-f", "value", "-c", "Client ID").stdout.split()) >= {"web2"}
    told = second.run("job-list", "-f", "value", "-c", "Description").stdout
    assert told.splitlines() == [f"{second.documents}, every day", "upkeep of the repository, every week"]

    used = third.run("join", url, "--token", token, "--source", third.documents, "--store", third.folder / "b", code=1)
    assert "this join token has been used" in used.stderr
    other = third.run("join", "https://elsewhere:1", "--token", token, "--source", ".", "--store", "b", code=1)
    assert f"the token is for {url}, not for https://elsewhere:1" in other.stderr
    first.run("client-key-delete", "web2")
    _until(lambda: second.run("status", code=None).returncode == 1)


def test_what_cannot_be_is_one_line_and_leaves_nothing_behind(machines: Callable[[str], Machine]) -> None:
    machine = machines("one")
    (machine.folder / "file").write_text("")
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    for words, code, said in (
        (("up", machine.documents, "--port", port), 1, f"port {port} is taken by another program"),
        (("up",), 2, "DIRECTORY is missing, and nobody is there to be asked"),
        (("up", "/no/such/directory"), 2, "there is no /no/such/directory"),
        (("up", machine.documents, "--store", "ftp://x/y"), 2, "ftp://x/y is no place for backups"),
        (("up", machine.documents, "--port", "99999"), 2, "'99999' is no port from 1 to 65535"),
        (("up", machine.documents, "--home", machine.folder / "file" / "x"), 1, "cannot be read: Not a directory"),
        (("status",), 1, "there is nothing in"),
        (("down",), 1, "there is nothing in"),
        (("invite",), 1, "there is nothing in"),
        (("join", "--token", "fzj1.x", "--source", ".", "--store", "b"), 2, "this is no join token"),
        (("join", "--source", ".", "--store", "b"), 2, "--token is missing"),
    ):
        done = machine.run(*words, code=code)
        assert said in done.stderr, (words, done.stderr)
        assert not machine.home.exists() or not (machine.home / "plan.json").exists()
    taken.close()


def test_a_machine_that_joins_keeps_its_backups_over_ssh_as_soon_as_it_is_let_in(
    machines: Callable[[str], Machine], tmp_path: Path
) -> None:
    first, second = machines("first"), machines("second")
    first.up("--listen", "localhost")
    token = first.run("invite").stdout.split()[-1]
    with running_sshd(tmp_path / "sshd") as server:
        second.environ["PATH"] = server.environment()["PATH"]
        store = f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/stored"
        words = ("join", "--token", token, "--client", "web2", "--source", second.documents, "--store", store)
        refused = second.run(*words, code=1)
        pattern = r'^freezer: (restrict,command="internal-sftp" ssh-ed25519 \S+ freezer-web2)$'
        [line] = re.findall(pattern, refused.stderr, re.MULTILINE)
        assert "authorized_keys" in refused.stderr
        with (server.folder / "authorized_keys").open("a") as file:
            file.write(f"{line}\n")
        done = second.run(*words)
        assert "the backup is done" in done.stderr
        assert second.restored("restored")["letter.txt"] == b"Dear reader\n"
        assert f"ssh://{server.user}@127.0.0.1" in done.stdout, "the sheet says where"
        assert f":{server.port} " in (second.home / "ssh" / "known_hosts").read_text(), "not in the user's own"


@pytest.mark.slow(only=True)
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_records_move_to_another_database_and_backups_stay_what_they_are(
    machines: Callable[[str], Machine], kind: str
) -> None:
    machine = machines("one")
    machine.up()
    moved = machine.run("up", "--database", database(kind).new_database())
    assert "the backup is done" in moved.stderr
    assert machine.run("run-list", "-f", "value", "-c", "State").stdout.split() == ["success"], (
        "the history stays behind"
    )
    settings = machine.home / "repository.conf"
    assert len(json.loads(machine.run("list", "--json", "--config", settings, program=AGENT).stdout)) == 2
    machine.run("status")
    machine.run("up", "--database", "")
    assert machine.run("run-list", "-f", "value", "-c", "State").stdout.split() == ["success"]
