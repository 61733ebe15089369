"""Three large files: media (does not compress), a database's pages, the disk of a virtual machine."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpora.stamp import stamp
from benchmarks.corpora.text import SUBJECT, Author

TOTAL = 384 << 20
PAGE = 8192
_MIB = 1 << 20
_CLUSTER = 65536


def make(folder: Path, scale: float, seed: int) -> str:
    """Write the three files, of equal size."""
    each = max(_MIB, int(TOTAL * scale / 3) // _CLUSTER * _CLUSTER)
    contents = {"media.bin": _media, "database.db": _database, "disk.raw": _disk}
    for number, (name, content) in enumerate(contents.items()):
        path, left = folder / name, each
        with path.open("wb") as file:
            for part in content(random.Random(seed + 10 + number)):
                file.write(part[:left])
                left -= len(part[:left])
                if not left:
                    break
        stamp(path, number)
    return f"3 files of {each >> 20} MiB from seed {seed}: noise, database pages, disk image"


def _media(rng: random.Random) -> Iterator[bytes]:
    while True:
        yield rng.randbytes(_MIB)


def _database(rng: random.Random) -> Iterator[bytes]:
    """Heap pages: a header with number and checksum, a free middle, rows of keys, noise and frequent words."""
    words = [word.encode() for word in Author(rng.randrange(1 << 30)).names(3000)]
    tails = [b" ".join(rng.choices(words, k=rng.randint(4, 14))) for _ in range(20_000)]
    number = 0
    while True:
        rows: list[bytes] = []
        size = 0
        while size < PAGE * 7 // 10:
            key = struct.pack("<QIQ", number, len(rows), rng.getrandbits(40))
            rows.append(key + rng.randbytes(10) + rng.choice(tails))
            size += len(rows[-1])
        head = struct.pack("<QQHH", number, rng.getrandbits(64), len(rows), 0x2004)
        body = b"".join(rows)[: PAGE - len(head)]
        yield head + bytes(PAGE - len(head) - len(body)) + body
        number += 1


def _disk(rng: random.Random) -> Iterator[bytes]:
    """Runs of clusters: never written, copies of earlier ones, text, noise."""
    author = Author(rng.randrange(1 << 30))
    text = b"".join(author.function() for _ in range(4000)).replace(SUBJECT, b"disk")
    packages = [rng.randbytes(_CLUSTER) for _ in range(40)]
    while True:
        run = rng.randint(1, 32)
        kind = rng.random()
        if kind < 0.4:
            yield bytes(_CLUSTER * run)
        elif kind < 0.6:
            yield b"".join(rng.choices(packages, k=run))
        elif kind < 0.85:
            starts = [rng.randrange(len(text) - _CLUSTER) for _ in range(run)]
            yield b"".join(struct.pack("<QQ", at, run) + text[at : at + _CLUSTER - 16] for at in starts)
        else:
            yield rng.randbytes(_CLUSTER * run)
