"""Conversations with web servers: which errors may pass, what is kept apart, and how slow a line may be."""

from __future__ import annotations

import http.client
import socket
import ssl
import time

import pytest

from freezer.errors import PermanentError, TransientError
from freezer.http import Answer, Connections, byte_range, line_error, wait_asked_for
from freezer.storage.s3 import S3Storage
from freezer.testing.clock import FakeClock
from freezer.testing.network import Harm, Line, LineFault
from freezer.testing.network.when import always
from support.small_s3 import BUCKET, SmallS3

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
def s3():
    server = SmallS3()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ssl.SSLEOFError(8, "EOF occurred"), TransientError, "there: the connection was lost"),
        (http.client.IncompleteRead(b"x", 9), TransientError, "there: the answer ended before its end"),
        (http.client.RemoteDisconnected("Remote end closed connection"), TransientError, "Remote end closed"),
        (ConnectionRefusedError(111, "Connection refused"), TransientError, "cannot be reached: Connection refused"),
        (TimeoutError("timed out"), TransientError, "cannot be reached: timed out"),
        (socket.gaierror(-2, "Name or service not known"), PermanentError, "nobody knows this host name"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), PermanentError, "speaks no TLS"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), PermanentError, "is not trusted (self-signed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_may_pass_is_told_from_what_will_not(error, kind, said):
    found = line_error("there", error, authorities="MY_CA", hint="check it")
    assert type(found) is kind
    assert said in found.message
    if "trusted" in said:
        assert "MY_CA" in found.hint
    if "reached" in said:
        assert found.hint == "check it"


def test_the_connections_to_several_servers_are_kept_apart(s3):
    other = SmallS3()
    connections = Connections("", 5.0)
    try:
        with Line() as line:
            urls = [f"http://127.0.0.1:{line.carry(int(one.url.rpartition(':')[2]))}" for one in (s3, other)]
            for number in range(6):
                connections.ask("PUT", f"{urls[number % 2]}/{BUCKET}/{number}", {}, b"x")
            assert line.connections == 2
        assert set(s3.objects) == {"0", "2", "4"}
        assert set(other.objects) == {"1", "3", "5"}
    finally:
        connections.close()
        other.close()


@pytest.fixture
def far(s3):
    """The S3 at the end of a line whose round trip takes a fifth of a second."""
    with Line(round_trip=0.2) as line:
        port = line.carry(int(s3.url.rpartition(":")[2]))
        storage = S3Storage(s3.access(endpoint=f"http://127.0.0.1:{port}"), BUCKET, clock=FakeClock(), timeout=0.8)
        yield storage, line
        storage.close()


def test_a_body_may_take_longer_than_any_silence_and_than_connecting(far, monkeypatch):
    monkeypatch.setattr("freezer.http.connection._PIECE", 20_000)
    monkeypatch.setattr("freezer.http.connection._CONNECTING", 0.5)
    storage, _ = far
    for number in range(3):
        storage.put(f"{number}", bytes(200_000))
    assert storage.get("2") == bytes(200_000)


@pytest.mark.parametrize("harm", [Harm.STALL, Harm.DRIBBLE])
@pytest.mark.parametrize("up", [True, False])
def test_a_line_on_which_next_to_nothing_moves_is_given_up(far, harm, up):
    storage, line = far
    storage.put("object", bytes(2_000_000))
    storage.close()
    line.faults = [LineFault(harm, always, after=100_000, up=up)]
    began = time.monotonic()
    with pytest.raises(TransientError, match="timed out"):
        storage.put("object", bytes(2_000_000)) if up else storage.get("object")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "40"}, 40.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:17 GMT", "Date": DATE}, 40.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:00:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:17 GMT"}, None),
        ({"Retry-After": "soon", "Date": DATE}, None),
    ],
)
def test_when_to_come_back_is_a_number_or_a_date_by_the_servers_own_clock(headers, seconds):
    assert wait_asked_for(Answer(503, headers, b"")) == seconds


def test_ranges_are_inclusive_and_the_whole_needs_none():
    assert byte_range(0, None) == {}
    assert byte_range(5, None) == {"Range": "bytes=5-"}
    assert byte_range(0, 5) == {"Range": "bytes=0-4"}
