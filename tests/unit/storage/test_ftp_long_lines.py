"""What is said to a server far away: as much at once as may be, and to one nearby one thing at a time."""

from __future__ import annotations

import ftplib
import socket
import ssl
import threading
import time
from collections.abc import Callable

import pytest
from small_ftp import Fault, SmallFtp

from freezer.errors import TransientError
from freezer.storage.ftp.ending import end_sending
from servers.tls import make_certificates

FAR, NEAR = -1.0, 1e9


@pytest.fixture
def ftp(tmp_path):
    server = SmallFtp(tmp_path)
    yield server
    server.close()


@pytest.fixture
def distance(monkeypatch):
    def choose(seconds):
        monkeypatch.setattr("freezer.storage.ftp.connection._FAR", seconds)

    return choose


@pytest.fixture
def said(monkeypatch):
    """First words of the commands that left us."""
    words: list[str] = []
    give = ftplib.FTP.putcmd

    def heard(self, line):
        give(self, line)
        words.append(line.partition(" ")[0])

    monkeypatch.setattr(ftplib.FTP, "putcmd", heard)
    return words


@pytest.mark.parametrize(("first", "last"), [("RNFR", "RNTO"), ("OPTS", "PWD")])
def test_a_far_server_is_told_what_belongs_together_before_it_answers(ftp, distance, said, first, last):
    distance(FAR)
    ftp.faults(Fault(first, meanwhile=lambda: _wait_until(lambda: last in said)))
    ftp.storage().put("object", b"x")
    assert ftp.left() == ["object"]


@pytest.mark.parametrize(("first", "next_one"), [("RNFR", "RNTO"), ("OPTS", "TYPE"), ("TYPE", "PWD")])
def test_a_server_nearby_is_told_one_thing_at_a_time(ftp, distance, said, first, next_one):
    distance(NEAR)
    early: list[bool] = []
    ftp.faults(Fault(first, meanwhile=lambda: early.append(next_one in said)))
    ftp.storage().put("object", b"x")
    assert early == [False]


@pytest.mark.parametrize("seconds", [FAR, NEAR])
@pytest.mark.parametrize("word", ["RNFR", "RNTO"])
def test_after_a_refused_renaming_the_connection_is_as_good_as_before(ftp, distance, seconds, word):
    distance(seconds)
    storage = ftp.storage()
    storage.put("object", b"old")
    ftp.faults(Fault(word, then="say", text="451 Not now"))
    with pytest.raises(TransientError, match="451 Not now"):
        storage.put("object", b"new")
    assert storage.get("object") == b"old"
    storage.put("object", b"newer")
    assert storage.get("object") == b"newer"
    assert ftp.left() == ["object"]
    assert ftp.seen.count("PASS") == 1


def test_the_connection_that_asks_what_has_arrived_is_made_before_the_first_byte_is_sent(ftp, distance):
    distance(FAR)
    storage = ftp.storage()
    ftp.faults(Fault("STOR", meanwhile=lambda: _wait_until(lambda: ftp.seen.count("PASS") == 2)))
    upload = storage.open_write("object")
    upload.write(0, b"x")
    upload.commit()
    assert ftp.left() == ["object"]


def test_the_end_of_protected_data_is_said_and_the_other_side_need_not_say_it_too(tmp_path):
    make_certificates(tmp_path)
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(tmp_path / "server.pem")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
    here, there = socket.socketpair()
    came: list[bytes] = []

    def receive() -> None:
        with accepting.wrap_socket(there, server_side=True, suppress_ragged_eofs=False) as channel:
            came.extend(iter(lambda: channel.recv(1 << 16), b""))
            ended.append(over.wait(20))

    over, ended = threading.Event(), list[bool]()
    receiver = threading.Thread(target=receive)
    receiver.start()
    with trusting.wrap_socket(here, server_hostname="127.0.0.1") as channel:
        channel.sendall(b"x" * 300_000)
        end_sending(channel)
        over.set()
        receiver.join()
    assert ended == [True]
    assert len(b"".join(came)) == 300_000


def _wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
