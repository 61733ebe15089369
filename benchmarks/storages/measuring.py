"""What a program took, and the least of several rounds."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.storages.programs import Program


@dataclass(frozen=True)
class Taken:
    """CPU seconds (user and system, child processes included) and wall seconds."""

    cpu: float
    wall: float


def measured(program: Program, file: str) -> Taken:
    """Run ``program``, with ``file`` as its standard input if it is to be fed."""
    source = file if program.fed else os.devnull
    with (
        open(source, "rb") as stream,
        subprocess.Popen(
            program.words, stdin=stream, stdout=subprocess.PIPE, env=os.environ | dict(program.environment)
        ) as process,
    ):
        begun = time.perf_counter()
        assert process.stdout is not None
        told = _last_line(process.stdout)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{program.name} {program.task} ended with {process.returncode}")
    if program.tells:
        return Taken(**json.loads(told))
    return Taken(usage.ru_utime + usage.ru_stime, wall)


def least(taken: Iterable[Taken]) -> Taken:
    """The best of several rounds, each figure for itself."""
    all = list(taken)
    return Taken(min(one.cpu for one in all), min(one.wall for one in all))


def _last_line(lines: Iterable[bytes]) -> bytes:
    last = b""
    for line in lines:
        last = line
    return last
