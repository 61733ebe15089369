"""``python -m benchmarks.api``: the server beside the original's; ``--scale``: with more and more backups."""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.api import filling, page, places, rounds, soak
from benchmarks.api.cases import growing, large, small
from benchmarks.api.load import memory
from benchmarks.machine import describe

_SMALL, _LARGE = 10_000, 100_000


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.api", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, nargs="*", metavar="N", help="only ours, with N backups and more")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="only ours, with 200 callers for so long")
    parser.add_argument("--results", type=Path, default=Path(".cache/api-speed.json"), help="where figures are kept")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page from all figures that are kept")
    given = parser.parse_args()
    kept = json.loads(given.results.read_text()) if given.results.exists() else {}
    if given.soak is not None:
        kept["soak"] = _soaked(given.soak)
    elif given.scale is not None:
        kept.setdefault("scale", {}).update(_scaled(given.scale or [1_000, 10_000, 100_000, 1_000_000], given.rounds))
    else:
        kept["beside"] = _beside(given.rounds)
    kept["machine"] = describe(Path("/tmp"))
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_text(json.dumps(kept, indent=1))
    if given.page is not None:
        given.page.write_text(page.text(kept))


def _beside(turns: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place, places.mariadb() as database:
        folder = Path(place)
        with (
            places.ours(database.new_database(), folder) as ours,
            places.theirs(database.new_database(), folder) as theirs,
        ):
            both = {}
            for server in (ours, theirs):
                jobs = filling.fill_jobs(server)
                filling.fill_backups(database, server, _SMALL)
                shown = filling.ask(server, "GET", "/backups?limit=100")["backups"]
                newest = partial(_newest, server) if server is ours else int
                both[server] = small(jobs, [each["backup_id"] for each in shown], newest)
            costs = rounds.run(both, turns)
            for server in (ours, theirs):
                filling.fill_backups(database, server, _LARGE - _SMALL, first=_SMALL)
            costs |= rounds.run({server: large() for server in (ours, theirs)}, turns)
            found = {
                "demanded": {case.name: [case.demanded, case.original] for case in [*both[ours], *large()]},
                "costs": [[case, server, cost.cpu, cost.rate] for (case, server), cost in costs.items()],
                "memory": {server.name: memory(server.process) for server in (ours, theirs)},
            }
    return found


def _newest(server: places.Served) -> int:
    return int(filling.ask(server, "GET", "/changes")["last"])


def _scaled(sizes: list[int], turns: int) -> dict[str, dict[str, float]]:
    """CPU milliseconds by case, for each number of backups."""
    result: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as place,
        places.mariadb() as database,
        places.ours(database.new_database(), Path(place)) as server,
    ):
        there = 0
        for size in sorted(sizes):
            filling.fill_backups(database, server, size - there, first=there)
            there = size
            middle = filling.ask(server, "GET", f"/backups?limit=1&offset={size // 2}")["backups"][0]["backup_id"]
            costs = rounds.run({server: growing(middle, size)}, turns)
            result[str(size)] = {case: cost.cpu for (case, _), cost in costs.items()}
    return result


def _soaked(seconds: float) -> dict[str, object]:
    """What 200 schedulers find, and what they cost."""
    with (
        tempfile.TemporaryDirectory() as place,
        places.mariadb() as database,
        places.ours(database.new_database(), Path(place)) as server,
    ):
        found = soak.run(server, soak.fill(server), seconds)
        return {
            "seconds": seconds,
            "polls": len(found.polls),
            "updates": len(found.updates),
            "errors": len(found.errors),
            "median": found.percentile(0.5),
            "p99": found.percentile(0.99),
            "longest": found.percentile(1.0),
            "cpu": found.cpu / seconds,
            "memory": found.memory[-1],
            "growth": found.growth(),
        }


if __name__ == "__main__":
    main()
