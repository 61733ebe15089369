"""A program that must be gone when nobody has said in time that it may go on.

It asks itself to end a margin before its deadline, as a signal from outside would, and kills itself and its process
group when two thirds of the margin are over. Time is the clock ``boottime``: a machine that slept has lost what it
held.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading

from freezer.clock import Clock
from freezer.stint.brief import Brief
from freezer.stint.deadline import Listener


class Deadline:
    """Watches until the process ends, whatever that does on its way out. ``passed``: it has asked it to end."""

    def __init__(self, folder: str, brief: Brief, clock: Clock) -> None:
        self.passed = False
        self._folder = folder
        self._until = math.inf if brief.until is None else brief.until
        self._margin = brief.margin
        self._clock = clock

    def watch(self) -> None:
        """Begin, in a thread of its own. Without a deadline there is nothing to watch."""
        if self._until != math.inf:
            args = (Listener(self._folder),)
            threading.Thread(target=self._watch, args=args, name="deadline", daemon=True).start()

    def is_near(self) -> bool:
        """Whether it is time to end, told or not: a program that was stopped finds out by itself."""
        return self._left() <= 0

    def _left(self) -> float:
        return self._until - self._margin - self._clock.boottime()

    def _watch(self, listener: Listener) -> None:
        while (left := self._left()) > 0:
            later = listener.wait(left)
            self._until = self._until if later is None else max(self._until, later)
        self.passed = True
        _ask()
        self._clock.sleep(self._margin * 2 / 3)
        _kill()


def _ask() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    elif (main := threading.main_thread().ident) is not None:
        signal.pthread_kill(main, signal.SIGTERM)


def _kill() -> None:
    if sys.platform == "win32":
        os._exit(1)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
