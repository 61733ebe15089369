"""Runs of the program under strace(1), with all names predictable, and something injected."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from world import LAUNCHER, World

from support.runs import Run
from support.served import TIME_LIMIT, Server

SERVE = [str(LAUNCHER), "--serve"]
"""What a Python has to run so that :class:`Tracer` has a server."""
_LATER = 100_000  # seconds; the clock of every run shows the same time, which is not yet


class Played(Protocol):
    """What a tracer is told of a scenario: where it takes place, and the words for the program."""

    @property
    def world(self) -> World: ...

    @property
    def argv(self) -> list[str]: ...


class Tracer:
    """``folder`` is for what strace and the launcher note: ``log`` and ``stacks``."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self.log = folder / "strace.log"
        self.stacks = folder / "stacks"
        self._begin = (int(time.time()) // _LATER + 2) * _LATER

    def run(self, stage: Played, *options: str, noting: bool = False) -> Run:
        """Play ``stage`` under strace with these options. ``noting``: with marks that tell where in our code it is."""
        self.log.unlink(missing_ok=True)
        home = stage.world.folder / "home"
        home.mkdir(exist_ok=True)
        words = ["--time", str(self._begin), *(["--places", str(self.stacks)] if noting else []), "--", *stage.argv]
        strace: list[subprocess.Popen[str]] = []

        def attach(process: int) -> None:
            strace.append(self._attach(process, options))

        try:
            return self._server.run(words, home, os.environ | {"HOME": str(home)}, attach)
        finally:
            for tracer in strace:
                tracer.communicate(timeout=TIME_LIMIT)

    @property
    def struck(self) -> bool:
        """Whether something was injected in the last run."""
        return "(INJECTED)" in self.log.read_text(errors="replace")

    def _attach(self, process: int, options: Sequence[str]) -> subprocess.Popen[str]:
        command = ["strace", "-f", "-y", "-s", "300", "-o", str(self.log), "-p", str(process), *options]
        strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert said.endswith("attached\n"), said
        return strace
