"""A real ``freezer-agent``, some GiB, and how much memory it takes with every process that it starts.

The source needs one GiB at most, however large the stream is: symbolic links, which are followed, to one file of noise.
What is stored is read back by ``check --read-data``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Usage
from benchmarks.peers.contract import Command
from benchmarks.storages.places import PLACES

GIB = 1 << 30
_LINKED = GIB // 4  # bytes of the file
_PIECE = 4 << 20


def measured(storage: str, size: int, work: Path) -> Iterator[tuple[str, Usage]]:
    """Backup and check of so many GiB in a storage; ``work`` is where servers of directories keep them."""
    source = Path(tempfile.mkdtemp(prefix="freezer-benchmark-", dir=memory()))
    folder = Path(tempfile.mkdtemp(prefix="freezer-benchmark-", dir=work))
    try:
        _make_source(source, size)
        with PLACES[storage](folder) as place:
            about = [*place.words, "-N", "stream", "--hostname", "benchmark"]
            backup = ["-F", str(source / "links"), "--dereference-symlink", "soft"]
            for action, more in (("backup", backup), ("check", ["--read-data"])):
                command = [sys.executable, "-m", "freezer.cmd.agent", action, *about, *more]
                yield action, measure.run(Command(tuple(command), place.environment), folder)
    finally:
        shutil.rmtree(source)
        shutil.rmtree(folder)


def memory() -> str | None:
    """Where files cost nothing, if there is such a place."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _make_source(folder: Path, size: int) -> None:
    with (folder / "noise").open("wb") as file:
        for _ in range(_LINKED // _PIECE):
            file.write(os.urandom(_PIECE))
    (folder / "links").mkdir()
    for number in range(size * GIB // _LINKED):
        (folder / "links" / f"{number:04}").symlink_to(folder / "noise")
