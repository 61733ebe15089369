"""How long lists of the API take as they get deeper: the store's own statements, among 1,000 to 1,000,000 backups.

    python -m benchmarks.deep_lists sqlite:////dev/shm/deep.db [NUMBER ...]

The database is filled up step by step and measured at each: the medians of a few calls, in milliseconds. Every tenth of
a thousandth of the backups has the same name, all have one status. Backups are written past the API, each with those of
its terms that are asked for.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, Engine, insert, text

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, NoSuchMarker, Query, Unit
from freezer.api.store.sql.engine import WRITING, open_engine
from freezer.api.store.sql.migrate import upgrade
from freezer.api.store.sql.store import SqlStore
from freezer.api.store.sql.tables import TABLES, terms
from freezer.api.store.terms import term
from freezer.clock import Clock, SystemClock

_PROJECT, _USER = "5f6c0de2a1b94b7e8f3d2c1b0a998877", "0123456789abcdef0123456789abcdef"
_SCOPE = Scope(_PROJECT)
_BATCH = 10_000
_HITS = 10
_TIMES = 7
_STARTED = 1_600_000_000
STEPS = (1_000, 10_000, 100_000, 1_000_000)


def _id(number: int) -> str:
    return f"{number:032x}"


def _rows(numbers: Sequence[int], hits: int) -> Iterator[dict[str, object]]:
    for number in numbers:
        metadata = {
            "container": "/srv/backups",
            "hostname": f"host{number % 100}",
            "backup_name": _name(number, hits),
            "time_stamp": _STARTED + number * 60,
            "curr_backup_level": number % 7,
            "path_to_backup": "/home",
            "backup_bytes_stored": 1_000_000 + number,
        }
        body = {"status": "available", "user_name": "u", "backup_metadata": metadata}
        yield {
            "place": number,
            "id": _id(number),
            "project_id": _PROJECT,
            "user_id": _USER,
            "body": json.dumps(body, separators=(",", ":")),
            "links": "{}",
            "words": "",
            "revision": 1,
            "stamp": metadata["time_stamp"],
            "composed": f"{number:064x}",
            "belongs": f"{number % 100:032x}",
            "location": "0" * 32,
            "counted": 2,
        }


def _name(number: int, hits: int) -> str:
    """Ten backups of each step have a name of their own, spread over it."""
    return f"rare{hits}" if number % (hits // _HITS) == 0 else f"name{number % 1000}"


def _terms(numbers: Sequence[int], hits: int) -> Iterator[dict[str, object]]:
    for number in numbers:
        pairs = (("status", "available"), ("hostname", f"host{number % 100}"), ("backup_name", _name(number, hits)))
        for pair in pairs:
            key, value = term(*pair)
            yield {"kind": "backup", "key": key, "value": value, "project_id": _PROJECT, "place": number}


def fill(engine: Engine, after: int, up_to: int) -> None:
    """Add backups until there are so many."""
    for begin in range(after + 1, up_to + 1, _BATCH):
        numbers = range(begin, min(begin + _BATCH, up_to + 1))
        with engine.execution_options(**{WRITING: True}).begin() as connection:
            connection.execute(insert(TABLES[Kind.BACKUP]), list(_rows(numbers, up_to)))
            connection.execute(insert(terms), list(_terms(numbers, up_to)))


def analyse(connection: Connection) -> None:
    """Let the database count, as it does by itself in time; SQLite never does."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE TABLE backup, term"))


def cases(total: int) -> Mapping[str, Query]:
    """What is asked for."""
    rare, common = term("backup_name", f"rare{total}"), term("status", "available")
    return {
        "first page": Query(),
        "newest first": Query(newest_first=True),
        "page in the middle, by marker": Query(marker=_id(total // 2)),
        "search, 10 hits": Query(terms=(rare,)),
        "search, 1 % hits": Query(terms=(term("hostname", "host7"),)),
        "search, all hit": Query(terms=(common,)),
        "search, all hit, newest first": Query(terms=(common,), newest_first=True),
        "search by three keys, 10 hits": Query(terms=(common, term("hostname", "host0"), rare)),
        "search without, by marker": Query(terms=(common,), terms_not=(rare,), marker=_id(total // 2)),
        "the last hour": Query(after=_STARTED + (total - 60) * 60),
        "the last hour, newest first": Query(after=_STARTED + (total - 60) * 60, newest_first=True),
        "page in the middle, by offset": Query(offset=total // 2),
        "first page and total": Query(total=True),
    }


def milliseconds(store: SqlStore, query: Query, clock: Clock) -> float:
    """The median of a few calls."""
    taken = []
    for _ in range(_TIMES):
        begun = clock.monotonic()
        store.read(partial(_page, query))
        taken.append(clock.monotonic() - begun)
        if taken[-1] > 1:
            break
    return statistics.median(taken) * 1000


def _page(query: Query, unit: Unit) -> int:
    return len(unit.find(Kind.BACKUP, _SCOPE, query).records)


def measure(url: str, steps: Sequence[int], tell: Callable[[str], object]) -> None:
    """Fill the database at ``url``, which is empty, and tell a table in Markdown."""
    clock, engine = SystemClock(), open_engine(url)
    upgrade(engine)
    store = SqlStore(engine, clock)
    results: dict[str, list[float]] = {}
    done = 0
    for step in steps:
        fill(engine, done, step)
        done = step
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            analyse(connection)
        for name, query in cases(step).items():
            try:
                results.setdefault(name, []).append(milliseconds(store, query, clock))
            except NoSuchMarker:
                raise RuntimeError(f"{name}: the marker is missing") from None
        tell(f"<!-- {step:,} backups measured -->\n")
    tell("| list | " + " | ".join(f"{step:,}" for step in steps) + " |\n|---|" + "---|" * len(steps) + "\n")
    for name, times in results.items():
        tell(f"| {name} | " + " | ".join(f"{each:.1f}" for each in times) + " |\n")
    engine.dispose()


if __name__ == "__main__":
    measure(sys.argv[1], [int(each) for each in sys.argv[2:]] or STEPS, sys.stdout.write)
