"""GNU tar with snapshot files and a compressor behind it."""

from __future__ import annotations

from benchmarks.peers.contract import Command, Peer, Place, Plan, Step, shell

_CREATE = "cp -f {0}/below {0}/snapshot 2>/dev/null || true; tar --listed-incremental={0}/snapshot -C {1} -cf - . | "
_KEEP = "; mv {0}/snapshot {0}/below"


def peers() -> list[Peer]:
    """``gzip -6`` is what ``tar -z`` runs; zstd with one thread."""
    return [_peer("gzip", "gzip -6 -c", "gzip -dc"), _peer("zstd", "zstd -q -3 -T1 -c", "zstd -q -dc")]


def _peer(name: str, compress: str, decompress: str) -> Peer:
    def plan(place: Place) -> Plan:
        def backup(level: int) -> Command:
            line = f"{_CREATE}{compress} > {{2}}/{level}{_KEEP}"
            return Command(shell(line, place.home, place.source, place.store))

        extract = "tar --listed-incremental=/dev/null -C {1} -xf -"
        restore = f"for level in 0 1 2; do {decompress} < {{0}}/$level | {extract}; done"
        steps = {step: backup(level) for level, step in enumerate((Step.FULL, Step.INCREMENTAL, Step.UNCHANGED))}
        steps[Step.RESTORE] = Command(shell(restore, place.store, place.target))
        return Plan(steps, place.target)

    return Peer(f"tar-{name}", f"GNU tar, {compress.removesuffix(' -c')}", plan, ("tar", "--version"))
