"""An action that fails although it has something to show: both are told, and the exit code is the failure's."""

from __future__ import annotations

import errno
import json
import os

import pytest

SAYS_BOTH = "sh -c 'echo said; echo why >&2; exit 7'"


def _events(run):
    return [json.loads(line) for line in run.err.splitlines()]


def _errors(run):
    return [event["message"] for event in _events(run) if event["event"] == "error"]


def _flip(path, place=-40):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def two_damaged(agent):
    """Three full backups, of which the first has lost its state and the data of the last are damaged."""
    for _ in range(3):
        assert agent.backup().code == 0
    oldest, _, newest = sorted(agent.container.glob("data/tar/h_web/*/*"))
    (oldest / "engine_metadata").unlink()
    _flip(newest / "data")
    return agent


def test_a_failed_command_is_reported_with_all_it_wrote(agent):
    run = agent.call("exec", "--command", SAYS_BOTH)
    assert run.code == 1
    assert run.out == "said\n"
    assert "why\n" in run.err
    assert "exit status 7" in run.error


def test_a_failed_command_has_a_document_with_all_it_wrote(agent):
    run = agent.call("exec", "--json", "--command", SAYS_BOTH)
    assert run.code == 1
    assert {**run.json, "programs": None} == {
        "programs": None,
        "exit_status": 7,
        "killed_by": None,
        "output": "said\n",
        "output_bytes": 5,
        "errors": "why\n",
        "errors_bytes": 4,
    }
    assert len(_errors(run)) == 1


def test_a_killed_command_is_reported_with_what_it_wrote(agent):
    run = agent.call("exec", "--json", "--command", "sh -c 'echo said; kill -KILL $$'")
    assert run.code == 1
    assert (run.json["exit_status"], run.json["killed_by"], run.json["output"]) == (137, "SIGKILL", "said\n")


def test_what_a_command_writes_cannot_move_the_cursor(agent):
    run = agent.call("exec", "--command", r"printf '\033[2Jx'")
    assert run.out == "\\x1b[2Jx\n"


def test_output_too_long_to_be_kept_is_said_to_be_cut(agent):
    run = agent.call("exec", "--command", "head -c 100000 /dev/zero")
    assert run.code == 0
    assert "warning: of the 100,000 bytes" in run.err


def test_check_lists_every_problem(two_damaged):
    run = two_damaged.act("check", "--read-data")
    assert run.code == 1
    rows = [line for line in run.out.splitlines() if line.startswith("h_web_")]
    assert len(rows) == 2
    assert any("engine_metadata" in row for row in rows)
    assert "3 backups checked byte by byte." in run.out
    assert run.error == "2 problems found in 2 backups"


def test_check_has_one_document_with_every_problem(two_damaged):
    run = two_damaged.act("check", "--read-data", "--json")
    assert run.code == 1
    assert run.json["checked"] == 3
    assert len({problem["backup"] for problem in run.json["problems"]}) == 2
    assert _errors(run) == ["2 problems found in 2 backups"]


def test_a_restore_with_another_checksum_is_reported_and_fails(agent, tmp_path):
    agent.backup()
    wrong = f"freezer-tree-sha256:{'0' * 64}"
    run = agent.restore(tmp_path / "out", "--consistency-checksum", wrong, "--json")
    assert run.code == 1
    assert run.json["files"] == 2
    assert "consistency check" in _errors(run)[0]


def test_a_checksum_that_is_none_is_refused_before_anything_is_written(agent, tmp_path):
    agent.backup()
    run = agent.restore(tmp_path / "out", "--consistency-checksum", "abc")
    assert run.code == 2
    assert "consistency_checksum" in run.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--exclude", "*.tmp"], ["--dereference-symlink", "soft"]])
def test_the_checksum_is_that_of_what_the_backup_holds(agent, tmp_path, words):
    (agent.source / "left.tmp").write_text("out")
    (agent.source / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("far")
    total = agent.backup("--consistency-check", "--json", *words).json["consistency_checksum"]
    run = agent.restore(tmp_path / "out", "--consistency-checksum", total)
    assert run.code == 0, run.err


@pytest.mark.parametrize("words", [["--post-command", "false"], ["--remove-older-than", "0", "--post-command", "true"]])
def test_trouble_after_a_backup_does_not_hide_the_backup(agent, words, monkeypatch):
    if words[0] == "--remove-older-than":
        monkeypatch.setattr("freezer.agent.removal.remove", _cannot)
    run = agent.backup("--json", *words)
    assert run.code == 1
    assert run.json["level"] == 0
    assert len(_errors(run)) == 1
    assert agent.levels() == [0]


def _cannot(*_):
    from freezer.errors import PermissionDenied

    raise PermissionDenied("the storage refuses")


def test_on_failure_runs_after_a_result_that_failed(agent, tmp_path):
    assert agent.backup("--post-command", "false", "--on-failure", f"touch {tmp_path}/seen").code == 1
    assert (tmp_path / "seen").exists()


@pytest.mark.parametrize("form", [[], ["--quiet"], ["--dry-run"], ["--json"]])
def test_writing_the_original_s_cipher_is_a_warning(agent, pass_file, form):
    run = agent.backup("--encrypt-pass-file", pass_file, "--encryption", "aes-256-cfb", *form)
    assert run.code == 0
    if form == ["--json"]:
        (warning,) = run.json["warnings"]
        assert [event["message"] for event in _events(run) if event["event"] == "warning"] == [warning]
    else:
        (line,) = [line for line in run.err.splitlines() if line.startswith("freezer-agent: warning: ")]
        assert "aes-256-cfb is not authenticated" in line


def test_a_stronger_cipher_is_no_warning(agent, pass_file):
    run = agent.backup("--encrypt-pass-file", pass_file, "--json")
    assert run.json["warnings"] == []


def test_a_storage_that_breaks_promises_is_reported_with_every_one(agent, monkeypatch):
    agent.backup()
    monkeypatch.setattr("os.fsync", _full)
    run = agent.act("check-storage", "--json")
    assert run.code == 1
    assert len(run.json) > 10
    assert any(not promise["ok"] for promise in run.json)
    assert "promises are not kept" in _errors(run)[0]


def _full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
