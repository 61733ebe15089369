"""The requests, and what each may cost at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.api.filling import backup
from benchmarks.api.load import Request
from benchmarks.api.places import HEADERS, ROOT

TURN = 1_000_000
"""Requests of a round are numbered from a multiple of this."""

_SEARCH = {"match": [{"backup_name": "rare0"}]}


@dataclass(frozen=True)
class Case:
    """A request; ``demanded``: CPU milliseconds at most, where the original took ``original``; ``slow``: of so many a
    round is enough for the original, which may have no such request: what it is asked ``instead``."""

    name: str
    request: Request
    demanded: float | None = None
    original: float | None = None
    count: int = 400
    slow: int = 40
    instead: Request | None = None


def _get(path: str, status: int = 200) -> Request:
    return Request("GET", lambda _: ROOT + path, status, None, HEADERS)


def _search(path: str, search: Mapping[str, object]) -> Request:
    return Request("GET", lambda _: ROOT + path, 200, lambda _: search, HEADERS)


def poll(client: int) -> Mapping[str, object]:
    """What the original's scheduler asks once a minute."""
    return {"match": [{"client_id": f"node{client}"}], "match_not": [{"status": "completed"}]}


def small(jobs: Sequence[str], backups: Sequence[str], newest: Callable[[], int]) -> list[Case]:
    """Among 10,000 backups and 1,000 jobs of 100 clients; ``newest`` asks for the number of the newest change, where
    such numbers are: a scheduler goes on from the one that it was told last."""

    @cache
    def seen(_turn: int) -> int:
        return newest()

    polling = Request("GET", lambda _: f"{ROOT}/jobs/?limit=10&offset=0&all_projects=False", 200,
                      lambda n: poll(n % 100), HEADERS)  # fmt: skip
    return [
        Case("list of 10 backups", _get("/backups?limit=10"), 0.8, 1.8, slow=200),
        Case("list of 100 backups", _get("/backups?limit=100"), 1.5, 4.3, count=200, slow=100),
        Case("get backup", Request("GET", lambda n: f"{ROOT}/backups/{backups[n % len(backups)]}", 200, None, HEADERS)),
        Case(
            "create backup",
            Request("POST", lambda _: f"{ROOT}/backups", 201, lambda n: backup(f"new{n}", "new", n), HEADERS),
            1.0,
            2.5,
            slow=200,
        ),
        Case("list of 10 jobs", _get("/jobs?limit=10"), 1.0, 19.0),
        Case("scheduler's poll, 10 jobs of 1,000", polling, 5.0, 1290.0, slow=8),
        Case("scheduler's poll, nothing has changed", Request("GET", lambda n: (
            f"{ROOT}/changes?client_id=node7&since={seen(n // TURN)}"), 200, None, HEADERS), 1.0, 1290.0,
             slow=8, instead=polling),
        Case("get job", Request("GET", lambda n: f"{ROOT}/jobs/{jobs[n % len(jobs)]}", 200, None, HEADERS), 0.8, 5.2),
    ]  # fmt: skip


def large() -> list[Case]:
    """Among 100,000 backups."""
    return [Case("search with 10 hits in 100,000 backups", _search("/backups?limit=10", _SEARCH), 20.0, 3043.0, slow=4)]


def growing(marker: str, total: int) -> list[Case]:
    """What must cost the same however many backups there are, and what cannot."""
    return [
        Case("first page of 10", _get("/backups?limit=10")),
        Case("page of 10 behind a marker in the middle", _get(f"/backups?limit=10&marker={marker}")),
        Case("get by id", _get(f"/backups/{marker}")),
        Case("search by name, host or level: first page of 10", _search("/backups?limit=10", {
            "match": [{"backup_name": "name7"}, {"hostname": "host007"}]})),
        Case("search with one hit", _search("/backups?limit=10", {"match": [{"time_stamp": 1_700_000_777}]})),
        Case("page of 10 at half the offset", _get(f"/backups?limit=10&offset={total // 2}"), count=8),
        Case("first page with the total", _get("/backups?limit=10&total=true"), count=8),
    ]  # fmt: skip
