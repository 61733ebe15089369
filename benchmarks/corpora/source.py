"""Many small source files: 16,000 of about 10 KB each."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.corpora.stamp import stamp
from benchmarks.corpora.text import SUBJECT, Author

FILES = 16_000
_MODULES = 24  # files in a directory
_FUNCTIONS = 8000
_MEAN = 12.0  # functions in a file


def make(folder: Path, scale: float, seed: int) -> str:
    """Write the tree; a file is a licence, then functions out of a common stock that call things by the file's name."""
    rng = random.Random(seed)
    author = Author(seed)
    count = max(_MODULES * 2, int(FILES * scale))
    stock = [author.function() for _ in range(max(200, int(_FUNCTIONS * min(1.0, scale * 2))))]
    headers = [author.header() for _ in range(5)]
    subjects = author.names(count)
    for number in range(count):
        directory = folder / f"project{number // (_MODULES * 20):02d}" / f"package{number // _MODULES % 20:02d}"
        if number % _MODULES == 0:
            directory.mkdir(parents=True)
        length = max(1, min(300, int(rng.lognormvariate(0, 1) * _MEAN / 1.65)))
        body = b"".join(rng.choices(stock, k=length)).replace(SUBJECT, f"{subjects[number]}{number}".encode())
        path = directory / f"{subjects[number]}_{number}.py"
        path.write_bytes(headers[number * 5 // count] + body)
        stamp(path, number)
    return f"{count} files of source-like text from seed {seed}"
