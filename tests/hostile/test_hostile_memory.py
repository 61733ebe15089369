"""What expands without end is refused before it takes memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hostile_corpus import CODECS, Case, corpus
from hostile_tarball import END, base256, file, head, listed, pax

from support.stored import UPSTREAM_RECORD, key, local, put
from support.sweeps import Trials

MIB = 1024 * 1024

# The peak that Linux counts for a child includes what its parent had when it was forked; VmHWM does not.
PROGRAM = """
import re, sys
from freezer.cmd.agent import main
code = main(sys.argv[1:])
print("peak", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(code)
"""


def records(count: int) -> bytes:
    return b"".join(pax((b"SCHILY.xattr.user.%d" % number, b"x" * 60_000), kind=b"g") for number in range(count))


def extents(count: int) -> Iterator[bytes]:
    yield head(b"a", b"S", 0, tail=bytes(41 + 96) + b"\1" + base256(0, 12))
    block = (base256(0, 12) + base256(0, 12)) * 21 + b"\1" + bytes(7)
    for _ in range(count // 21 // 1000):
        yield block * 1000


def claim(kind: bytes, size: int) -> Iterator[bytes]:
    yield head(b"a", kind, size)
    for _ in range(size // MIB):
        yield bytes(MIB)


def entries(count: int) -> Iterator[bytes]:
    for start in range(0, count, 1000):
        yield b"".join(head(b"../%d" % number) for number in range(start, start + 1000))


SPARSE_RECORDS = b"23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=0\n"
BOMBS: dict[str, Callable[[], Iterator[bytes]]] = {
    "list": lambda: claim(b"D", 200 * MIB),
    "record": lambda: claim(b"x", 200 * MIB),
    "global-record": lambda: claim(b"g", 200 * MIB),
    "global-records": lambda: iter([records(300)]),
    "name": lambda: claim(b"L", 200 * MIB),
    "link-name": lambda: claim(b"K", 200 * MIB),
    "extents": lambda: extents(1_500_000),
    "extension-blocks": lambda: iter(
        [head(b"a", b"S", 0, tail=bytes(137) + b"\1"), (bytes(504) + b"\1" + bytes(7)) * 100_000]
    ),
    "tiny-records": lambda: iter([head(b"a", b"x", 6 * MIB), b"6 a=b\n" * MIB]),
    "sparse-records": lambda: iter([head(b"a", b"x", 24 * MIB), SPARSE_RECORDS * (24 * MIB // len(SPARSE_RECORDS))]),
    "unfinished-content": lambda: claim(b"0", 2**40 // 2**13),
}


def compressed(pieces: Iterator[bytes], codec: str) -> bytes:
    if codec != "gzip":
        return CODECS[codec](b"".join(pieces))
    import zlib

    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def restore(
    folder: Path, archive: bytes, *words: str, record: bytes = UPSTREAM_RECORD, state: bytes = b"s"
) -> tuple[int, int, str]:
    """Exit code, peak memory in KiB, and standard error of a restore in a process of its own."""
    storage = local(folder / "container")
    put(storage, key(0, 1_700_000_000, name="h_web"), data=archive, record=record, state=state)
    storage.close()
    return restore_stored(folder, *words)


def restore_stored(folder: Path, *words: str) -> tuple[int, int, str]:
    """As :func:`restore`, of what is in the container already."""
    where = ["--storage", "local", "-C", str(folder / "container"), "-N", "web", "--hostname", "h"]
    command = [sys.executable, "-c", PROGRAM, "restore", "--restore-abs-path", str(folder / "target"), *where, *words]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    return done.returncode, int(done.stdout.rpartition("peak ")[2]), done.stderr


def largest(count: int) -> list[Case]:
    """The cases of the corpus that have the most bytes before compression."""
    return sorted(corpus(), key=lambda case: sum(map(len, case.build(b"/stage/beside"))))[-count:]


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Peak memory of restoring a few MiB that mean no harm."""
    parts = [listed(b".", *(b"Y%d" % number for number in range(300)))]
    parts += [file(b"%d" % number, os.urandom(50_000)) for number in range(300)]
    code, peak, told = restore(tmp_path_factory.mktemp("normal"), gzip.compress(b"".join(parts) + END, 1))
    assert code == 0, told
    return peak


@pytest.mark.parametrize("name", BOMBS)
def test_what_expands_without_end_takes_no_more_memory_than_others(tmp_path: Path, normal: int, name: str) -> None:
    code, peak, told = restore(tmp_path, compressed(BOMBS[name](), "gzip"))
    assert code == 1, told
    assert told.count("error: ") == 1
    assert "Traceback" not in told
    assert peak <= 1.5 * normal


@pytest.mark.parametrize("codec", ["bzip2", "xz"])
def test_a_bomb_of_another_compression_takes_no_more_memory(tmp_path: Path, normal: int, codec: str) -> None:
    record = json.dumps({"engine_name": "tar", "compression": codec, "encryption": False}).encode()
    code, peak, told = restore(tmp_path, compressed(claim(b"x", 40 * MIB), codec), record=record)
    assert code == 1, told
    assert told.count("error: ") == 1
    assert peak <= 1.5 * normal


@pytest.mark.slow
def test_the_largest_archives_of_the_corpus_take_no_more_memory_either(
    tmp_path: Path, normal: int, trials: Trials, counted: Counter[str]
) -> None:
    zero = 1_700_000_000
    for case in largest(trials(3, 20)):
        folder = tmp_path / case.name
        storage = local(folder / "container")
        for level, archive in enumerate(case.build(bytes(folder / "beside"))):
            put(storage, key(level, zero + level, zero=zero, name="h_web"), data=gzip.compress(archive, 1))
        storage.close()
        code, peak, told = restore_stored(folder)
        subprocess.run(["rm", "-rf", "--", str(folder)], check=True)  # deeper than Python's own removal reaches
        assert code in (0, 1, 3), f"{case.name}: {told}"
        assert "Traceback" not in told
        assert peak <= 1.5 * normal, case.name
        counted["archives"] += 1
        counted["percent of an ordinary restore"] = max(
            counted["percent of an ordinary restore"], round(100 * peak / normal)
        )
