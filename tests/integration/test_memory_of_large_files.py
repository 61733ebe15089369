"""How much memory the whole program takes for files that are larger than all of its buffers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIMITS = {"gzip": 60, "zstd": 72}  # MiB; Python with the program itself takes about 30
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
