"""The go-between that tests put in front of web servers does what it is told, and nothing else."""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from freezer.testing.network import GoBetween
from freezer.testing.network.between import WebFault
from freezer.testing.network.deeds import (
    CutAnswer,
    LoseAnswer,
    LoseRequest,
    Outdated,
    Reply,
    Rewrite,
    Stall,
    Twice,
    wrong_etag,
)
from freezer.testing.network.when import always, some

TEXT = b"0123456789"


class Notes(ThreadingHTTPServer):
    """Keeps what was PUT, whole, in ``bodies``; answers every GET with the number of them and :data:`TEXT`."""

    daemon_threads = True
    bodies: list[bytes]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Notes

    def do_PUT(self) -> None:
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) == size:
            self.server.bodies.append(body)
        self._answer(201, b"")

    def do_GET(self) -> None:
        if self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\n01234\r\n5;x=y\r\n56789\r\n0\r\nTrailer: 1\r\n\r\n")
            return
        self._answer(200, b"%d " % len(self.server.bodies) + TEXT)

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", '"right"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Notes]:
    with Notes(("127.0.0.1", 0), Handler) as opened:
        opened.bodies = []
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


@pytest.fixture
def web(server: Notes) -> Iterator[GoBetween]:
    with GoBetween(server.server_port) as opened:
        yield opened


@pytest.fixture
def client(web: GoBetween) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    yield connection
    connection.close()


def ask(client, method="GET", target="/", body=None, headers=None):
    client.request(method, target, body, headers or {}, encode_chunked=True)
    answer = client.getresponse()
    return answer, answer.read()


def test_requests_and_answers_pass_as_they_are_over_one_connection(web, server, client):
    assert ask(client, "PUT", "/a", b"body")[0].status == 201
    assert ask(client, "GET", "/b?c=d")[1] == b"1 " + TEXT
    assert ask(client, "HEAD", "/b")[0].headers["Content-Length"] == "12"
    assert ask(client, "GET", "/chunks")[1] == TEXT
    assert ask(client, "PUT", "/a", iter([b"in", b"chunks"]), {"Transfer-Encoding": "chunked"})[0].status == 201
    assert server.bodies == [b"body", b"inchunks"]
    assert web.requests == [("PUT", "/a"), ("GET", "/b?c=d"), ("HEAD", "/b"), ("GET", "/chunks"), ("PUT", "/a")]


def test_who_waits_for_leave_to_send_gets_it(server, client):
    client.putrequest("PUT", "/a")
    client.putheader("Content-Length", "4")
    client.putheader("Expect", "100-continue")
    client.endheaders()
    client.send(b"body")
    assert client.getresponse().status == 201
    assert server.bodies == [b"body"]


def test_an_answer_of_its_own_keeps_the_server_out_of_it(web, server, client):
    web.set_faults([WebFault(Reply(503, (("Retry-After", "7"),), b"later"), "PUT")])
    answer, body = ask(client, "PUT", "/a", b"body")
    assert (answer.status, answer.headers["Retry-After"], body) == (503, "7", b"later")
    assert server.bodies == []
    assert ask(client, "PUT", "/a", b"body")[0].status == 201


def test_an_error_may_come_although_the_work_was_done(web, server, client):
    web.set_faults([WebFault(Reply(500, carried_out=True), "PUT")])
    assert ask(client, "PUT", "/a", b"body")[0].status == 500
    assert server.bodies == [b"body"]


def test_a_lost_request_reaches_the_server_in_part_and_a_lost_answer_comes_after_the_work(web, server, client):
    web.set_faults([WebFault(LoseRequest(), "PUT", "/lost"), WebFault(LoseAnswer(), "PUT", "/done")])
    for target in ("/lost", "/done"):
        with pytest.raises(ConnectionError):
            ask(client, "PUT", target, b"x" * 100_000)
        client.close()
    assert server.bodies == [b"x" * 100_000]


def test_half_an_answer_may_or_may_not_say_so(web, client):
    web.set_faults([WebFault(CutAnswer(told=True)), WebFault(CutAnswer(told=False), when=lambda number: number == 2)])
    assert ask(client)[1] == b"0 0123"
    with pytest.raises(http.client.IncompleteRead):
        ask(client)


def test_a_request_may_be_delivered_twice(web, server, client):
    web.set_faults([WebFault(Twice(), "PUT")])
    assert ask(client, "PUT", "/a", b"body")[0].status == 201
    assert server.bodies == [b"body"] * 2


def test_an_answer_may_be_the_first_one_again_or_another(web, client):
    ask(client)
    ask(client, "PUT", "/a", b"body")
    web.set_faults([WebFault(Outdated(), "GET", "^/$", always)])
    assert ask(client)[1] == b"0 " + TEXT
    web.set_faults([WebFault(Rewrite(wrong_etag), "GET")])
    answer, body = ask(client)
    assert (answer.headers["ETag"], body) == (f'"{"0" * 32}"', b"1 " + TEXT)


def test_a_stalled_request_is_never_answered(web):
    web.set_faults([WebFault(Stall())])
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=0.3)
    with pytest.raises(TimeoutError):
        ask(connection)
    connection.close()


def test_chance_strikes_about_as_often_as_it_should():
    strikes = some(random.Random(1), 0.3)
    assert 250 < sum(strikes(number) for number in range(1000)) < 350


def test_what_is_no_http_ends_the_connection(web):
    for text in (b"no http at all\r\n\r\n", b"GET / HTTP/1.1\r\nhalf"):
        with socket.create_connection(("127.0.0.1", web.port), 5) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert connection.recv(100) == b""


def test_it_can_be_closed_while_its_last_connection_ends(server: Notes) -> None:
    for _ in range(100):
        with GoBetween(server.server_port) as web:
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
