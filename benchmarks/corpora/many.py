"""200,000 tiny files of 0 to 4 KiB, as mail stores, caches and object trees have them."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.corpora.stamp import stamp
from benchmarks.corpora.text import SUBJECT, Author

FILES = 200_000
_TOGETHER = 400  # files in a directory
_LARGEST = 4096


def make(folder: Path, scale: float, seed: int) -> str:
    """Write the tree; of eight files six hold text, one text with a random key, one noise."""
    rng = random.Random(seed + 1)
    author = Author(seed + 1)
    text = b"".join(author.function() for _ in range(3000)).replace(SUBJECT, b"item")
    count = max(_TOGETHER, int(FILES * scale))
    for number in range(count):
        directory = folder / f"{number // _TOGETHER:03x}"
        if number % _TOGETHER == 0:
            directory.mkdir()
        size, kind = rng.randrange(_LARGEST + 1), rng.randrange(8)
        start = rng.randrange(len(text) - _LARGEST)
        content = rng.randbytes(size) if kind == 0 else text[start : start + size]
        if kind == 1:
            content = (rng.randbytes(24).hex().encode() + content)[:size]
        path = directory / f"{number:06d}.{'bin' if kind == 0 else 'txt'}"
        path.write_bytes(content)
        stamp(path, number)
    return f"{count} files of 0 to {_LARGEST} bytes from seed {seed}"
