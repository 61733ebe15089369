"""restic: chunks, compression by its default, always encrypted."""

from __future__ import annotations

from benchmarks.peers.contract import Command, Peer, Place, Plan, Step


def peers() -> list[Peer]:
    return [Peer("restic", "restic", _plan, ("restic", "version"))]


def _plan(place: Place) -> Plan:
    environment = {
        "RESTIC_REPOSITORY": str(place.store),
        "RESTIC_PASSWORD_FILE": str(place.pass_file),
        "RESTIC_CACHE_DIR": str(place.home / "cache"),
    }
    backup = Command(("restic", "-q", "backup", "--compression", "auto", "."), environment, place.source)
    verify = Command(("restic", "-q", "check", "--read-data"), environment)
    restore = Command(("restic", "-q", "restore", "latest", "--target", str(place.target)), environment)
    steps = {Step.FULL: backup, Step.INCREMENTAL: backup, Step.UNCHANGED: backup}
    steps |= {Step.VERIFY: verify, Step.RESTORE: restore}
    return Plan(steps, place.target, Command(("restic", "-q", "init", "--repository-version", "2"), environment))
