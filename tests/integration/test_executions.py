"""Actions of a job in processes of their own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.model.run_reports import ActionResult
from freezer.scheduler.contract import Outcome
from freezer.scheduler.execution import child as children
from freezer.scheduler.execution.executor import AGENT, LocalExecutor
from freezer.scheduler.execution.stints import Stint
from freezer.stint import lock
from freezer.stint.brief import Limits
from support.executing import Office, Orders, action, begin, executor, folders, hold, program, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]

SLEEPER = "time.sleep(600)"
ENTERED = (
    "sys.path[:0] = {path!r}\nfrom freezer.stint import identity\nfrom freezer.stint.ending import Ending\n"
    "from freezer.stint.folder import Folder\nmine = Folder(str(folder))\nmine.enter(identity.own())\n"
).format(path=[str(Path(__file__).parents[2] / "src")])
STARTED = "(folder / 'here').write_text(str(os.getpid()))\n"


def started(executor: LocalExecutor, run: str) -> int:
    """The process that says that it is there."""
    return int(wait_for(lambda: [p.read_text() for f in folders(executor, run) for p in Path(f.path).glob("here")])[-1])


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# -- the real agent ----------------------------------------------------------------------------------------------------


def backup_of(tmp_path: Path, **more: object) -> dict[str, object]:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "file").write_text("something")
    return action(
        path_to_backup=str(source), container=str(tmp_path / "container"), storage="local", backup_name="it",
        log_file=str(tmp_path / "agent.log"), **more,
    )  # fmt: skip


def test_a_backup_is_made_and_everything_about_it_is_told(tmp_path: Path) -> None:
    office, mine = Office(), executor(tmp_path, AGENT)
    held = hold(backup_of(tmp_path))
    assert mine.execute(held, office, Orders()) == Outcome("success", 0)
    assert office.states() == ["running", "success"]
    assert "Level 0" in office.text
    [report] = office.backups
    assert (report["backup_name"], report["job_id"], report["total_fs_files"]) == ("it", held.wanted.job_id, 1)
    assert mine.runs() == {held.wanted.run_id}
    mine.forget(held.wanted.run_id)
    assert not mine.runs()


def test_items_that_are_left_out_are_told_while_the_agent_goes_on(tmp_path: Path) -> None:
    office, orders = Office(), Orders()
    stand_in = program(
        tmp_path,
        ENTERED + "from freezer.model.run_reports import Failure\nmine.fail(Failure('one', 'why'))\n"
        "while not (folder / 'go').exists(): time.sleep(0.02)\n"
        "mine.end(Ending(3, failures=[Failure('one', 'why'), Failure('two', 'why')], more_failures=7, ended=1))",
    )
    mine, held = executor(tmp_path, stand_in), hold(action(Max_retries=3))  # what is partial is not tried again
    thread, outcomes = begin(mine, held, office, orders)
    wait_for(office.failures)
    assert office.failures() == ["one"]
    (Path(folders(mine, held.wanted.run_id)[0].path) / "go").touch()
    thread.join(60)
    assert outcomes == [Outcome("partial", 3)]
    assert office.failures() == ["one", "two"]
    assert sum(told.more_failures for told in office.told) == 7


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    office = Office()
    entry = action(path_to_backup=str(tmp_path / "nothing"), container=str(tmp_path / "c"), storage="local")
    outcome = executor(tmp_path, AGENT).execute(hold(entry), office, Orders())
    assert outcome is not None
    assert outcome.state == "failed"
    assert outcome.exit_code == 1
    assert outcome.error is not None
    assert str(tmp_path / "nothing") in outcome.error
    assert "Traceback" not in office.text


# -- order, retries, results -------------------------------------------------------------------------------------------

BY_NAME = (  # the exit status is what the option backup_name says
    "import configparser\nc = configparser.ConfigParser(interpolation=None)\nc.read(folder / 'config')\n"
    "sys.exit(int(c['action']['backup_name']))"
)


def test_after_a_failure_only_what_is_mandatory_is_done(tmp_path: Path) -> None:
    office = Office()
    entries = [action(backup_name=code) for code in ("0", "1", "0")] + [action(backup_name="0", Mandatory=True)]
    outcome = executor(tmp_path, program(tmp_path, BY_NAME)).execute(hold(*entries), office, Orders())
    assert outcome is not None
    assert (outcome.state, outcome.exit_code) == ("failed", 1)
    assert [office.results()[n].state for n in range(4)] == ["success", "failed", "skipped", "success"]


def test_a_failure_is_tried_again_as_often_as_the_job_says(tmp_path: Path) -> None:
    office = Office()
    tries = tmp_path / "tries"
    tries.touch()
    stand_in = program(
        tmp_path,
        f"tries = pathlib.Path({str(tries)!r})\nold = tries.read_text()\ntries.write_text(old + 'x')\n"
        "sys.exit(0 if len(old) == 2 else 1)",
    )
    entry = action(Max_retries=2, Max_retries_interval=0)
    assert executor(tmp_path, stand_in).execute(hold(entry), office, Orders()) == Outcome("success", 0)
    assert tries.read_text() == "xxx"
    assert office.text.count("tried again") == 2


def test_misuse_is_not_tried_again(tmp_path: Path) -> None:
    office = Office()
    entry = action(backup_name="2", Max_retries=5, Max_retries_interval=0)
    outcome = executor(tmp_path, program(tmp_path, BY_NAME)).execute(hold(entry), office, Orders())
    assert outcome is not None
    assert outcome.exit_code == 2
    assert office.states() == ["running", "failed"]


def test_waiting_for_another_try_ends_when_the_run_is_aborted(tmp_path: Path) -> None:
    office, orders = Office(), Orders()
    entry = action(backup_name="1", Max_retries=5, Max_retries_interval=3600)
    thread, outcomes = begin(executor(tmp_path, program(tmp_path, BY_NAME)), hold(entry), office, orders)
    wait_for(lambda: "tried again" in office.text)
    orders.give("abort")
    thread.join(60)
    assert [outcome.state for outcome in outcomes if outcome] == ["aborted"]


def test_a_job_without_actions_succeeds(tmp_path: Path) -> None:
    assert executor(tmp_path, program(tmp_path, "")).execute(hold(), Office(), Orders()) == Outcome("success", 0)


def test_a_job_that_means_nothing_fails_with_its_reason(tmp_path: Path) -> None:
    outcome = executor(tmp_path, program(tmp_path, "")).execute(hold(action(no_such_option=1)), Office(), Orders())
    assert outcome is not None
    assert (outcome.state, outcome.exit_code) == ("failed", 2)
    assert "no_such_option" in str(outcome.error)


def test_an_agent_that_is_missing_fails_the_run(tmp_path: Path) -> None:
    outcome = executor(tmp_path, ("/no/such/agent",)).execute(hold(action()), Office(), Orders())
    assert outcome == Outcome("failed", 1, "/no/such/agent cannot be started: No such file or directory")


def test_output_that_is_no_utf_8_does_no_harm(tmp_path: Path) -> None:
    office = Office()
    stand_in = program(tmp_path, "sys.stdout.buffer.write(b'caf\\xe9 100 %s\\n')")
    assert executor(tmp_path, stand_in).execute(hold(action()), office, Orders()) == Outcome("success", 0)
    assert "caf\\xe9 100 %s\n" in office.text


# -- ending ------------------------------------------------------------------------------------------------------------


def test_an_abort_ends_the_agent_and_all_that_it_has_started(tmp_path: Path) -> None:
    office, orders = Office(), Orders()
    stand_in = program(
        tmp_path,
        "import subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "away = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "near = subprocess.Popen([sys.executable, '-c', 'import time, signal; signal.signal(15, signal.SIG_IGN); "
        "time.sleep(600)'])\n"
        "(folder / 'here').write_text(f'{os.getpid()} {away.pid} {near.pid}')\ntime.sleep(600)",
    )
    mine = executor(tmp_path, stand_in, grace=0.5)
    held = hold(action(), action(Mandatory=True))
    thread, outcomes = begin(mine, held, office, orders)
    path = Path(wait_for(lambda: folders(mine, held.wanted.run_id))[0].path) / "here"
    pids = [int(word) for word in wait_for(lambda: path.exists() and path.read_text()).split()]
    orders.give("abort")
    thread.join(60)
    assert [outcome.state for outcome in outcomes if outcome] == ["aborted"]
    assert [office.results()[n].state for n in range(2)] == ["aborted", "skipped"]
    assert not [pid for pid in pids if lives(pid)]


def test_a_stopped_agent_is_aborted_as_well(tmp_path: Path) -> None:
    orders, mine = Orders(), executor(tmp_path, program(tmp_path, STARTED + SLEEPER), grace=0.5)
    held = hold(action())
    thread, outcomes = begin(mine, held, Office(), orders)
    pid = started(mine, held.wanted.run_id)
    os.kill(pid, signal.SIGSTOP)
    orders.give("abort")
    thread.join(60)
    assert [outcome.state for outcome in outcomes if outcome] == ["aborted"]
    assert not lives(pid)


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    limited = executor(tmp_path, program(tmp_path, SLEEPER), grace=0.5, limits=Limits(seconds=1))
    outcome = limited.execute(hold(action()), Office(), Orders())
    assert outcome == Outcome("failed", 1, "it took more than the 1 seconds that it may take")


def test_an_agent_that_is_killed_is_a_failure_that_names_the_signal(tmp_path: Path) -> None:
    outcome = executor(tmp_path, program(tmp_path, "os.kill(os.getpid(), 9)")).execute(
        hold(action()), Office(), Orders()
    )
    assert outcome == Outcome("failed", -9, "the agent was killed by SIGKILL")


def test_a_restore_that_was_killed_is_not_tried_again(tmp_path: Path) -> None:
    office = Office()
    entry = action("restore", restore_abs_path="/nowhere", Max_retries=3, Max_retries_interval=0)
    outcome = executor(tmp_path, program(tmp_path, "os.kill(os.getpid(), 9)")).execute(hold(entry), office, Orders())
    assert outcome is not None
    assert outcome.state == "failed"
    assert office.states() == ["running", "failed"]


def test_a_window_that_ends_ends_a_backup_but_no_restore(tmp_path: Path) -> None:
    for name, state in (("backup", "aborted"), ("restore", "success")):
        place = tmp_path / name
        place.mkdir()
        orders = Orders()
        mine = executor(place, program(place, STARTED + "time.sleep(2)"), grace=0.5)
        held = hold(action(name))
        thread, outcomes = begin(mine, held, Office(), orders)
        started(mine, held.wanted.run_id)
        orders.give("close")
        thread.join(60)
        assert [outcome.state for outcome in outcomes if outcome] == [state], name


# -- another scheduler -------------------------------------------------------------------------------------------------


def left(tmp_path: Path, body: str, *actions: dict[str, object]) -> tuple[LocalExecutor, Office]:
    """An executor that has left an agent running."""
    office, orders = Office(), Orders()
    mine = executor(tmp_path, program(tmp_path, STARTED + body), grace=0.5)
    held = hold(*actions)
    thread, outcomes = begin(mine, held, office, orders)
    started(mine, held.wanted.run_id)
    orders.give("leave")
    thread.join(60)
    assert outcomes == [None]
    return mine, office


def test_a_living_agent_is_adopted_and_not_started_again(tmp_path: Path) -> None:
    _, office = left(tmp_path, ENTERED + "print('so far', flush=True)\n"
                     "while not (folder / 'go').exists(): time.sleep(0.02)\n"
                     "print('further', flush=True)\nmine.end(Ending(0, ended=1))", action())  # fmt: skip
    held, after = hold(action()), Office()
    mine = executor(tmp_path, ("/no/such/agent",))
    [folder] = folders(mine, held.wanted.run_id)
    thread, outcomes = begin(mine, held, after, Orders())
    assert thread.is_alive()
    (Path(folder.path) / "go").touch()
    thread.join(60)
    assert outcomes == [Outcome("success", 0)]
    assert (office.text + after.text).count("so far") == 1
    assert after.text.endswith("further\n")


def test_what_an_agent_said_while_nobody_was_there_counts(tmp_path: Path) -> None:
    left(tmp_path, ENTERED + "while not (folder / 'go').exists(): time.sleep(0.02)\n"
         "mine.end(Ending(3, report={'action': 'backup', 'n': 1}, ended=1))", action())  # fmt: skip
    held, office = hold(action()), Office()
    mine = executor(tmp_path, ("/no/such/agent",))
    [folder] = folders(mine, held.wanted.run_id)
    (Path(folder.path) / "go").touch()
    wait_for(lambda: not lock.is_held(folder.alive))
    assert mine.execute(held, office, Orders()) == Outcome("partial", 3)
    assert [each["n"] for each in office.backups] == [1]
    again = Office()
    assert mine.execute(held, again, Orders()) == Outcome("partial", 3)
    assert not again.backups


_NO_HARM = {"schedule_repeatable": True}


@pytest.mark.parametrize(
    ("name", "schedule", "state"),
    [
        ("backup", {}, "success"),
        ("restore", {}, "failed"),
        ("exec", {}, "failed"),
        ("exec", _NO_HARM, "success"),
    ],
)
def test_an_agent_that_died_unseen_is_repeated_where_that_does_no_harm(
    tmp_path: Path, name: str, schedule: dict[str, object], state: str
) -> None:
    left(tmp_path, ENTERED + SLEEPER, action(name))
    held = hold(action(name), schedule=schedule)
    mine = executor(tmp_path, program(tmp_path, ""))
    wait_for(folders(mine, held.wanted.run_id)[0].entered)
    os.kill(started(mine, held.wanted.run_id), signal.SIGKILL)
    wait_for(lambda: not lock.is_held(folders(mine, held.wanted.run_id)[0].alive))
    outcome = mine.execute(held, Office(), Orders())
    assert outcome is not None
    assert outcome.state == state
    assert state == "success" or "state unknown" in str(outcome.error)


def test_what_had_not_begun_is_begun_whatever_it_is(tmp_path: Path) -> None:
    held = hold(action("exec", command="true"), done={0: ActionResult(state="running", started=1)})
    mine = executor(tmp_path, program(tmp_path, ""))
    Path(mine.stints.place(held.wanted.run_id, Stint(0, held.fence, 0))).mkdir(parents=True)
    assert mine.execute(held, Office(), Orders()) == Outcome("success", 0)


def test_what_another_machine_had_begun_is_not_repeated_if_that_may_do_harm(tmp_path: Path) -> None:
    done = {0: ActionResult(state="running", started=1)}
    mine = executor(tmp_path, program(tmp_path, ""))
    outcome = mine.execute(hold(action("exec", command="true"), fence=2, done=done), Office(), Orders())
    assert outcome is not None
    assert outcome.state == "failed"
    assert mine.execute(hold(action(), number=5, fence=2, done=done), Office(), Orders()) == Outcome("success", 0)


def test_actions_whose_end_is_known_are_not_done_again(tmp_path: Path) -> None:
    office = Office()
    done = {0: ActionResult(state="failed", exit_code=1, error="why")}
    mine = executor(tmp_path, program(tmp_path, ""))
    outcome = mine.execute(hold(action(), action(), action(Mandatory=True), done=done), office, Orders())
    assert outcome == Outcome("failed", 1, "why")
    assert {n: each.state for n, each in office.results().items()} == {1: "skipped", 2: "success"}


def test_an_agent_of_a_try_that_is_long_over_is_ended(tmp_path: Path) -> None:
    left(tmp_path, ENTERED + SLEEPER, action())
    mine = executor(tmp_path, program(tmp_path, ""), grace=0.5)
    held = hold(action(), fence=3)
    pid = started(mine, held.wanted.run_id)
    assert mine.execute(held, Office(), Orders()) == Outcome("success", 0)
    assert not lives(pid)


def test_forgetting_a_run_ends_what_is_left_of_it(tmp_path: Path) -> None:
    left(tmp_path, ENTERED + SLEEPER, action())
    mine = executor(tmp_path, program(tmp_path, ""), grace=0.5)
    [run] = mine.runs()
    pid = started(mine, run)
    mine.forget(run)
    assert not lives(pid)
    assert not mine.runs()


def test_a_number_that_another_process_has_now_is_not_taken_for_the_agent(tmp_path: Path) -> None:
    left(tmp_path, ENTERED + "while not (folder / 'go').exists(): time.sleep(0.02)", action())
    mine = executor(tmp_path, program(tmp_path, ""))
    [folder] = folders(mine, hold(action()).wanted.run_id)
    known = folder.agent()
    assert known is not None
    found = children.found(folder, SystemClock())
    assert found is not None
    (Path(folder.path) / "go").touch()
    assert found.wait(60)
    found.close()
    assert children.found(folder, SystemClock()) is None
