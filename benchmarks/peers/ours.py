"""Freezer: a repository; and tar backups, gzip at two levels and zstd, in clear and encrypted."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from benchmarks.peers.contract import Command, Peer, Place, Plan, Step

_FORMATS = {
    "gzip": ("gzip", ()),
    "fast": ("gzip, fast", ("--compression-level", "fast")),
    "zstd": ("zstd", ("--compression", "zstd")),
}


def program() -> tuple[str, ...]:
    """The installed ``freezer-agent`` of this Python; without one, the module."""
    script = Path(sysconfig.get_path("scripts"), "freezer-agent")
    return (str(script),) if script.exists() else (sys.executable, "-m", "freezer.cmd.agent")


def peers() -> list[Peer]:
    """The repository; and one for every format of tar backups, in clear and encrypted."""
    return [_repository(), *(_peer(name, encrypted=encrypted) for name in _FORMATS for encrypted in (False, True))]


def _repository() -> Peer:
    def plan(place: Place) -> Plan:
        stored = ("--storage", "local", "-C", str(place.store), "--machine-secret-file", str(place.secret_file))
        common = (*stored, "--quiet", "--log-file", str(place.home / "log"))
        named = ("-N", "bench", "--hostname", "bench", *common)
        backup = Command((*program(), "backup", "--engine", "dedup", "-F", str(place.source), *named))
        verify = Command((*program(), "check", "--read-data", *common))
        restore = Command((*program(), "restore", "--restore-abs-path", str(place.target), *named))
        steps = {Step.FULL: backup, Step.INCREMENTAL: backup, Step.UNCHANGED: backup}
        steps |= {Step.VERIFY: verify, Step.RESTORE: restore}
        return Plan(steps, place.target, Command((*program(), "init", *common)))

    return Peer("freezer-dedup", "Freezer, repository", plan, (*program(), "--version"))


def _peer(name: str, *, encrypted: bool) -> Peer:
    title, words = _FORMATS[name]

    def plan(place: Place) -> Plan:
        secret = ("--encrypt-pass-file", str(place.pass_file)) if encrypted else ()
        stored = ("--storage", "local", "-C", str(place.store), "-N", "bench", "--hostname", "bench")
        common = (*stored, *secret, "--quiet", "--log-file", str(place.home / "log"))
        backup = Command((*program(), "backup", "-F", str(place.source), "--incremental", *words, *common))
        restore = Command((*program(), "restore", "--restore-abs-path", str(place.target), *common))
        steps = {Step.FULL: backup, Step.INCREMENTAL: backup, Step.UNCHANGED: backup, Step.RESTORE: restore}
        return Plan(steps, place.target)

    return Peer(
        f"freezer-{name}{'-encrypted' if encrypted else ''}",
        f"Freezer, {title}{', encrypted' if encrypted else ''}",
        plan,
        (*program(), "--version"),
        often=name != "fast" or not encrypted,
    )
