from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from freezer.agent.priority import raise_priority
if len(sys.argv) > 2:
    os.setuid(65534)
print(raise_priority())
print(os.getpriority(os.PRIO_PROCESS, 0), flush=True)
os.execv(sys.argv[1], ["ionice", "-p", str(os.getpid())])
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ionice") is None, reason="needs root and ionice"
)


def run(*arguments: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, str(shutil.which("ionice")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_cpu_and_disk_priority_are_raised() -> None:
    notices, niceness, disk = run()
    if notices != "[]":
        pytest.skip(f"root may not do this here: {notices}")
    assert niceness == "-19"
    assert disk == "realtime: prio 0"


def test_what_is_not_permitted_is_a_notice_each_and_no_failure() -> None:
    notices, niceness, disk = run("unprivileged")
    assert notices.count("priority not raised: ") == 2
    assert "CPU priority not raised: Permission denied" in notices
    assert niceness == str(os.nice(0)), "it is not what it was before"
    assert not disk.startswith("realtime")
