from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.agent import commands
from freezer.agent.commands import CommandResult, check, environment, parse
from freezer.clock import SystemClock
from freezer.errors import CommandError, UsageError


def run(command: str, **options: object) -> CommandResult:
    return commands.run_pipeline(command, clock=SystemClock(), **options)  # type: ignore[arg-type]


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def dies(pid: int) -> bool:
    """Whether the process is gone soon; a killed one takes a moment."""
    deadline = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_words_are_split_as_a_shell_splits_them() -> None:
    assert parse(r"""prog 'a b' "c | d" e\|f g""") == (("prog", "a b", "c | d", "e|f", "g"),)


def test_an_unquoted_bar_makes_a_pipeline_with_or_without_blanks() -> None:
    assert parse("a 1|b '|' 2 | c") == (("a", "1"), ("b", "|", "2"), ("c",))


def test_nothing_else_of_a_shell_is_special() -> None:
    assert parse("echo $HOME > x && y; z *") == (("echo", "$HOME", ">", "x", "&&", "y;", "z", "*"),)


@given(st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), min_size=1, max_size=4))
def test_whatever_is_quoted_comes_back_as_it_was(pipeline: list[list[str]]) -> None:
    named = tuple(("p", *part) for part in pipeline)
    assert parse("|".join(shlex.join(part) for part in named)) == named


@pytest.mark.parametrize("bad", ["", "  ", "a |", "| a", "a || b", "''", "'open", 'a "b', "a \\"])
def test_a_command_that_cannot_be_read_is_a_usage_error_naming_the_option(bad: str) -> None:
    with pytest.raises(UsageError, match=r"^pre_command: "):
        parse(bad, option="pre_command")


def test_output_and_status_are_reported() -> None:
    result = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"))
    assert (result.status, result.output, result.stderr) == (7, "out\n", b"err\n")
    assert result.stdout_size == 4


def test_the_last_program_of_a_pipeline_decides() -> None:
    result = run(f"{python('import sys; print(42); sys.exit(3)')} | {python('print(int(input()) + 1)')}")
    assert result.output == "43\n"
    assert result.statuses == (3, 0)
    assert result.status == 0


def test_a_program_whose_reader_has_seen_enough_is_no_failure() -> None:
    result = run("yes | head -n 2")
    assert result.output == "y\ny\n"
    check(result)


def test_shell_syntax_in_arguments_does_nothing(tmp_path: Path) -> None:
    result = run(f"echo '$(touch {tmp_path}/pwned)' ';' > {tmp_path}/file")
    assert result.output == f"$(touch {tmp_path}/pwned) ; > {tmp_path}/file\n"
    assert list(tmp_path.iterdir()) == []


def test_only_the_end_of_long_output_is_kept_and_its_size_is_known() -> None:
    result = run(python("import sys; sys.stdout.write('x' * 300_000 + 'end')"))
    assert result.stdout_size == 300_003
    assert len(result.stdout) == commands.KEPT
    assert result.output.endswith("xxend")


def test_output_that_is_no_text_is_shown_escaped() -> None:
    assert run(python(r"import os; os.write(1, b'a\xff')")).output == "a\\xff"


def test_there_is_no_input() -> None:
    assert run("cat").output == ""


def test_commands_get_the_environment_without_our_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "theirs")
    result = run("env", variables={"FREEZER_LEVEL": "1"})
    assert "hunter2" not in result.output
    assert "PGPASSWORD=theirs" in result.output
    assert "FREEZER_LEVEL=1" in result.output


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("OS_PASSWORD", False),
        ("OS_TOKEN", False),
        ("OS_APPLICATION_CREDENTIAL_SECRET", False),
        ("SECRET_KEY", False),
        ("ACCESS_KEY", False),
        ("AWS_SECRET_ACCESS_KEY", False),
        ("AWS_SESSION_TOKEN", False),
        ("OS_AUTH_URL", True),
        ("PATH", True),
        ("MY_OS_PASSWORD", True),
    ],
)
def test_credentials_are_told_by_their_names(name: str, kept: bool) -> None:
    assert (name in environment({name: "x"})) is kept


def test_a_missing_program_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^command: there is no program '/no/such'$"):
        run("/no/such --password=hunter2")


def test_a_program_that_may_not_be_executed_is_one_line(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(CommandError, match=r"may not be executed$"):
        run(str(script))


@pytest.mark.parametrize(
    ("text", "said"), [("#!/no/such/shell\n", "interpreter"), ("just text\n", "cannot be started")]
)
def test_a_script_that_cannot_be_run_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    script = tmp_path / "script"
    script.write_text(text)
    script.chmod(stat.S_IRWXU)
    with pytest.raises(CommandError, match=said):
        run(str(script))


def test_a_missing_second_program_ends_the_first() -> None:
    begun = time.monotonic()
    with pytest.raises(CommandError, match="there is no program"):
        run("sleep 30 | /no/such")
    assert time.monotonic() - begun < 25


def test_death_by_a_signal_is_a_failure_that_does_not_show_arguments_and_loses_no_output() -> None:
    result = run(python("import os; print('said', flush=True); os.kill(os.getpid(), 9)  # hunter2"))
    assert (result.output, result.status, result.killed) == ("said\n", 137, (sys.executable, "SIGKILL"))
    with pytest.raises(CommandError, match=r"was killed by SIGKILL$") as caught:
        check(result)
    assert "hunter2" not in str(caught.value)


def test_a_program_killed_in_the_middle_of_a_pipeline_is_noticed() -> None:
    result = run(python("import os; os.kill(os.getpid(), 9)") + " | cat")
    assert result.status == 0
    with pytest.raises(CommandError, match="SIGKILL"):
        check(result)


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, time
child = subprocess.Popen(["sleep", "60"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(60)
"""
    with pytest.raises(CommandError, match=r"did not end within 5 seconds$"):
        run(python(code), timeout=5)
    assert all(dies(int(pid)) for pid in pids.read_text().split())


def test_a_command_that_ignores_sigterm_is_killed_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "GRACE", 0.2)
    begun = time.monotonic()
    with pytest.raises(CommandError, match="did not end"):
        run(python("import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"), timeout=0.3)
    assert time.monotonic() - begun < 50


def test_a_daemon_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begun = time.monotonic()
    result = run(f"sh -c 'sleep 60 & echo $! > {pid}; echo started'")
    assert time.monotonic() - begun < 50
    assert result.output == "started\n"
    assert is_alive(int(pid.read_text()))
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_program_that_closes_its_output_is_still_waited_for(tmp_path: Path) -> None:
    run(f"sh -c 'exec >&- 2>&-; sleep 0.3; touch {tmp_path}/done'")
    assert (tmp_path / "done").exists()


def test_an_interruption_kills_the_command_and_goes_on(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = (
        "import signal, sys\n"
        "from freezer.agent.commands import run_pipeline\n"
        "from freezer.clock import SystemClock\n"
        f"run_pipeline(\"sh -c 'echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 60'\", clock=SystemClock())\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    while not pid.exists():
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=50)
    assert b"KeyboardInterrupt" in errors
    assert dies(int(pid.read_text()))


def test_check_tells_the_last_line_of_a_failed_command() -> None:
    result = run(python("import sys; print('first\\nthe reason\\n', file=sys.stderr); sys.exit(2)"))
    with pytest.raises(CommandError, match=r"^post_command: .* ended with exit status 2: the reason$"):
        check(result, option="post_command")
    check(run("true"))
