"""Deadlines, limits and the node's policy hold for the actions of a job."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.scheduler.contract import Outcome
from freezer.scheduler.execution.executor import AGENT
from freezer.stint.brief import Limits
from freezer.stint.policy import Policy
from support.executing import Office, Orders, action, begin, executor, folders, hold, program, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]

_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def test_an_agent_that_nobody_prolongs_ends_by_itself(tmp_path: Path) -> None:
    office, orders = Office(), Orders(SystemClock().boottime() + 8)
    held = hold(action("exec", command="sleep 600", log_file=str(tmp_path / "agent.log")))
    outcome = executor(tmp_path, AGENT).execute(held, office, orders)
    assert outcome is not None
    assert (outcome.state, outcome.exit_code) == ("failed", None)


def test_an_agent_that_is_prolonged_goes_on(tmp_path: Path) -> None:
    clock = SystemClock()
    orders = Orders(clock.boottime() + 12)
    first = orders.deadline
    mine = executor(tmp_path, AGENT)
    waiting = tmp_path / "wait.py"
    waiting.write_text(f"import os, time\nwhile not os.path.exists('{tmp_path}/go'): time.sleep(0.02)")
    entry = action("exec", command=f"{sys.executable} {waiting}", log_file=str(tmp_path / "agent.log"))
    thread, outcomes = begin(mine, hold(entry), Office(), orders)
    wait_for(lambda: any(folder.entered() for folder in folders(mine, hold(entry).wanted.run_id)))
    orders.deadline = clock.boottime() + 600
    wait_for(lambda: clock.boottime() > first)
    (tmp_path / "go").touch()
    thread.join(60)
    assert outcomes == [Outcome("success", 0)]


def test_an_agent_is_as_nice_as_it_is_told_and_leaves_no_core(tmp_path: Path) -> None:
    office = Office()
    mine = executor(tmp_path, AGENT, limits=Limits(nice=7, ionice="idle", memory=2**40))
    entry = action("exec", command="sh -c 'nice; ionice; ulimit -v; ulimit -c'", log_file=str(tmp_path / "agent.log"))
    assert mine.execute(hold(entry), office, Orders()) == Outcome("success", 0)
    assert office.text.split()[-4:] == [str(7 + os.nice(0)), "idle", str(2**30), "0"]


@pytest.mark.parametrize("memory", [None, 2**40])
def test_an_agent_enters_a_cgroup_of_its_own_below_the_delegated_one(tmp_path: Path, memory: int | None) -> None:
    """In a directory that looks like one: what is written to which file is all that can be seen of a kernel here."""
    delegated = tmp_path / "delegated"
    (delegated / "freezer-earlier").mkdir(parents=True)
    (delegated / "other").mkdir()
    mine = executor(tmp_path, AGENT, limits=Limits(cgroup=str(delegated), memory=memory))
    entry = action("exec", command="sh -c 'ulimit -v'", log_file=str(tmp_path / "agent.log"))
    office = Office()
    assert mine.execute(hold(entry), office, Orders()) == Outcome("success", 0)
    assert office.text.split()[-1] == "unlimited", "the group limits, and not the process itself"
    (group,) = set(delegated.iterdir()) - {delegated / "other"}
    files = {each.name: each.read_text() for each in group.iterdir()}
    assert files.pop("memory.max", None) == (None if memory is None else str(memory))
    assert [*files] == ["cgroup.procs"]
    assert group.name.endswith(f"-{files['cgroup.procs']}")


def test_where_no_cgroup_can_be_had_that_is_told_and_memory_is_limited_otherwise(tmp_path: Path) -> None:
    mine = executor(tmp_path, AGENT, limits=Limits(cgroup=str(tmp_path / "none"), memory=2**40))
    entry = action("exec", command="sh -c 'ulimit -v'", log_file=str(tmp_path / "agent.log"))
    office = Office()
    assert mine.execute(hold(entry), office, Orders()) == Outcome("success", 0)
    assert "cgroup is not limited: No such file or directory" in office.text
    assert office.text.split()[-1] == str(2**30)


def test_a_real_cgroup_holds_an_agent_and_its_commands(tmp_path: Path) -> None:
    top = next((each for each in _CGROUPS if (each / "cgroup.procs").exists()), None)
    if top is None or not os.access(top, os.W_OK):
        pytest.skip("machine limit: no cgroup of version 2 may be written to")
    delegated = top / f"freezer-test-{os.getpid()}"
    delegated.mkdir()
    try:
        mine = executor(tmp_path, AGENT, limits=Limits(cgroup=str(delegated)))
        entry = action("exec", command="cat /proc/self/cgroup", log_file=str(tmp_path / "agent.log"))
        office = Office()
        assert mine.execute(hold(entry), office, Orders()) == Outcome("success", 0)
        assert f"/{delegated.name}/freezer-" in office.text
    finally:
        for group in delegated.glob("freezer-*"):
            wait_for(lambda group=group: not (group / "cgroup.procs").read_text())
            group.rmdir()
        delegated.rmdir()


def test_what_the_node_does_not_allow_is_not_begun(tmp_path: Path) -> None:
    policy = Policy(commands=frozenset({"true"}))
    mine = executor(tmp_path, program(tmp_path, ""), policy=policy)
    assert mine.execute(hold(action("exec", command="true")), Office(), Orders()) == Outcome("success", 0)
    outcome = mine.execute(hold(action("exec", command="rm -r /"), number=2), Office(), Orders())
    assert outcome is not None
    assert (outcome.state, outcome.exit_code) == ("failed", 2)
    assert "rm -r /" in str(outcome.error)


def test_where_exec_is_disabled_nothing_is_executed(tmp_path: Path) -> None:
    mine = executor(tmp_path, ("/no/such/agent",), executes=False)
    outcome = mine.execute(hold(action("exec", command="true")), Office(), Orders())
    assert outcome == Outcome("failed", 2, "the action exec is disabled on this node (disable_exec)")


def test_the_agent_looks_at_the_policy_once_more(tmp_path: Path) -> None:
    mine = executor(tmp_path, AGENT, policy=Policy(commands=frozenset({"true"})))
    mine.policy = None
    held = hold(action("exec", command="touch /never", log_file=str(tmp_path / "agent.log")))
    office = Office()

    class Careless(Policy, frozen=True):
        def refusal(self, action: object) -> str | None:
            return None

    mine.policy = Careless(commands=frozenset({"true"}))
    outcome = mine.execute(held, office, Orders())
    assert outcome is not None
    assert (outcome.state, outcome.exit_code) == ("failed", 2)
    assert "touch /never" in str(outcome.error)
