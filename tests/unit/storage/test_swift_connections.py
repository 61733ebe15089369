"""Connections to Swift: kept as long as they are good, given up when they are not, and led through proxies."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator

import pytest
from small_swift import CONTAINER, SmallSwift, Tokens

from freezer.errors import TransientError
from freezer.storage.swift import SwiftStorage
from freezer.testing.network import Harm, Line, LineFault
from freezer.testing.network.when import always


@pytest.fixture
def swift() -> Iterator[SmallSwift]:
    server = SmallSwift()
    yield server
    server.close()


@pytest.fixture
def line(swift: SmallSwift) -> Iterator[Line]:
    with Line() as opened:
        yield opened


@pytest.fixture
def storage(swift: SmallSwift, line: Line) -> Iterator[SwiftStorage]:
    port = line.carry(swift.server.server_port)
    opened = SwiftStorage(Tokens(f"http://127.0.0.1:{port}/v1/AUTH_x"), CONTAINER, timeout=1.0)
    yield opened
    opened.close()


def test_one_connection_serves_one_request_after_the_other(line, storage):
    for number in range(5):
        storage.put(f"{number}", b"x")
    assert line.connections == 1


def test_a_connection_that_the_server_has_ended_is_not_used_again(line, storage):
    storage.put("first", b"x")
    line.go_down()
    line.come_up()
    storage.put("second", b"x")
    assert storage.get("second") == b"x"


@pytest.mark.parametrize("harm", [Harm.STALL, Harm.DRIBBLE])
@pytest.mark.parametrize("up", [True, False])
def test_a_line_on_which_next_to_nothing_moves_is_given_up(line, storage, harm, up):
    storage.put("object", bytes(5_000_000))
    storage.close()
    line.faults = [LineFault(harm, always, after=100_000, up=up)]
    with pytest.raises(TransientError, match="timed out"):
        storage.put("object", bytes(5_000_000)) if up else storage.get("object")


def test_a_slow_line_is_not_given_up(swift, monkeypatch):
    """Ten pieces, each of which takes most of the time that silence may."""
    monkeypatch.setattr("freezer.http.connection._PIECE", 20_000)
    with Line(round_trip=0.2) as line:
        port = line.carry(swift.server.server_port)
        storage = SwiftStorage(Tokens(f"http://127.0.0.1:{port}/v1/AUTH_x"), CONTAINER, timeout=0.8)
        for number in range(6):
            storage.put(f"{number}", bytes(200_000))
        assert len(storage.get("3")) == 200_000
        storage.close()


@pytest.fixture
def proxy(swift: SmallSwift) -> Iterator[tuple[int, list[bytes]]]:
    """A proxy of one connection at a time, and the heads of the requests that it got."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                with client:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += client.recv(1)
                    seen.append(head)
                    client.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1], seen
        door.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def test_a_proxy_is_given_the_whole_address_and_its_password(swift, proxy, monkeypatch):
    port, seen = proxy
    monkeypatch.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    storage = SwiftStorage(Tokens("http://swift.invalid:8080/v1/AUTH_x"), CONTAINER)
    assert storage.exists()
    storage.close()
    assert seen[0].startswith(b"HEAD http://swift.invalid:8080/v1/AUTH_x/box HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:p@ss") in seen[0]


def test_a_proxy_is_asked_for_a_tunnel_to_what_is_encrypted(swift, proxy, monkeypatch):
    port, seen = proxy
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    storage = SwiftStorage(Tokens("https://swift.invalid/v1/AUTH_x"), CONTAINER)
    with pytest.raises(TransientError, match="Tunnel connection failed: 204"):
        storage.exists()
    storage.close()
    assert seen[0].startswith(b"CONNECT swift.invalid:443 HTTP/1.")


def test_hosts_that_no_proxy_names_are_reached_without_one(swift, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    storage = SwiftStorage(Tokens(swift.url), CONTAINER)
    storage.put("object", b"x")
    assert storage.get("object") == b"x"
    storage.close()


def test_who_created_an_object_is_told_apart_from_who_came_second(swift, storage):
    """Even if the first request was delivered twice, and its second answer says that the name is taken."""
    twice = []

    def deliver_first(request):
        if request.method == "PUT" and not twice:
            twice.append(swift._carry_out(request))

    swift.lasting.append(deliver_first)
    storage.put_new("record", b"mine")
    assert swift.objects["record"][0] == b"mine"
