"""What is demanded of the storages, and how it is worked out from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.storages.measuring import Taken
from benchmarks.storages.programs import BRIEF

Key = tuple[str, float | None, str, str]
"""Storage, added round trip in seconds (None: no line in between), program, task."""

Results = Mapping[Key, Taken]


@dataclass(frozen=True)
class Demand:
    """``found`` works the figure out; KeyError if something for it was not measured."""

    what: str
    wanted: float
    found: Callable[[Results], float]


def _cpu(storage: str, task: str, peer: str) -> Callable[[Results], float]:
    """How many times our CPU time another program takes."""
    return lambda results: results[storage, None, peer, task].cpu / results[storage, None, "ours", task].cpu


def _pace(storage: str, task: str, *peers: str, line: float | None = None) -> Callable[[Results], float]:
    """How many times the throughput of the quickest of other programs we have."""

    def found(results: Results) -> float:
        walls = [results[storage, line, peer, task].wall for peer in peers]
        return min(walls) / results[storage, line, "ours", task].wall

    return found


def _kept(storage: str, task: str, far: float) -> Callable[[Results], float]:
    """Which part of the throughput over a line is left when a round trip takes longer."""
    return lambda results: results[storage, 0.0, "ours", task].wall / results[storage, far, "ours", task].wall


def _demands(far: float) -> Iterator[Demand]:
    for task in ("put", "get"):
        brief = _cpu("ssh", f"{BRIEF}{task}", "upstream")
        yield Demand(f"ssh {task}: CPU time of upstream (paramiko) / ours", 2.0, brief)
        yield Demand(f"ssh {task}: our throughput / that of scp", 1.0, _pace("ssh", task, "scp"))
    yield Demand("Swift put: CPU time of upstream (python-swiftclient) / ours", 2.0, _cpu("swift", "put", "upstream"))
    yield Demand("Swift put: CPU time of `swift upload` / ours", 2.0, _cpu("swift", "put", "swift upload"))
    for peer in ("upstream", "swift upload"):
        yield Demand(f"Swift put: our throughput / that of {peer}", 1.0, _pace("swift", "put", peer))
    for task in ("put", "get"):
        peers = ("rclone", "rclone rcat") if task == "put" else ("rclone",)
        yield Demand(f"S3 {task}: our throughput / that of rclone", 1.0, _pace("s3", task, *peers))
    for storage in ("ssh", "swift", "s3", "ftp"):
        yield Demand(f"{storage} small objects: our rate / upstream's", 3.0, _pace(storage, "small", "upstream"))
        peer, line = ("library" if storage == "swift" else "upstream"), f"over a line of {far * 1000:g} ms"
        rate = _pace(storage, "small", peer, line=far)
        yield Demand(f"{storage} small objects {line}: our rate / that of {peer}", 3.0, rate)
    for storage in ("ssh", "swift", "s3", "ftp", "ftps"):
        for task in ("put", "get"):
            yield Demand(f"{storage} {task}: throughput left at {far * 1000:g} ms", 0.5, _kept(storage, task, far))


def judged(results: Results, far: float) -> Iterator[tuple[str, float, float]]:
    """What, the figure demanded at least, and the one that was found; without what was not measured."""
    for demand in _demands(far):
        try:
            yield demand.what, demand.wanted, demand.found(results)
        except KeyError:
            continue
