"""The supervisor, with services that are real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from freezer.clock import SystemClock
from freezer.errors import BusyError
from freezer.standalone import locks
from freezer.standalone.home import Home
from freezer.standalone.services import Service
from freezer.standalone.supervisor import Supervisor, end_orphans, read_state
from support.standalone import PLAN

_SERVICES = """
import os, signal, sys, time
with open(sys.argv[2], "a") as file:
    file.write(f"{os.getpid()}\\n")
if sys.argv[1] == "ends":
    print("it is broken")
    print("hint: mend it")
    sys.exit(1)
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""


_SUPERVISOR = """
import sys
import msgspec
from freezer.clock import SystemClock
from freezer.errors import FreezerError
from freezer.standalone.home import Home
from freezer.standalone.services import Service
from freezer.standalone.supervisor import Supervisor

class Quick(SystemClock):
    def monotonic(self):
        return super().monotonic() * 10

home = Home(sys.argv[1])
try:
    Supervisor(home, home.known_plan(), Quick(), msgspec.json.decode(sys.argv[2], type=list[Service])).run()
except FreezerError as error:
    sys.exit(error.message)
"""
"""On a clock by which pauses are over soon."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "a_service.py").write_text(_SERVICES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    home = Home(str(tmp_path / "home"))
    with home.changing():
        home.choose(PLAN)
    return home


def _service(how: str, name: str = "one", stop_seconds: float = 30) -> Service:
    return Service(name, "a_service", (how, "began"), "/", stop_seconds)


def _began(home: Home) -> list[int]:
    path = Path(home.at("began"))
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it does not happen")


@contextmanager
def _supervised(home: Home, *wanted: Service) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _SUPERVISOR, home.path, msgspec.json.encode(wanted).decode()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
    end_orphans(home, [msgspec.structs.replace(each, stop_seconds=0.1) for each in wanted], SystemClock())


def test_a_service_that_keeps_ending_is_given_up_after_five_times_with_what_it_said(home: Home) -> None:
    with _supervised(home, _service("ends"), _service("idle", "two")) as process:
        said = process.communicate(timeout=180)[1]
        assert process.returncode == 1
        assert locks.holder(home.lock("two")) is None, "the others have ended, too"
    problem = "one has ended 5 times in a row, the last time saying: it is broken"
    assert (said.splitlines()[-1], read_state(home).problem) == (problem, problem)
    assert len(_began(home)) == 6


def test_a_service_that_is_killed_is_started_again(home: Home) -> None:
    with _supervised(home, _service("idle")):
        _until(lambda: len(_began(home)) == 1)
        os.kill(_began(home)[0], signal.SIGKILL)
        _until(lambda: len(_began(home)) == 2 and locks.holder(home.lock("one")) == _began(home)[1])
        _until(lambda: read_state(home).services["one"].failures == 1)


def test_a_service_waits_for_what_it_needs(home: Home) -> None:
    waiting = msgspec.structs.replace(_service("idle"), needs=home.at("token"))
    with _supervised(home, waiting, _service("idle", "two")):
        _until(lambda: len(_began(home)) == 1)
        Path(home.at("token")).write_text("t")
        _until(lambda: len(_began(home)) == 2)


def test_one_home_has_one_supervisor(home: Home) -> None:
    with _supervised(home, _service("idle")):
        _until(lambda: len(_began(home)) == 1)
        with pytest.raises(BusyError, match="is up already"):
            Supervisor(home, PLAN, SystemClock(), []).run()


@pytest.mark.parametrize("how", ["idle", "stubborn"])
def test_what_a_killed_supervisor_has_left_is_ended_by_the_next(home: Home, how: str) -> None:
    service = _service(how, stop_seconds=2)  # a fifth of a second by that clock
    with _supervised(home, service) as first:
        _until(lambda: locks.holder(home.lock("one")) in _began(home))
        first.kill()
        first.wait(30)
        [orphan] = _began(home)
        assert locks.holder(home.lock("one")) == orphan
        with _supervised(home, service):
            _until(lambda: len(_began(home)) == 2 and locks.holder(home.lock("one")) == _began(home)[1])
            status = Path(f"/proc/{orphan}/status")
            assert not status.exists() or "Z (zombie)" in status.read_text()
