"""Time, injected.

Everything that needs the time is given a :class:`Clock`; only this module asks the operating system.

A signal ends a sleep of the main thread, but of no other one. So whoever starts a thread that may have to end early
lets it sleep within :func:`interruptible`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

_START = 22  # which field of /proc/<pid>/stat it is


class Clock(Protocol):
    """Three readings: ``now`` for what is written down, ``monotonic`` for measuring, ``boottime`` for what others hold
    us to."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant; never goes back."""
        ...

    def boottime(self) -> float:
        """As ``monotonic``, and counts the time that the machine was suspended as well."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` (at once if not positive); :class:`Interrupted` if the thread is to end first."""
        ...


class Interrupted(Exception):
    """A sleep was cut short because nobody wants the work of this thread any more."""


class _Thread(threading.local):
    stop: threading.Event | None = None


_thread = _Thread()


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """While the context lasts, ``stop`` ends every sleep of this thread with :class:`Interrupted`."""
    before, _thread.stop = _thread.stop, stop
    try:
        yield
    finally:
        _thread.stop = before


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        if _thread.stop is None:
            time.sleep(seconds)
        elif _thread.stop.wait(min(seconds, threading.TIMEOUT_MAX)):
            raise Interrupted


def process_start(pid: int) -> int | None:
    """When the process ``pid`` began, in clock ticks since this machine was started: together with :func:`boot_id` and
    its number that is a process that no other one is ever taken for. None if there is none, or the system does not say.
    Source: proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name before may hold blanks
    except OSError:
        return None
    return int(fields[_START - 3])


def utc_text(seconds: float) -> str:
    """``seconds`` since 1970 as ``2026-11-21T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def boot_id() -> str:
    """A name for the time since this machine was started: readings of ``boottime`` compare within it alone. Empty where
    the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""
