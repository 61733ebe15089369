"""Far away one connection does not fill a line: more are made, and nothing depends on them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import TransientError
from freezer.storage.ahead import read_ahead
from freezer.storage.ssh import SshStorage
from freezer.storage.ssh.lanes import MOST, wanted
from freezer.testing.network import Line
from servers.sshd import shared_sshd

MIB = 1 << 20


@pytest.mark.parametrize(
    ("round_trip", "count"), [(0.0, 1), (0.0005, 1), (0.007, 1), (0.02, 3), (0.05, 7), (1.0, MOST)]
)
def test_the_further_away_the_more_connections(round_trip, count):
    assert wanted(round_trip) == count


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[SshStorage, Line]]:
    """A server whose answers take a fifth of a second: over one connection 10 MiB a second."""
    sshd = shared_sshd()
    with Line(round_trip=0.2) as line:
        server = sshd.server(port=line.carry(sshd.port), accept_new_host_key=True)
        storage = SshStorage(server, str(tmp_path / "box"), clock=SystemClock(), environment=sshd.environment())
        storage.prepare()
        yield storage, line
        storage.close()


def lanes_there(line: Line) -> None:
    """Return when all connections are made, for they are made meanwhile: each has said more than a greeting."""
    deadline = time.monotonic() + 60
    while len(line.carried_by) < MOST or min(line.carried_by.values()) < 5000:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1.0)


def test_a_large_object_goes_over_several_connections_and_comes_back_whole(far):
    storage, line = far
    data = secrets.token_bytes(8 * MIB)
    assert storage.capabilities.call_size == 32 * MIB
    upload = storage.open_write("object")
    upload.write(0, data)
    lanes_there(line)
    line.carried_by.clear()
    for number in range(1, 9):
        upload.write(number * len(data), data)
    upload.commit()
    assert line.connections == MOST
    assert max(line.carried_by.values()) < line.carried / 2
    read = b"".join(read_ahead(storage, "object", 9 * len(data), 4 * MIB))
    assert read == data * 9


def test_the_connections_are_made_as_soon_as_somebody_asks_what_the_storage_can_do(far):
    storage, line = far
    assert storage.capabilities.read_ahead == 2 * MOST
    lanes_there(line)


def test_connections_that_are_lost_cost_one_repetition_and_no_byte(far):
    storage, line = far
    data = secrets.token_bytes(8 * MIB)
    upload = storage.open_write("object")
    upload.write(0, data)
    lanes_there(line)
    upload.write(len(data), data)
    line.go_down()
    line.come_up()
    try:
        upload.write(2 * len(data), data)
    except TransientError:
        upload.write(2 * len(data), data)
    for number in range(3, 5):
        upload.write(number * len(data), data)
    upload.commit()
    assert storage.get("object") == data * 5
