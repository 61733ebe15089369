"""The program in a process that says when it is about to begin, for tests that kill, stop or starve it.

``launcher.py [--time SECONDS] [--short] [--places FILE] -- WORD…`` imports everything, says ``ready``, waits for a
line, and runs ``freezer-agent`` with the words. ``launcher.py --serve`` imports everything and does so again and again,
with words that begin with the same options (:mod:`support.forking`). ``launcher.py --serve-many`` runs any number at
once, without options.

``--time`` makes all names that the program chooses predictable, so that a trace of its system calls tells which paths
it will touch the next time: its clock shows SECONDS, and next to nothing more later; random names are counted. It
never waits long, either.
``--short`` lets every read and write move no more than half of what it is asked to, one byte at least.
``--places`` puts marks between the system calls that a tracer sees: ``access("@7", …)`` says that what follows in its
thread is done by the lines of line 7 of FILE, counted from zero: a JSON list, the innermost first.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import pkgutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.forking import serve, serve_many

_OTHERS = {"api", "cli", "client", "osc", "scheduler", "standalone"}
"""Rooms that the agent has nothing to do with."""


def predictable(begin: float) -> None:
    from freezer.clock import SystemClock

    started = time.monotonic()
    numbers = {8: itertools.count(), 10: itertools.count()}  # sizes of which only temporary names and ids are made
    SystemClock.now = lambda _self: begin + (time.monotonic() - started) / 1e6  # type: ignore[method-assign]
    SystemClock.sleep = lambda _self, seconds: time.sleep(seconds / 1000)  # type: ignore[method-assign]
    urandom = os.urandom
    os.urandom = lambda size: next(numbers[size]).to_bytes(size, "big") if size in numbers else urandom(size)


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


class Places:
    """Marks where in our code a thread is, whenever that changes."""

    def __init__(self) -> None:
        import freezer

        self._package = str(Path(freezer.__file__).parent)
        self._stacks: dict[tuple[str, ...], int] = {}
        self._here = threading.local()

    def begin(self) -> None:
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def write(self, file: Path) -> None:
        sys.settrace(None)
        file.write_text("".join(json.dumps(stack) + "\n" for stack in self._stacks))

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(self._package):
            return None
        self._mark(frame.f_back if event == "return" else frame)
        return self._trace

    def _mark(self, frame: FrameType | None) -> None:
        lines: dict[str, None] = {}  # no line twice, so that the depth of a recursion does not matter
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(self._package):
                lines[f"{file[len(self._package) + 1 :]}:{frame.f_lineno}"] = None
            frame = frame.f_back
        number = self._stacks.setdefault(tuple(lines), len(self._stacks))
        if getattr(self._here, "number", None) != number:
            self._here.number = number
            os.access(f"@{number}", os.F_OK)


def imported() -> Callable[[list[str]], int]:
    """The program, with all that it may import later, which a tracer need not see."""
    import freezer.agent.run  # noqa: F401
    from freezer.cmd.agent import main

    return main


def imported_all() -> Callable[[list[str]], int]:
    """The program, with whatever it might import for some storage or format, so that no run has to."""
    import freezer

    for module in pkgutil.walk_packages(freezer.__path__, "freezer."):
        if module.name.split(".")[1] in _OTHERS or module.name.endswith(".__main__"):
            continue
        with suppress(ImportError):  # what needs something that is not installed
            importlib.import_module(module.name)
    return imported()


def run(main: Callable[[list[str]], int], options: list[str], words: list[str]) -> int:
    if "--time" in options:
        predictable(float(options[options.index("--time") + 1]))
    if "--places" not in options:
        return main(words)
    places = Places()
    places.begin()
    try:
        return main(words)
    finally:
        places.write(Path(options[options.index("--places") + 1]))


def given() -> tuple[list[str], list[str]]:
    """The launcher's own options, and the words for the program."""
    there = sys.argv.index("--")
    return sys.argv[1:there], sys.argv[there + 1 :]


def launch() -> int:
    options, words = given()
    if "--short" in options:
        short()
    main = imported()
    print("ready", flush=True)
    sys.stdin.readline()
    return run(main, options, words)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        program = imported_all()
        serve(lambda: run(program, *given()))
    elif sys.argv[1:] == ["--serve-many"]:
        program = imported_all()
        serve_many(lambda: program(sys.argv[1:]))
    else:
        sys.exit(launch())
