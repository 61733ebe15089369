"""The program ``freezer-scheduler`` on a machine without an API: its commands, and a daemon with real agents."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.scheduler_program import Node, backup, command, until

pytestmark = pytest.mark.integration

NEVER = {"schedule_interval": "50 weeks"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.end()


def test_one_daemon_is_started_told_of_and_stopped(node: Node) -> None:
    assert node.says("status") == "Not Running"
    assert node.says("stop") == "Not Running"
    assert node.says("reload") == "Not Running"
    node.run("start")
    pid = node.pid
    assert node.says("status") == f"Running with pid: {pid}"
    assert node.says("start") == f"freezer daemon is already running, pid: {pid}"
    assert node.says("stop") == ""
    assert not node.pid_file.exists()
    assert node.says("status") == "Not Running"


def test_systemd_is_told_when_the_daemon_works_and_when_it_ends(node: Node, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        environment = {**node.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        words = [sys.executable, "-m", "freezer.cmd.scheduler", *node.options, "--no-daemon", "start"]
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as daemon:
            assert systemd.recv(100) == b"READY=1"
            assert node.says("status") == f"Running with pid: {daemon.pid}"
            daemon.terminate()
            assert systemd.recv(100) == b"STOPPING=1"
            assert daemon.wait(60) == 0


def test_a_job_file_is_backed_up_and_its_result_stands_beside_it(node: Node, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    node.write("a.conf", backup(tmp_path / "source", tmp_path / "kept"))
    node.run("start")
    found = node.wait_for("a.conf", lambda found: found["status"] == "completed")
    assert found["result"] == "success"
    assert found["runs"][0]["backups"][0]["backup_name"] == "b"
    assert list((tmp_path / "kept").rglob("metadata"))


def test_h31_whatever_the_daemon_makes_is_its_users_alone(node: Node, tmp_path: Path) -> None:
    node.write("a.conf", command("true"))
    node.run("start")
    node.wait_for("a.conf", lambda found: found["status"] == "completed")
    made = (node.state, *node.state.rglob("*"), node.jobs / "a.conf.status.json")
    open_to_others = [each for each in made if each.exists() and stat.S_IMODE(each.lstat().st_mode) & 0o077]
    assert open_to_others == []


def test_h33_a_pid_file_that_somebody_prepared_is_not_followed_and_its_process_not_signalled(
    node: Node, tmp_path: Path
) -> None:
    node.state.mkdir(mode=0o700)
    victim = os.fork()
    if not victim:
        signal.pause()
        os._exit(0)
    try:
        node.pid_file.write_text(f"{victim}\n")
        assert node.says("status") == "Not Running"
        assert node.says("stop") == "Not Running"
        node.run("start")
        assert node.pid != victim
        node.run("stop")
        assert os.waitpid(victim, os.WNOHANG) == (0, 0)
    finally:
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
    target = tmp_path / "precious"
    target.write_text("precious")
    node.pid_file.symlink_to(target)
    assert "cannot be opened" in node.run("start", code=1).stderr
    assert target.read_text() == "precious"
    node.pid_file.unlink()


def test_h1_a_periodic_job_that_runs_while_the_daemon_ends_goes_on_and_stays_scheduled(node: Node) -> None:
    node.write("a.conf", {**command("sleep 3", NEVER), "job_id": "a"})
    node.run("start")
    node.write("a.conf", {**command("sleep 3", {**NEVER, "event": "start"}), "job_id": "a"})
    node.run("reload")
    first = node.wait_for("a.conf", lambda found: found["status"] == "running")
    node.run("stop")
    assert node.results("a.conf")["status"] == "running"
    node.run("start")
    found = node.wait_for("a.conf", lambda found: found["status"] != "running")
    assert (found["status"], found["result"]) == ("scheduled", "success")
    assert [each["run_id"] for each in found["runs"]] == [first["runs"][0]["run_id"]]


def test_h2_a_daemon_that_was_killed_leaves_its_agent_to_the_next_one_which_starts_no_second(
    node: Node, tmp_path: Path
) -> None:
    (tmp_path / "count.sh").write_text(f"#!/bin/sh\necho begun >> {tmp_path}/begun\nsleep 3\n")
    (tmp_path / "count.sh").chmod(0o755)
    node.write("a.conf", command(str(tmp_path / "count.sh")))
    node.run("start")
    until((tmp_path / "begun").exists, bool)
    os.kill(node.pid, signal.SIGKILL)
    until(lambda: node.says("status"), lambda said: said == "Not Running")
    node.run("start")
    found = node.wait_for("a.conf", lambda found: found["status"] == "completed")
    assert found["result"] == "success"
    assert len(found["runs"]) == 1
    assert (tmp_path / "begun").read_text() == "begun\n"


def test_h16_a_restart_while_an_agent_works_ends_with_one_daemon_that_has_adopted_it(node: Node) -> None:
    node.write("a.conf", command("sleep 4"))
    node.run("start")
    node.wait_for("a.conf", lambda found: found["status"] == "running")
    before = node.pid
    node.run("restart")
    assert node.pid != before
    assert node.says("status") == f"Running with pid: {node.pid}"
    assert node.wait_for("a.conf", lambda found: found["status"] == "completed")["result"] == "success"


def test_h20_files_are_read_again_when_they_change_and_a_bad_one_is_named(node: Node) -> None:
    node.write("bad.conf", '{"job_actions": [')
    node.run("start")
    node.write("b.conf", command("true"))
    node.run("reload")
    node.wait_for("b.conf", lambda found: found["result"] == "success")
    assert f"{node.jobs}/bad.conf: line 1: this is no JSON" in node.log()
    node.write("bad.conf", command("false"))
    assert node.wait_for("bad.conf", lambda found: found["status"] == "completed")["result"] == "fail"


def test_a_job_runs_at_once_by_itself_or_through_the_daemon(node: Node) -> None:
    node.write("good.conf", command("true", NEVER))
    node.write("bad.conf", command("false", NEVER))
    assert node.says("run", "good") == "success"
    assert node.says("run", "bad.conf", code=1).startswith("failed: ")
    node.run("start")
    assert node.says("run", str(node.jobs / "good.conf")) == "success"
    assert len(node.results("good.conf")["runs"]) == 2
    assert "there is no job ugly" in node.run("run", "ugly", code=2).stderr


def test_files_are_validated_and_listed_without_a_daemon(node: Node) -> None:
    node.write("a.conf", {**command("true"), "job_id": "first"})
    assert node.says("validate").startswith(f"{node.jobs}/a.conf: job first, due ")
    node.write("b.conf", command("true", {"schedule_minute": "99"}))
    done = node.run("validate", code=1)
    assert f"{node.jobs}/b.conf: job_schedule.schedule_minute: " in done.stderr
    assert node.says("list").splitlines()[1].split()[:2] == ["first", "a.conf"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("start", "--scheduler-concurrent-jobs", "0"), 2, "a whole number from 1 to 10000"),
        (("start", "--config-file", "/nowhere/a.conf"), 2, "/nowhere/a.conf cannot be read"),
        (("start", "--scheduler-state-dir", "/dev/null/x"), 1, "/dev/null/x cannot be made"),
        (("status", "now"), 2, "status takes no 'now'"),
        (("jump",), 2, "invalid choice: 'jump'"),
        (("run",), 2, "run needs one job"),
        (("validate", "-f", "/nowhere"), 2, "jobs in /nowhere cannot be read"),
    ],
)
def test_what_cannot_be_is_one_clear_line(node: Node, words: tuple[str, ...], code: int, said: str) -> None:
    done = node.run(*words, code=code)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_daemon_that_cannot_begin_in_the_background_says_why(node: Node) -> None:
    node.state.mkdir(mode=0o700)
    (node.state / "journal.db").write_text("this is no database, and long enough to be taken for one\n" * 100)
    done = node.run("start", code=1)
    assert "journal.db cannot be used: file is not a database" in done.stderr
    assert "hint: move it away" in done.stderr
    assert node.says("status") == "Not Running"
