"""The program in a process that says when it is about to begin, for tests that kill, stop or starve it.

``launcher.py [--time SECONDS] [--short] -- WORD…`` imports everything, says ``ready``, waits for a line, and runs
``freezer-agent`` with the words.

``--time`` makes all names that the program chooses predictable, so that a trace of its system calls tells which paths
it will touch the next time: its clock shows SECONDS at the beginning, random names are counted. It never waits long,
either.
``--short`` lets every read and write move no more than half of what it is asked to, one byte at least.
"""

from __future__ import annotations

import itertools
import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any


def predictable(begin: float) -> None:
    from freezer.clock import SystemClock

    started = time.monotonic()
    numbers = itertools.count()
    SystemClock.now = lambda _self: begin + (time.monotonic() - started) / 1000  # type: ignore[method-assign]
    SystemClock.sleep = lambda _self, seconds: time.sleep(seconds / 1000)  # type: ignore[method-assign]
    secrets.token_hex = lambda _size=None: f"{next(numbers):016x}"  # type: ignore[assignment]


def short() -> None:
    """To be called before anybody has taken the functions from ``os``."""
    system: Any = os

    def half(size: int) -> int:
        return max(1, size // 2) if size else 0

    def reading(call: Callable[..., bytes]) -> Callable[..., bytes]:
        return lambda fd, size, *where: call(fd, half(size), *where)

    def writing(call: Callable[..., int]) -> Callable[..., int]:
        return lambda fd, data, *where: call(fd, memoryview(data).cast("B")[: half(memoryview(data).nbytes)], *where)

    system.read, system.pread = reading(os.read), reading(os.pread)
    system.write, system.pwrite = writing(os.write), writing(os.pwrite)
    readv = os.readv
    system.readv = lambda fd, buffers: readv(fd, [buffers[0][: half(len(buffers[0]))]])


def launch() -> int:
    options, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    if "--short" in options:
        short()
    import freezer.agent.run  # noqa: F401  (now, so that it does not happen under the tracer's eyes)
    from freezer.cmd.agent import main

    if "--time" in options:
        predictable(float(options[options.index("--time") + 1]))
    print("ready", flush=True)
    sys.stdin.readline()
    return main(words)


if __name__ == "__main__":
    sys.exit(launch())
