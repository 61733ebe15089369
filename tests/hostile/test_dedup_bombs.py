"""Backups in a repository that expand without end are refused before they take memory or fill the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_repository import Forger, item, source
from test_dedup_hostile_trees import SECRET
from test_hostile_memory import MIB, PROGRAM

from freezer.repository.documents import ID_SIZE, Codec
from freezer.repository.packs.use import Use
from freezer.stream.zstandard import zstd

GIB = 1 << 30


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, int, str]]:
    """Exit code, peak memory in KiB, and standard error of an action in a process of its own."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "secret").chmod(0o600)

    def call(action: str, *words: str) -> tuple[int, int, str]:
        where = ["--storage", "local", "-C", str(tmp_path / "container"), "-N", "web", "--hostname", "h"]
        command = [sys.executable, "-c", PROGRAM, action, *where, "--machine-secret-file", tmp_path / "secret", *words]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        environment["HOME"] = str(tmp_path)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
        return done.returncode, int(done.stdout.rpartition("peak ")[2]), done.stderr

    assert call("init")[0] == 0
    return call


@pytest.fixture
def normal(run: Callable[..., tuple[int, int, str]], tmp_path: Path) -> int:
    """Peak memory of restoring a few MiB that mean no harm."""
    (tmp_path / "source").mkdir()
    for number in range(300):
        (tmp_path / "source" / str(number)).write_bytes(os.urandom(50_000))
    assert run("backup", "--engine", "dedup", "-F", str(tmp_path / "source"))[0] == 0
    code, peak, told = run("restore", "--restore-abs-path", str(tmp_path / "normal"))
    assert code == 0, told
    return peak


def content_of(forger: Forger, body: bytes, claims: int, size: int) -> None:
    """One file of one chunk in a bundle with this body."""
    id = b"\7" * ID_SIZE
    forger.bundle(Use.CONTENT, body, claims, id, [claims], Codec.ZSTD)
    forger.commit([source(b"/a", forger.tree(item(b"a", content=id, size=size)))])


def zeros(size: int, *, said: bool = True) -> bytes:
    """A frame of so many zero bytes, which says so or not."""
    packer = zstd.ZstdCompressor()
    if said:
        packer.set_pledged_input_size(size)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


def repeated(forger: Forger, size: int) -> None:
    """A file of a MiB, 40,000 times."""
    id = forger.chunk(Use.CONTENT, b"x" * MIB)
    forger.commit([source(b"/a", forger.tree(item(b"a", content=id * 40_000, size=size)))])


BOMBS: dict[str, Callable[[Forger], None]] = {
    "claimed": lambda forger: content_of(forger, zeros(GIB), GIB, GIB),
    "longer than claimed": lambda forger: content_of(forger, zeros(GIB), len(zeros(GIB)), 1000),
    "one after the other": lambda forger: content_of(
        forger, zstd.compress(b"x" * 100_000) + zeros(GIB), 100_000, 100_000
    ),
    "not said": lambda forger: content_of(forger, zeros(GIB, said=False), 60 * MIB, 60 * MIB),
    "repeated": lambda forger: repeated(forger, 10),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_expands_without_end_takes_no_more_memory_than_others(
    run: Callable[..., tuple[int, int, str]], normal: int, tmp_path: Path, name: str
) -> None:
    forger = Forger(tmp_path / "container", SECRET)
    BOMBS[name](forger)
    for words in (
        ["restore", "--id", forger.attempt, "--restore-abs-path", str(tmp_path / "target")],
        ["check", "--read-data"],
    ):
        code, peak, told = run(*words)
        assert code in (1, 3) or (words[0] == "check" and name == "repeated"), told  # which only a size contradicts
        assert "Traceback" not in told
        assert peak <= 1.5 * normal, told
    assert not (tmp_path / "target" / "a").exists()
