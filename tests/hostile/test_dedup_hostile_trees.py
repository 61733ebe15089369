"""Backups in a repository that want to do harm, restored by the whole program: nothing outside the target changes, one
line tells. Who made them has a key: everything is sealed and signed as it must be."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_repository import Forger
from hostile_trees import Case, corpus
from test_hostile_archives import SECONDS, Hang, facts

from freezer.cmd import agent as program

SECRET = bytes(range(32))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository, a home, and a directory in which the target lies beside what must not change."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    beside = tmp_path / "stage" / "beside"
    (beside / "deep").mkdir(parents=True)
    (beside / "file").write_bytes(b"precious")
    (beside / "file").chmod(0o600)
    (beside / "deep" / "file").write_bytes(b"precious")
    os.symlink("file", beside / "link")
    (tmp_path / "home").mkdir()
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "secret").chmod(0o600)
    assert act(tmp_path, "init") == 0
    yield tmp_path
    # deeper than Python's own removal reaches
    subprocess.run(["rm", "-rf", "--", str(tmp_path / "stage")], check=True)


def act(stage: Path, action: str, *words: str) -> int:
    """The exit code of an action; :class:`Hang` if it does not end."""

    def hang(*_: object) -> None:
        raise Hang

    where = ["--storage", "local", "-C", str(stage / "container"), "-N", "web", "--hostname", "h"]
    previous = signal.signal(signal.SIGALRM, hang), signal.signal(signal.SIGPROF, hang)
    signal.alarm(10 * SECONDS)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return program.main([action, *where, "--machine-secret-file", str(stage / "secret"), *words])
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, previous[0])
        signal.signal(signal.SIGPROF, previous[1])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every eighth backup in the default run, so that each family is there; all of them with ``-m slow``."""
    if "case" in metafunc.fixturenames:
        step = 1 if metafunc.config.getoption("markexpr") == "slow" else 8
        metafunc.parametrize("case", corpus()[::step], ids=lambda case: case.name)


@pytest.mark.slow
def test_a_hostile_backup_changes_nothing_outside_and_is_told_in_one_line(
    case: Case, stage: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    beside, target = stage / "stage" / "beside", stage / "stage" / "target"
    case.build(Forger(stage / "container", SECRET), os.fsencode(beside))
    before = facts(stage / "stage", target)
    capfd.readouterr()

    def told_clearly(code: int) -> None:
        told = capfd.readouterr().err
        assert facts(stage / "stage", target) == before
        assert "Traceback" not in told
        assert "internal error" not in told
        assert told.count("error: ") == (code == 1), told
        assert max(map(len, told.splitlines()), default=0) < 9000

    code = act(stage, "restore", "--restore-abs-path", str(target), *case.words)
    assert code in ((0, 3) if case.harmless else (1, 3)), code
    told_clearly(code)
    again = ("--overwrite-policy", "if-changed", "--verify", "--delete")
    told_clearly(act(stage, "restore", "--restore-abs-path", str(target), *again, *case.words))
    told_clearly(act(stage, "show", *case.words))
    told_clearly(act(stage, "check", "--read-data"))
    told_clearly(act(stage, "list"))


@pytest.mark.slow
def test_a_repository_with_a_hostile_backup_goes_on_working(
    case: Case, stage: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The others are made, collected and restored as ever, or it is told in one line why not."""
    case.build(Forger(stage / "container", SECRET), os.fsencode(stage / "stage" / "beside"))
    own = stage / "source"
    own.mkdir()
    (own / "file").write_text("mine")
    for action in (("backup", "--engine", "dedup", "-F", str(own)), ("prune",), ("forget", "--keep-last", "1")):
        capfd.readouterr()
        code = act(stage, *action)
        told = capfd.readouterr().err
        assert "Traceback" not in told
        assert "internal error" not in told
        assert code == 0 or (action == ("prune",) and code == 1 and told.count("error: ") == 1), told
    assert act(stage, "restore", "--restore-abs-path", str(stage / "stage" / "own")) == 0
    assert (stage / "stage" / "own" / "file").read_text() == "mine"
