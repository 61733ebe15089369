"""A few power cuts (``make power-cut`` does twenty with each engine); needs root and User-Mode-Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "power_cut.py"


@pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: needs root")
@pytest.mark.skipif(shutil.which("linux.uml") is None, reason="User-Mode-Linux is not installed")
@pytest.mark.parametrize(("engine", "runs"), [("tar", 2), ("dedup", 1)])
def test_what_was_acknowledged_survives_a_power_cut(engine: str, runs: int) -> None:
    command = [sys.executable, SCRIPT, "sweep", "--engine", engine, "--runs", str(runs), "--longest", "6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{runs} power cuts" in done.stdout
