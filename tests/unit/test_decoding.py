"""Types are readied by one thread at a time: msgspec crashes if two do it at once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import freezer

PROGRAM = """
import sys, threading
import msgspec
from freezer import decoding

SOURCE = '''
class Inner%d(msgspec.Struct, array_like=True):
    a: int
    b: list[bytes]
    c: dict[str, int | None]
class Outer%d(msgspec.Struct, array_like=True):
    a: Inner%d | None
    b: list[Inner%d]
    c: tuple[Inner%d, ...]
'''

def made(number):
    names = {"msgspec": msgspec}
    exec(SOURCE % ((number,) * 5), names)
    return names[f"Outer{number}"]

types = [made(number) for number in range(40)]
inner = [1, [b"x"], {"k": None}]
raw = msgspec.msgpack.encode([inner, [inner, inner], [inner]])
ready = threading.Barrier(6)

def decode():
    for type in types:
        ready.wait()
        DECODE

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=decode) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def run(decode: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("DECODE", decode)], capture_output=True, check=False
    ).returncode


def test_many_threads_decode_types_for_the_first_time_at_once():
    assert run("decoding.msgpack_decoder(type).decode(raw)") == 0
    assert run("decoding.convert(msgspec.msgpack.decode(raw), type)") == 0


def test_nobody_decodes_types_in_another_way():
    root = Path(freezer.__file__).parent
    other_way = re.compile(r"(msgpack|json)\.(Decoder\(|decode\(.*type=)|msgspec\.convert\(")
    files = [file for file in root.rglob("*.py") if file.name != "decoding.py"]
    assert [str(file.relative_to(root)) for file in files if other_way.search(file.read_text())] == []
