"""How much memory the whole program takes for files that are larger than all of its buffers, and for very many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMITS = {"gzip": 60, "zstd": 96}  # MiB; Python with the program itself takes about 30
AROUND = """
import resource, subprocess, sys
assert subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def _peak(*words: object) -> int:
    command = [sys.executable, "-c", AROUND, sys.executable, "-m", "freezer.cmd.agent", *map(str, words)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
@pytest.mark.parametrize("codec", LIMITS)
def test_large_files_take_no_more_memory_than_a_few_buffers(agent, tmp_path, codec):
    with (agent.source / "noise").open("wb") as file:
        for _ in range(12):
            file.write(os.urandom(4 << 20))
    assert _peak("backup", "-F", agent.source, *agent.stored("--compression", codec)) <= LIMITS[codec]
    assert _peak("restore", "--restore-abs-path", tmp_path / "out", *agent.stored()) <= 60


PROMISED = 128  # MiB


def _many(source: Path, files: int, in_one: int, links: int) -> None:
    """``files`` files of one byte, 500 in a directory; a directory with ``in_one`` names, and one with two names for
    each of ``links`` files."""
    for number in range(files):
        if number % 500 == 0:
            folder = source / f"{number // 500:06}"
            folder.mkdir()
        _byte(folder / f"file-{number:08}")
    for name in ("flat", "linked"):
        (source / name).mkdir()
    for number in range(in_one):
        _byte(source / "flat" / f"a-rather-long-name-{number:08}")
    for number in range(links):
        _byte(source / "linked" / f"{number:08}")
        os.link(source / "linked" / f"{number:08}", source / "linked" / f"{number:08}-again")


def _names(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _byte(path: Path) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(descriptor, b"x")
    os.close(descriptor)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
def test_very_many_files_take_no_more_memory_than_was_promised(agent, tmp_path, trials, counted):
    files, in_one, links = trials(5_000, 600_000), trials(5_000, 200_000), trials(1_000, 100_000)
    _many(agent.source, files, in_one, links)
    secret = agent.folder / "pass"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    words = agent.stored("--encrypt-pass-file", secret, "--incremental", "--compression", "zstd")
    counted["MiB, full backup"] = _peak("backup", "-F", agent.source, *words)
    (agent.source / "flat" / "new").write_text("x")
    counted["MiB, increment"] = _peak("backup", "-F", agent.source, *words)
    words = agent.stored("--encrypt-pass-file", secret)
    counted["MiB, check"] = _peak("check", "--read-data", *words[:4], "--encrypt-pass-file", secret)
    counted["MiB, restore"] = _peak("restore", "--restore-abs-path", tmp_path / "out", *words)
    assert _names(tmp_path / "out") == _names(agent.source) > files + in_one + 2 * links
    assert max(counted.values()) <= PROMISED
    counted["names"] = files + in_one + 2 * links


OF_A_REPOSITORY = 1024  # MiB


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
def test_a_repository_of_very_many_files_takes_no_more_memory_than_was_promised(vault, trials, counted, tmp_path):
    files = trials(5_000, 1_000_000)
    _many(vault.source, files, 0, 0)
    words = [*vault.agent.stored(), "--machine-secret-file", vault.secret]
    made = ["backup", "--engine", "dedup", "-F", vault.source, *words]
    counted["MiB, first backup"] = _peak(*made)
    counted["MiB, nothing changed"] = _peak(*made)
    counted["MiB, restore"] = _peak("restore", "--restore-abs-path", tmp_path / "out", *words)
    assert _names(tmp_path / "out") == _names(vault.source) > files
    assert max(counted.values()) <= trials(OF_A_REPOSITORY // 4, OF_A_REPOSITORY)
    counted["files"] = files
