"""The line that tests put between a client and a server does what it is told, and nothing else."""

from __future__ import annotations

import secrets
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from freezer.testing.network import Harm, Line, LineFault
from freezer.testing.network.when import always

SIZE = 300_000


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1 << 16):
            self.request.sendall(data)


@pytest.fixture
def server() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as opened:
        opened.daemon_threads = True
        opened.block_on_close = False
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened.server_address[1]
        opened.shutdown()
        thread.join()


def echoed(port: int, data: bytes) -> bytes:
    """What comes back until the other side ends, or an error."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        sender = threading.Thread(target=send, args=(connection, data))
        sender.start()
        try:
            back = b""
            while piece := connection.recv(1 << 16):
                back += piece
            return back
        finally:
            sender.join()


def send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_bytes_arrive_as_they_are(server):
    data = secrets.token_bytes(SIZE)
    with Line() as line:
        assert echoed(line.carry(server), data) == data
        assert line.connections == 1
        assert line.carried == 2 * SIZE


def test_a_round_trip_takes_as_long_as_it_should_whatever_flies_at_the_same_time(server):
    data = secrets.token_bytes(20 * SIZE)
    with Line(round_trip=0.2) as line:
        begun = time.monotonic()
        assert echoed(line.carry(server), data) == data
        # One for the connection and one for the bytes, which do not wait for each other.
        assert 0.4 <= time.monotonic() - begun < 9


def test_a_refused_connection_is_reset_before_a_byte_moves(server):
    with Line(faults=[LineFault(Harm.REFUSE)]) as line:
        port = line.carry(server)
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(("127.0.0.1", port), 5) as connection,
        ):
            connection.recv(1)
        assert echoed(port, b"second") == b"second"


def test_a_line_that_is_down_accepts_nobody_until_it_comes_up(server):
    with Line() as line:
        port = line.carry(server)
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
            line.go_down()
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        line.come_up()
        assert echoed(port, b"again") == b"again"


@pytest.mark.parametrize("up", [True, False])
def test_a_reset_comes_in_mid_stream(server, up):
    with Line(faults=[LineFault(Harm.RESET, after=1000, up=up)]) as line, pytest.raises(ConnectionResetError):
        echoed(line.carry(server), b"x" * SIZE)


def test_a_cut_looks_like_the_end(server):
    with Line(faults=[LineFault(Harm.CUT, always, after=1000, up=False)]) as line:
        assert echoed(line.carry(server), b"x" * 5000) == b"x" * 1000


def test_a_stalled_line_says_nothing_more(server):
    with (
        Line(faults=[LineFault(Harm.STALL, after=1000, up=False)]) as line,
        socket.create_connection(("127.0.0.1", line.carry(server)), 5) as connection,
    ):
        connection.sendall(b"x" * 5000)
        assert len(drained(connection, 0.4)) == 1000


def drained(connection: socket.socket, seconds: float) -> bytes:
    """What comes before nothing comes for so long."""
    connection.settimeout(seconds)
    got = b""
    try:
        while piece := connection.recv(1 << 16):
            got += piece
    except TimeoutError:
        pass
    return got


def test_a_dribbling_line_gives_a_byte_a_second(server):
    with (
        Line(faults=[LineFault(Harm.DRIBBLE, after=1000, up=False)]) as line,
        socket.create_connection(("127.0.0.1", line.carry(server)), 5) as connection,
    ):
        connection.sendall(b"x" * 5000)
        assert len(drained(connection, 0.5)) == 1000
        begun = time.monotonic()
        connection.settimeout(5)
        assert connection.recv(100) == b"x"
        assert connection.recv(100) == b"x"
        assert time.monotonic() - begun > 0.9
