"""The edit steps: what happens to a tree between two backups."""

from __future__ import annotations

import os
import random
from pathlib import Path

from benchmarks.corpora.large import PAGE
from benchmarks.corpora.stamp import stamp

_CHANGED = 0.01
_ADDED = _REMOVED = 0.001
_PLACES = 64
_PIECE = 1 << 20


def change_tree(folder: Path, number: int) -> None:
    """One file in a hundred gets a line more, one in a thousand is removed, one in a thousand is new; one directory is
    renamed. ``number`` decides which."""
    rng = random.Random(number)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    changed, removed, added = (max(1, round(len(files) * share)) for share in (_CHANGED, _REMOVED, _ADDED))
    chosen = rng.sample(files, changed + removed + added)
    for place, path in enumerate(chosen):
        if place < changed:
            lines = path.read_bytes().split(b"\n")
            lines.insert(rng.randint(0, len(lines)), b"# revised %032x" % rng.getrandbits(128))
            path.write_bytes(b"\n".join(lines))
            stamp(path, place, number)
        elif place < changed + removed:
            path.unlink()
        else:
            new = path.with_name(f"{path.name}.{number}")
            new.write_bytes(path.read_bytes()[: rng.randint(100, 4000)] + b"# new %032x\n" % rng.getrandbits(128))
            stamp(new, place, number)
    directory = chosen[0].parent
    directory.rename(directory.with_name(f"{directory.name}-{number}"))


def change_large(folder: Path, number: int) -> None:
    """About one byte in a hundred of every file is new, in 64 places: pages of the database and clusters of the disk
    are overwritten, the rest of the media file moves on behind what was inserted."""
    rng = random.Random(number)
    for place, path in enumerate(sorted(folder.iterdir())):
        if path.suffix == ".bin":
            _insert(path, rng)
        else:
            _overwrite(path, rng)
        stamp(path, place, number)


def _overwrite(path: Path, rng: random.Random) -> None:
    size = path.stat().st_size
    pages = size // PAGE
    run = max(1, pages // 100 // _PLACES)
    with path.open("r+b") as file:
        for first in sorted(rng.sample(range(pages - run), _PLACES)):
            file.seek(first * PAGE)
            old = file.read(run * PAGE)
            file.seek(first * PAGE)
            file.write(
                b"".join(rng.randbytes(PAGE // 2) + old[at + PAGE // 2 : at + PAGE] for at in range(0, len(old), PAGE))
            )


def _insert(path: Path, rng: random.Random) -> None:
    size = path.stat().st_size
    more = size // 100 // _PLACES
    new = path.with_name(path.name + ".new")
    with path.open("rb") as old, new.open("wb") as out:
        for stop in [*sorted(rng.sample(range(size), _PLACES)), size]:
            while left := stop - old.tell():
                out.write(old.read(min(left, _PIECE)))
            if stop < size:
                out.write(rng.randbytes(more))
    os.replace(new, path)
