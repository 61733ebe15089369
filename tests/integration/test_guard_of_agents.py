"""What is held still is let go whatever becomes of the agent: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.still import Source

_AGENT = """
import sys
from pathlib import Path
from freezer.agent.result import Result
from freezer.agent.together import act_together
from freezer.cmd.signals import cancellable
from support.still import Barrier, Source
source = Source.__new__(Source)
source.path, source._history = Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "history"
source._notes = Path(sys.argv[1]) / "note.py"
barrier = Barrier(float(sys.argv[2]), None if sys.argv[3] == "wait" else "")
def work():
    source.note("act")
    while True:
        context.clock.sleep(0.05)
context = source.context(barrier)
with cancellable():
    act_together(context, barrier, lambda _: source.note("still"), work)
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def _agent(source: Source, limit: float, phase: str) -> subprocess.Popen[bytes]:
    """An agent that waits for others for ever (``wait``), or works for ever (``work``)."""
    words = [sys.executable, "-c", _AGENT, str(source.path.parent), str(limit), phase]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, start_new_session=True)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
@pytest.mark.parametrize(("phase", "word"), [("wait", "still"), ("work", "act")])
def test_an_agent_that_is_killed_asked_to_end_or_stopped_lets_go(
    source: Source, number: signal.Signals, phase: str, word: str
) -> None:
    limit = 8.0 if number == signal.SIGSTOP else 600.0
    agent = _agent(source, limit, phase)
    _until(lambda: word in source.history)
    os.killpg(agent.pid, number)
    _until(lambda: "go" in source.history)
    os.killpg(agent.pid, signal.SIGKILL)
    agent.communicate()
    assert source.history.count("go") == 1


def test_work_that_takes_longer_than_the_limit_is_ended_and_has_failed(source: Source) -> None:
    agent = _agent(source, 5.0, "work")
    _, said = agent.communicate(timeout=180)
    assert agent.returncode == 1
    assert b"did not hold still for as long as it had to: the barrier lets go after 5 seconds" in said
    assert source.history == ["still", "act", "go"]
