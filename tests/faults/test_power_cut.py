"""A few power cuts (``make power-cut`` does twenty); needs root and User-Mode-Linux."""

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
def test_what_was_acknowledged_survives_a_power_cut() -> None:
    command = [sys.executable, SCRIPT, "sweep", "--runs", "2", "--longest", "6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 power cuts" in done.stdout
