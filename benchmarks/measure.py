"""What a command costs. Linux only: memory is read from ``/proc``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.contract import Command

_PAUSE = 0.02  # seconds between two looks at the memory
_KIB = 1024


class CommandFailed(Exception):
    """A measured command did not end well; a benchmark of failures says nothing."""


@dataclass(frozen=True)
class Usage:
    """CPU (user and system, all descendants that were waited for) and wall time in seconds; ``peak`` is the most memory
    in bytes that all processes together held at any look, and at least what any one of them held."""

    cpu: float
    wall: float
    peak: int


class _Watch(threading.Thread):
    """Looks at the memory of a process and its descendants until it is told to stop."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._process = process
        self._done = threading.Event()

    def run(self) -> None:
        while True:
            sizes = list(_sizes(self._process))
            self.peak = max(self.peak, sum(now for now, _ in sizes), *(most for _, most in sizes), 0)
            if self._done.wait(_PAUSE):
                return

    def stop(self) -> int:
        self._done.set()
        self.join()
        return self.peak


def run(command: Command, home: Path) -> Usage:
    """Run ``command`` with ``home`` as its home; raise :class:`CommandFailed` with its last words if it fails."""
    if sys.platform != "linux":
        raise CommandFailed("only Linux tells what a tree of processes costs")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **command.environment}
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=command.folder or home,
        )
        watch = _Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watch.stop()
        if process.returncode:
            output.seek(0)
            last = output.read().decode(errors="replace").strip()[-2000:]
            raise CommandFailed(f"{' '.join(command.words)}: exit {process.returncode}\n{last}")
    return Usage(usage.ru_utime + usage.ru_stime, wall, peak)


def stored_size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _sizes(process: int) -> Iterator[tuple[int, int]]:
    """Bytes held now and at most, for ``process`` and every descendant that is still there."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        tasks = os.listdir(f"/proc/{process}/task")
    except OSError:
        return
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if "VmRSS" in fields:
        yield int(fields["VmRSS"].split()[0]) * _KIB, int(fields["VmHWM"].split()[0]) * _KIB
    for task in tasks:
        try:
            children = Path(f"/proc/{process}/task/{task}/children").read_text()
        except OSError:
            continue
        for child in children.split():
            yield from _sizes(int(child))
