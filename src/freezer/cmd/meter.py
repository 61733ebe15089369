"""Counts work in progress and says, now and then, how it stands.

The work only counts; a thread looks at the counters at its own pace. So ``advance`` costs two additions, and what is
shown never holds up what is done.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from freezer.clock import Clock
from freezer.log import escaped
from freezer.model.items import printable
from freezer.units import format_duration, format_size

RATE_WINDOW = 10.0  # seconds over which the rate is taken


class Reading(msgspec.Struct, frozen=True):
    """The counters at one moment. ``rate`` is bytes a second over the last :data:`RATE_WINDOW`; ``left`` is in seconds;
    None is unknown."""

    phase: str
    done_bytes: int
    total_bytes: int | None
    done_items: int
    total_items: int | None
    current: str
    seconds: float
    rate: float | None
    left: float | None

    @property
    def share(self) -> float | None:
        """How much of the phase is done, 0 to 1."""
        if self.total_bytes:
            return min(self.done_bytes / self.total_bytes, 1.0)
        if self.total_items:
            return min(self.done_items / self.total_items, 1.0)
        return None


class Meter:
    """Counts, and has :meth:`show` called every ``interval`` seconds and when a phase ends. A context manager."""

    interval = 1.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._bytes = self._items = 0
        self._phase = ""
        self._current: str | bytes = ""
        self._begin("", None, None)

    def phase(self, name: str, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        with self._lock:
            self._finish()
            self._begin(name, total_bytes, total_items)

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        # one thread may count bytes and another one items
        if done_bytes:
            self._bytes += done_bytes
        if done_items:
            self._items += done_items

    def current(self, name: str | bytes) -> None:
        self._current = name

    def complete(self) -> None:
        with self._lock:
            self._bytes = self._bytes if self._total_bytes is None else self._total_bytes
            self._items = self._items if self._total_items is None else self._total_items
            self._finish()

    def tick(self) -> None:
        """Show the state of now."""
        with self._lock:
            if self._phase:
                now = self._clock.monotonic()
                self._samples.append((now, self._bytes, self._items))
                while self._samples[1][0] < now - RATE_WINDOW:
                    self._samples.popleft()
                self.show(self._reading(now), finished=False)

    def show(self, reading: Reading, *, finished: bool) -> None:
        """Make ``reading`` visible; ``finished`` if the phase is over."""

    def close(self) -> None:
        """The last phase is over; nothing is shown afterwards."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._finish()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        # a stream that went away ends the showing, not the work
        with contextlib.suppress(OSError, ValueError):
            while not self._over.wait(self.interval):
                self.tick()

    def _begin(self, name: str, total_bytes: int | None, total_items: int | None) -> None:
        self._phase, self._current = name, ""
        self._total_bytes, self._total_items = total_bytes, total_items
        self._bytes = self._items = 0
        self._started = self._clock.monotonic()
        self._samples: deque[tuple[float, int, int]] = deque([(self._started, 0, 0)])

    def _finish(self) -> None:
        if self._phase:
            with contextlib.suppress(OSError, ValueError):
                self.show(self._reading(self._clock.monotonic()), finished=True)
        self._phase = ""

    def _reading(self, now: float) -> Reading:
        since, bytes_then, items_then = self._samples[0]
        span = now - since
        rate = (self._bytes - bytes_then) / span if span > 0 else None
        item_rate = (self._items - items_then) / span if span > 0 else None
        left = None
        if self._total_bytes is not None and rate:
            left = max(self._total_bytes - self._bytes, 0) / rate
        elif self._total_bytes is None and self._total_items is not None and item_rate:
            left = max(self._total_items - self._items, 0) / item_rate
        current = self._current
        return Reading(
            phase=self._phase,
            done_bytes=_within(self._bytes, self._total_bytes),
            total_bytes=self._total_bytes,
            done_items=_within(self._items, self._total_items),
            total_items=self._total_items,
            current=current if isinstance(current, str) else printable(current),
            seconds=now - self._started,
            rate=rate,
            left=left,
        )


def figures(reading: Reading, room: int | None = None) -> str:
    """The counters for people, ``50%, 1.5 GiB of 3.0 GiB, 12 items, 100 MiB/s, 0:15 left``, or of them what has
    ``room``: the time left and the share are given up last."""
    parts = {"share": "", "bytes": "", "items": "", "rate": "", "left": ""}
    if reading.share is not None:
        parts["share"] = f"{int(reading.share * 100)}%"
    if reading.done_bytes or reading.total_bytes:
        parts["bytes"] = _of(format_size(reading.done_bytes), reading.total_bytes, format_size)
    if reading.done_items or reading.total_items:
        parts["items"] = _of(f"{reading.done_items:,}", reading.total_items, "{:,}".format) + " items"
    if reading.rate and reading.done_bytes:
        parts["rate"] = f"{format_size(reading.rate)}/s"
    if reading.left is not None:
        parts["left"] = f"{format_duration(reading.left)} left"
    for least in ("items", "rate", "bytes", "left", "share"):
        text = ", ".join(filter(None, parts.values()))
        if room is None or len(text) <= room:
            return text
        del parts[least]
    return ""


def shortened(name: str, width: int) -> str:
    """``name`` on one line of at most ``width`` characters, the middle left out: both ends tell files apart."""
    text = escaped(name)
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def _within(done: int, total: int | None) -> int:
    """``done``, which may exceed what was counted before the work began: files grow."""
    return done if total is None else min(done, total)


def _of(done: str, total: int | None, shown: Callable[[int], str]) -> str:
    return done if total is None else f"{done} of {shown(total)}"
