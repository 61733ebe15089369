"""A due run becomes one backup, whoever dies or sleeps where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.scheduler.contract import Outcome
from freezer.scheduler.execution.executor import AGENT, LocalExecutor
from support.executing import Office, Orders, action, executor, hold, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]

SLEEPY = """
import os, signal, sys
from freezer.repository.protocol import deciding
def sleeping(name):
    real = getattr(deciding.{decider}, name)
    def commit(self, decision):
        open(os.path.join(sys.argv[2], "asleep"), "w").close()
        os.kill(os.getpid(), signal.{signal})
        return real(self, decision)
    setattr(deciding.{decider}, name, commit)
sleeping("commit")
from freezer.cmd.agent import main
sys.exit(main(sys.argv[1:]))
"""


def sleepy(tmp_path: Path, decider: str = "CreateOnce", number: str = "SIGSTOP") -> tuple[str, ...]:
    """An agent that is stopped, or killed, between its last look and its commit."""
    path = tmp_path / f"sleepy-{number}.py"
    path.write_text(SLEEPY.format(decider=decider, signal=number))
    return sys.executable, str(path)


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, object]:
    """A backup into a repository."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("something")
    agent("init", tmp_path, "--unencrypted")
    return action(
        path_to_backup=str(source), container=str(tmp_path / "container"), storage="local", engine_name="dedup",
        backup_name="it", log_file=str(tmp_path / "agent.log"),
    )  # fmt: skip


def agent(name: str, tmp_path: Path, *words: str) -> str:
    done = subprocess.run(
        [*AGENT, name, "--storage", "local", "--container", str(tmp_path / "container"), *words],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def backups(tmp_path: Path) -> list[dict[str, object]]:
    """What is in the repository."""
    found = json.loads(agent("list", tmp_path, "--json"))
    return list(found["backups"] if isinstance(found, dict) else found)


def begin(mine: LocalExecutor, *args: object) -> tuple[threading.Thread, list[Outcome | None]]:
    outcomes: list[Outcome | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(mine.execute(*args)), daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread, outcomes


def asleep(mine: LocalExecutor, run: str) -> int:
    """The agent that is stopped before its commit."""

    def looked() -> list[int]:
        found = [folder for folder in mine.stints.of(run).values() if os.path.exists(folder.at("asleep"))]
        return [known.pid for folder in found if (known := folder.agent()) is not None]

    return int(wait_for(looked)[-1])


def test_who_sleeps_through_the_takeover_makes_no_second_backup(tmp_path: Path, entry: dict[str, object]) -> None:
    """Two machines: the first is stopped between its last check and its commit, the second takes the run over."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = executor(tmp_path / "one", sleepy(tmp_path)), executor(tmp_path / "two", AGENT)
    first = hold(entry)
    thread, outcomes = begin(one, first, Office(), Orders())
    pid = asleep(one, first.wanted.run_id)
    # its process lives on this machine, which an agent of another one could not know
    Path(f"{tmp_path}/two/away.py").write_text(
        "import sys\nfrom freezer.repository.protocol import process\nprocess.lives = lambda other: False\n"
        "import freezer.agent.dedup.making as making\nmaking._lives_elsewhere = lambda other: False\n"
        "from freezer.cmd.agent import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    two.command = (sys.executable, f"{tmp_path}/two/away.py")
    assert two.execute(hold(entry, fence=2), Office(), Orders()) == Outcome("success", 0)
    os.kill(pid, signal.SIGCONT)
    thread.join(60)
    assert [outcome.state for outcome in outcomes if outcome] == ["failed"]
    assert "aborted by somebody else" in str(outcomes[0] and outcomes[0].error)
    assert len(backups(tmp_path)) == 1


def test_a_backup_whose_agent_died_after_its_commit_is_found_and_is_the_result(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    office, mine = Office(), executor(tmp_path, AGENT)
    held = hold(entry)
    assert mine.execute(held, office, Orders()) == Outcome("success", 0)
    for folder in mine.stints.of(held.wanted.run_id).values():
        os.unlink(folder.at("ending.json"))
    again = Office()
    assert mine.execute(held, again, Orders()) == Outcome("success", 0)
    assert len(backups(tmp_path)) == 1
    first, second = office.backups[0]["dedup"], again.backups[0]["dedup"]
    assert first["backup"] == second["backup"]
    assert again.backups[0]["total_fs_files"] == 1


def test_another_machine_finds_the_backup_of_the_one_that_died(tmp_path: Path, entry: dict[str, object]) -> None:
    (tmp_path / "two").mkdir()
    assert executor(tmp_path, AGENT).execute(hold(entry), Office(), Orders()) == Outcome("success", 0)
    office = Office()
    assert executor(tmp_path / "two", AGENT).execute(hold(entry, fence=3), office, Orders()) == Outcome("success", 0)
    assert len(backups(tmp_path)) == 1
    assert len(office.backups) == 1


def test_the_next_run_of_the_job_is_another_backup(tmp_path: Path, entry: dict[str, object]) -> None:
    mine = executor(tmp_path, AGENT)
    for number in (1, 2):
        assert mine.execute(hold(entry, number=number), Office(), Orders()) == Outcome("success", 0)
    assert len(backups(tmp_path)) == 2


def test_a_try_that_was_killed_before_its_commit_is_made_good_by_the_next(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    mine = executor(tmp_path, sleepy(tmp_path, number="SIGKILL"))
    held = hold({**entry, "max_retries": 1, "max_retries_interval": 0})
    outcome = mine.execute(held, Office(), Orders())
    assert outcome == Outcome("failed", -9, "the agent was killed by SIGKILL")
    assert not backups(tmp_path)
    mine.command = AGENT
    assert mine.execute(hold(entry, fence=2), Office(), Orders()) == Outcome("success", 0)
    assert len(backups(tmp_path)) == 1


def test_a_stopped_agent_of_engine_tar_that_wakes_past_its_deadline_stores_no_record(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("something")
    program = tmp_path / "sleepy-tar.py"
    program.write_text(
        "import os, signal, sys\nfrom freezer.agent.storing import making\nreal = making.make_record\n"
        "def make_record(*args):\n"
        "    open(os.path.join(sys.argv[2], 'asleep'), 'w').close()\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    return real(*args)\nmaking.make_record = make_record\n"
        "from freezer.cmd.agent import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    clock = SystemClock()
    mine = executor(tmp_path, (sys.executable, str(program)))
    held = hold(action(path_to_backup=str(source), container=str(tmp_path / "c"), storage="local", backup_name="it",
                       log_file=str(tmp_path / "agent.log")))  # fmt: skip
    orders = Orders(clock.boottime() + 8)
    thread, outcomes = begin(mine, held, Office(), orders)
    pid = asleep(mine, held.wanted.run_id)
    clock.sleep(orders.deadline - clock.boottime())
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: any(folder.ending() for folder in mine.stints.of(held.wanted.run_id).values()))
    orders.give("lost")
    thread.join(60)
    assert outcomes == [None]
    assert not [path for path in (tmp_path / "c").rglob("metadata") if path.is_file()]
