"""Requests in flight over a program that only claims to be ``ssh``: odd servers and broken ones."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import FreezerError, ObjectNotFound, PermanentError, TransientError
from freezer.storage.ssh import Server, SshStorage

PROLOGUE = """
import os, struct, sys
put, get = sys.stdout.buffer, sys.stdin.buffer
def send(kind, body):
    put.write(struct.pack('>IB', len(body) + 1, kind) + body); put.flush()
def receive():
    size = struct.unpack('>I', get.read(4))[0]
    data = get.read(size)
    return data[0], data[1:5], data[5:]
def status(number, code):
    send(101, number + struct.pack('>III', code, 0, 0))
def greet():
    receive()
    send(2, struct.pack('>I', 3))
"""
FOLDER = "struct.pack('>II', 4, 0o40755)"
FILE = "struct.pack('>IQI', 5, 10, 0o100644)"


@pytest.fixture
def storage(tmp_path: Path, request: pytest.FixtureRequest):
    """A storage whose server is this Python program."""
    program = tmp_path / "ssh"
    program.write_text(f"#!{sys.executable}\n{PROLOGUE}\n{request.param}")
    program.chmod(0o755)
    made = SshStorage(Server("host"), "/c", clock=SystemClock(), environment={"PATH": str(tmp_path)})
    yield made
    made.close()


def served(body: str) -> str:
    return "greet()\nwhile True:\n    kind, number, data = receive()\n" + "".join(
        f"    {line}\n" for line in body.splitlines()
    )


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("receive(); send(2, struct.pack('>I', 6))", "version 6"),
        ("receive(); put.write(b'\\xff\\xff\\xff\\xff'); put.flush(); get.read()", "a packet of 4294967295 bytes"),
        ("receive(); send(101, bytes(8))", "no greeting"),
        (served("send(105, b'\\0\\0\\0\\7' + data)"), "an answer that nobody asked for"),
        (served("send(103, number + b'\\0')"), "type 103 came where 105"),
        (served("send(105, number + b'\\0')"), "shorter than it says"),
    ],
    indirect=["storage"],
)
def test_nonsense_is_refused_in_one_line_and_at_once(storage, said):
    with pytest.raises(PermanentError, match=said) as caught:
        storage.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("storage", [served("os._exit(3)")], indirect=True)
def test_a_server_that_dies_is_a_transient_error_for_everybody_who_waits(storage):
    ends: list[FreezerError] = []

    def ask() -> None:
        try:
            storage.exists()
        except FreezerError as error:
            ends.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [type(error) for error in ends] == [TransientError] * 4


STINGY = served(f"""
if kind in (7, 17): send(105, number + {FILE})
elif kind == 3: send(102, number + struct.pack('>I', 1) + b'h')
elif kind == 5:
    offset, size = struct.unpack('>QI', data[5:])
    piece = b'0123456789'[offset:offset + min(size, 3)]
    send(103, number + struct.pack('>I', len(piece)) + piece) if piece else status(number, 1)
else: status(number, 0)
""")


@pytest.mark.parametrize("storage", [STINGY], indirect=True)
def test_a_server_that_gives_less_than_it_is_asked_for_is_asked_again(storage):
    assert storage.get("object", 0, 10) == b"0123456789"
    assert storage.get("object", 2, 100) == b"23456789"
    assert storage.get("object", 50, 5) == b""


@pytest.mark.parametrize(
    "storage", [served(f"send(105, number + {FOLDER}) if kind in (7, 17) else status(number, 2)")], indirect=True
)
def test_a_folder_is_no_object(storage):
    assert storage.exists()
    with pytest.raises(ObjectNotFound):
        storage.get("folder")


@pytest.mark.parametrize(
    "storage", [served(f"send(105, number + {FOLDER}) if kind in (7, 17) else status(number, 4)")], indirect=True
)
def test_a_list_that_fails_is_an_error_and_never_empty(storage):
    with pytest.raises(PermanentError, match="cannot list the objects"):
        storage.list()
