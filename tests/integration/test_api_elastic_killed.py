"""Servers on one index, killed at any moment while others go on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Query, Unit
from support.api import fresh_database
from support.elastic_writer import COUNTER, NONE, PROJECT, open_store, record
from support.sweeps import Trials

_SERVERS = 3
_LONGEST = 1.5  # seconds from the first acknowledgement to the end


def _start(url: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "support.elastic_writer", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})


def _killed(url: str, chance: random.Random) -> list[str]:
    """What several servers have acknowledged before each was killed."""
    servers = [_start(url) for _ in range(_SERVERS)]
    acknowledged = []
    for server in servers:
        assert server.stdout is not None
        acknowledged.append(server.stdout.readline())
    for server in servers:
        time.sleep(chance.uniform(0, _LONGEST / _SERVERS))  # any moment will do
        server.kill()
    for server in servers:
        assert server.stdout is not None
        acknowledged.extend(server.stdout.read().splitlines(keepends=True))
        server.wait()
        server.stdout.close()
    return [line.strip() for line in acknowledged if line.endswith("\n")]


def test_killed_servers_leave_whole_units_and_everything_that_was_acknowledged(tmp_path: Path, trials: Trials) -> None:
    url, chance = fresh_database(tmp_path, "opensearch"), random.Random()
    store = open_store(url)
    store.write(lambda unit: unit.insert(record(COUNTER, "0"), NONE))
    acknowledged: list[str] = []
    for _ in range(trials(2, 60)):
        acknowledged += _killed(url, chance)

        def look(unit: Unit) -> tuple[set[str], int, int, int]:
            scope = Scope(PROJECT)
            ids = {each.id for each in unit.find(Kind.SESSION, scope, Query(limit=100_000)).records}
            counter = unit.get(Kind.SESSION, scope, COUNTER)
            assert counter is not None
            used = next(each.used for each in unit.quotas.of(PROJECT) if each.resource == "sessions")
            return ids - {COUNTER}, int(counter.body), used, unit.feed(PROJECT).last

        ids, counted, used, last = store.read(look)
        lefts = {id.removeprefix("left-") for id in ids if id.startswith("left-")}
        rights = {id.removeprefix("right-") for id in ids if id.startswith("right-")}
        assert lefts == rights
        assert (len(lefts), 2 * len(lefts) + 1, 2 * len(lefts) + 1) == (counted, used, last)
        assert lefts >= set(acknowledged)
    assert acknowledged
    store.close()
