"""Archives that want to do harm, restored by the whole program: nothing outside the target changes, one line tells."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_corpus import Case, corpus

from freezer.cmd import agent as program
from support.stored import key, local, put

SECONDS = 30  # of processor time; ten times as long by the clock


class Hang(BaseException):
    """The program does not end."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Path]:
    """A container, a home, and a directory in which the target lies beside what must not change."""
    beside = tmp_path / "stage" / "beside"
    (beside / "deep").mkdir(parents=True)
    (beside / "file").write_bytes(b"precious")
    (beside / "file").chmod(0o600)
    (beside / "deep" / "file").write_bytes(b"precious")
    os.symlink("file", beside / "link")
    (tmp_path / "home").mkdir()
    yield tmp_path
    # deeper than Python's own removal reaches
    subprocess.run(["rm", "-rf", "--", str(tmp_path / "stage")], check=True)


def facts(folder: Path, apart: Path) -> dict[str, tuple[object, ...]]:
    """Everything about everything below ``folder`` but ``apart``; even another link would change the ctime."""
    found: dict[str, tuple[object, ...]] = {}
    for place, directories, files in os.walk(folder):
        for name in (*directories, *files, "."):
            path = Path(place, name)
            if path in (apart, folder):
                continue
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            times = (status.st_mtime_ns, status.st_ctime_ns) if path != apart.parent else ()
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, times, content)
        directories[:] = [name for name in directories if Path(place, name) != apart]
    return found


def store(container: Path, levels: list[bytes]) -> None:
    with_names = local(container)
    zero = 1_700_000_000
    for level, archive in enumerate(levels):
        put(with_names, key(level, zero + level, zero=zero, name="h_web"), data=gzip.compress(archive, 1))
    with_names.close()


def restore(stage: Path, *words: str) -> int:
    def hang(*_: object) -> None:
        raise Hang

    target = stage / "stage" / "target"
    where = ["--storage", "local", "-C", str(stage / "container"), "-N", "web", "--hostname", "h"]
    previous = signal.signal(signal.SIGALRM, hang), signal.signal(signal.SIGPROF, hang)
    signal.alarm(10 * SECONDS)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return program.main(["restore", "--restore-abs-path", str(target), *where, *words])
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, previous[0])
        signal.signal(signal.SIGPROF, previous[1])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every eighth archive in the default run, so that each family is there; all of them with ``-m slow``."""
    if "case" in metafunc.fixturenames:
        step = 1 if metafunc.config.getoption("markexpr") == "slow" else 8
        metafunc.parametrize("case", corpus()[::step], ids=lambda case: case.name)


@pytest.mark.slow
def test_a_hostile_archive_changes_nothing_outside_and_is_told_in_one_line(
    case: Case, stage: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(stage / "home"))
    beside, target = stage / "stage" / "beside", stage / "stage" / "target"
    store(stage / "container", case.build(os.fsencode(beside)))
    before = facts(stage / "stage", target)
    code = restore(stage)
    told = capfd.readouterr().err
    assert facts(stage / "stage", target) == before
    assert "Traceback" not in told
    assert "internal error" not in told
    assert code in ((0, 3) if case.harmless else (1, 3)), told
    assert told.count("error: ") == (code == 1), told
    assert max(map(len, told.splitlines()), default=0) < 9000
