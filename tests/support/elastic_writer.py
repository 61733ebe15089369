"""A server that writes to an index until it is killed: ``python -m support.elastic_writer URL NAME``.

Each unit makes two records and counts in a third. What is acknowledged is printed.
"""

from __future__ import annotations

import itertools
import sys
import uuid

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Record, Terms, Unit
from freezer.api.store.elastic.place import place_of
from freezer.api.store.elastic.store import ElasticStore
from freezer.api.store.elastic.wire import Wire
from freezer.clock import SystemClock

PROJECT, COUNTER = "p", "counter"
NONE = Terms(frozenset(), "")


def record(id: str, body: str = "{}") -> Record:
    """A session of the project."""
    return Record(kind=Kind.SESSION, id=id, project_id=PROJECT, user_id="u", body=body)


def open_store(url: str) -> ElasticStore:
    """The store at a URL."""
    return ElasticStore(Wire(place_of(url), SystemClock()), SystemClock())


def count(unit: Unit, name: str) -> None:
    """One more pair, and the counter."""
    for half in ("left", "right"):
        unit.insert(record(f"{half}-{name}"), NONE)
    known = unit.get(Kind.SESSION, Scope(PROJECT), COUNTER, lock=True)
    assert known is not None
    unit.update(replace(known, body=str(int(known.body) + 1)), None)


def main(url: str) -> None:
    store = open_store(url)
    for _ in itertools.count():
        name = uuid.uuid4().hex
        store.write(lambda unit, name=name: count(unit, name))  # type: ignore[misc]
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
