"""What the index of a repository costs: ``python -m benchmarks.chunk_index 1000000`` (chunks), in CPU seconds.

A repository is made in a temporary folder whose index parts describe that many chunks, eight to a bundle and 32 bundles
to a pack, a GiB of them to a part; packs are not made. Then a new process loads it, with an empty cache and with a full
one, and looks chunks up. Memory is what that process needs more than before it loaded anything.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TypeVar

from freezer.clock import SystemClock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.cache import Cache
from freezer.repository.documents import ID_SIZE, Bundle, Codec, PackKind, PackRecord
from freezer.repository.index import Index
from freezer.repository.index.parts import part_of
from freezer.repository.keys.agents import Agent
from freezer.repository.names import Folder, Kind, new_id, numbered
from freezer.secret import Secret
from freezer.storage.local import LocalStorage

T = TypeVar("T")

_CLOCK = SystemClock()
_OPENER = Opener(Secret(bytes(32)), machine=True)
_CHUNK, _CHUNKS, _BUNDLES, _PACKS = 128 << 10, 8, 32, 32
_LOOKUPS = 200_000
_ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chunks", type=int)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        _measure(Path(arguments.load))
        return
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder), arguments.chunks)
        command = [sys.executable, "-m", "benchmarks.chunk_index", "0", "--load", folder]
        for cache in ("empty", "full"):
            print(f"cache {cache}:")
            subprocess.run(command, check=True)


def _make(folder: Path, chunks: int) -> None:
    storage = LocalStorage(str(folder / "store"), clock=_CLOCK)
    repository = founding.init(storage, _CLOCK, Plan(_OPENER))
    repository.agent = Agent.new(new_id(_CLOCK))
    repository.admit(repository.agent, ["*"])
    numbers = random.Random(1)
    packs = -(-chunks // (_CHUNKS * _BUNDLES))
    for first in range(0, packs, _PACKS):
        records = [_pack(numbers) for _ in range(first, min(first + _PACKS, packs))]
        repository.put(Kind.INDEX, Folder.INDEX + numbered(new_id(_CLOCK), 0), part_of(records))


def _pack(numbers: random.Random) -> PackRecord:
    make, sealed, plain = numbers.randbytes, 400_000, _CHUNK * _CHUNKS
    bundles = [
        Bundle(
            make(16),
            256 + which * sealed,
            sealed,
            plain,
            Codec.ZSTD,
            0,
            which,
            make(16),
            [_CHUNK] * _CHUNKS,
            make(ID_SIZE * _CHUNKS),
        )
        for which in range(_BUNDLES)
    ]
    name = Folder.PACKS + numbered(new_id(_CLOCK), 0)
    return PackRecord(name, PackKind.DATA, 1 << 25, make(32), 1, make(92), make(16), [], bundles)


def _measure(folder: Path) -> None:
    repository = founding.open_(LocalStorage(str(folder / "store"), clock=_CLOCK), _CLOCK, _OPENER, print)
    cache = Cache(str(folder / "cache"), print)
    before = getrusage(RUSAGE_SELF).ru_maxrss
    seconds, index = _timed(lambda: Index.load(repository, cache=cache, notice=print))
    table, _ = _timed(lambda: index.many(bytes(ID_SIZE)))
    memory = (getrusage(RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"  {len(index)} chunks: loaded in {seconds:.2f} s, ready to be searched {table:.2f} s later;")
    print(f"  {memory / len(index):.1f} bytes of memory per chunk at the peak")
    numbers = random.Random(2)
    hits = b"".join(index.id(numbers.randrange(len(index))) for _ in range(_LOOKUPS))
    misses = numbers.randbytes(ID_SIZE * _LOOKUPS)
    for what, ids in (("known", hits), ("unknown", misses)):
        best = min(_timed(partial(index.many, ids))[0] for _ in range(_ROUNDS))
        print(f"  {_LOOKUPS / best / 1e6:.2f} million look-ups of {what} chunks in a second, in batches")


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    before = getrusage(RUSAGE_SELF)
    result = work()
    after = getrusage(RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, result


if __name__ == "__main__":
    main()
