"""BorgBackup: chunks, zstd at level 3, encrypted and authenticated."""

from __future__ import annotations

from benchmarks.peers.contract import Command, Peer, Place, Plan, Step


def peers() -> list[Peer]:
    return [Peer("borg", "borg, zstd 3", _plan, ("borg", "--version"))]


def _plan(place: Place) -> Plan:
    environment = {
        "BORG_REPO": str(place.store / "repository"),
        "BORG_PASSPHRASE": "benchmark",
        "BORG_BASE_DIR": str(place.home),
    }

    def backup(level: int) -> Command:
        return Command(("borg", "create", "--compression", "zstd,3", f"::{level}", "."), environment, place.source)

    steps = {step: backup(level) for level, step in enumerate((Step.FULL, Step.INCREMENTAL, Step.UNCHANGED))}
    steps[Step.VERIFY] = Command(("borg", "check", "--verify-data"), environment)
    steps[Step.RESTORE] = Command(("borg", "extract", "::2"), environment, place.target)
    return Plan(steps, place.target, Command(("borg", "init", "-e", "repokey-blake2"), environment))
