"""OpenStack Freezer 19.0.0, in clear and encrypted, from a virtual environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.peers.contract import Command, Peer, Place, Plan, Step

VERSION = "19.0.0"
_START = Path(__file__).with_name("without_keystone.py")


def install(folder: Path) -> Path:
    """Its agent; installed into ``folder`` unless it is there already. Needs a Python package index."""
    agent = folder / "bin" / "freezer-agent"
    if not agent.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, f"freezer=={VERSION}", "setuptools<81"], check=True)
    return agent


def peers(agent: Path) -> list[Peer]:
    """``agent`` is the ``freezer-agent`` of an environment with the original in it."""
    python = str(agent.parent / "python")
    return [_peer(python, encrypted=False), _peer(python, encrypted=True)]


def _peer(python: str, *, encrypted: bool) -> Peer:
    def plan(place: Place) -> Plan:
        stored = ("--storage", "local", "-C", str(place.store), "-N", "bench", "--hostname", "bench")
        secret = ("--encrypt-pass-file", str(place.pass_file)) if encrypted else ()
        common = (*stored, *secret, "--quiet", "--log-file", str(place.home / "log"))
        start = (python, "-I", str(_START), "--action")
        backup = Command((*start, "backup", "-F", str(place.source), "--incremental", "--max-level", "5", *common))
        restore = Command((*start, "restore", "--restore-abs-path", str(place.target), *common))
        steps = {Step.FULL: backup, Step.INCREMENTAL: backup, Step.UNCHANGED: backup, Step.RESTORE: restore}
        return Plan(steps, place.target)

    code = "from importlib.metadata import version; print('freezer', version('freezer'))"
    return Peer(
        "upstream-encrypted" if encrypted else "upstream",
        f"OpenStack Freezer {VERSION}{', encrypted' if encrypted else ''}",
        plan,
        (python, "-Ic", code),
    )
