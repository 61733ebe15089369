"""Keeping others from a name, on a server that has no locks.

Whoever holds a name has a *marker* below the container, a temporary that grows by a byte every few seconds; who sees
one that grows stays away. One that does not grow is a dead holder's and is removed. No clock is compared: what counts
is how long a watcher has seen nothing change. Markers are announced first and looked for second, so that of two who
come at once at least one sees the other. The last byte of one who died may be on its way to a busy server for a while,
so growing once proves nothing.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from freezer.clock import Clock, Interrupted, interruptible
from freezer.errors import BusyError, PermanentError, StorageError
from freezer.storage.files.names import TEMP_PREFIX

BEAT = 2.0  # seconds between two signs of life
PATIENCE = 12.0  # seconds without one after which a holder is dead
_LOOK = 0.5  # seconds between two looks at the markers
_TRIES = 8  # against others who come at the same instant
_PREFIX = TEMP_PREFIX + b"hold-"


class Board(Protocol):
    """The folder of the markers, on a server. Errors are OSError and StorageError."""

    def markers(self, prefix: bytes) -> Iterable[tuple[bytes, int]]:
        """Name and size of every marker that begins with ``prefix``."""
        ...

    def create(self, marker: bytes) -> None:
        """Make an empty marker."""
        ...

    def grow(self, marker: bytes, size: int) -> None:
        """Add a byte to our own marker of so many bytes; FileNotFoundError if somebody has removed it."""
        ...

    def remove(self, marker: bytes) -> None:
        """FileNotFoundError if it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker's file name, which says what it holds and how. An empty one's owner still looks around."""

    file: bytes
    entered: bool

    @property
    def shared(self) -> bool:
        return self.file.split(b"-")[-2] == b"shared"


class Leases:
    """The names that one process holds by markers on ``board``."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._mine: set[bytes] = set()
        self._lost: list[str] = []

    @property
    def markers(self) -> frozenset[bytes]:
        """The names of our own markers."""
        return frozenset(tuple(self._mine))

    def check(self) -> None:
        """:class:`PermanentError` if somebody took us for dead: then they may be working on what we hold."""
        if self._lost:
            raise PermanentError(
                f"{self._lost[0]}: the connection was away for so long that another process has taken over",
                hint="run it again",
            )

    @contextmanager
    def hold(self, name: str, label: str, *, shared: bool) -> Iterator[None]:
        """Hold ``name``, called ``label`` in messages, until the context ends; :class:`BusyError` if somebody does."""
        topic = _PREFIX + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:24].encode() + b"-"
        try:
            file = self._enter(topic, label, shared=shared)
        except OSError:
            if not shared:
                raise
            yield  # who may only read cannot say that it does
            return
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(file, label, stop), name="hold", daemon=True)
        heart.start()
        try:
            yield
        finally:
            stop.set()
            heart.join()
            self._withdraw(file)

    def _enter(self, topic: bytes, label: str, *, shared: bool) -> bytes:
        for _ in range(_TRIES):
            kind = b"shared-" if shared else b"alone-"
            file = topic + kind + secrets.token_hex(8).encode()
            self._board.create(file)
            try:
                earlier = self._earlier(file, topic, label, shared=shared)
                if not earlier:
                    self._grow(file, 0)
                    return file
            except BaseException:
                self._withdraw(file)
                raise
            self._withdraw(file)
            self._one_lives(earlier, topic, signs=1)
            self._clock.sleep(random.uniform(0, _LOOK))  # noqa: S311 (no secret)
        raise _busy(label)

    def _earlier(self, file: bytes, topic: bytes, label: str, *, shared: bool) -> list[_Marker]:
        """Those who came at the same time as ``file`` and go first; none if nobody is in the way (any more)."""
        while rivals := [each for each in self._markers(topic) if each.file != file and not (shared and each.shared)]:
            if entered := [rival for rival in rivals if rival.entered]:
                if any(rival.file in self._mine for rival in entered) or self._one_lives(entered, topic):
                    raise _busy(label)
            elif earlier := [rival for rival in rivals if rival.file < file]:
                return earlier
            else:
                self._one_lives(rivals, topic, signs=1)  # they withdraw, or are dead
        return []

    def _one_lives(self, markers: list[_Marker], topic: bytes, *, signs: int = 2) -> bool:
        """Watch ``markers`` until one has grown so many times (True), all have gone, or none has grown for so long that
        all are removed (False)."""
        seen: dict[bytes, set[int]] = {marker.file: set() for marker in markers}
        deadline = self._clock.monotonic() + PATIENCE
        while self._clock.monotonic() < deadline:
            sizes = dict(self._board.markers(topic))
            seen = {file: known for file, known in seen.items() if file in sizes}
            for file, known in seen.items():
                if known and sizes[file] not in known:
                    deadline = self._clock.monotonic() + PATIENCE
                known.add(sizes[file])
                if len(known) > signs:
                    return True
            if not seen:
                return False
            self._clock.sleep(_LOOK)
        for file in seen:
            with suppress(FileNotFoundError):
                self._board.remove(file)
        return False

    def _markers(self, topic: bytes) -> list[_Marker]:
        return [_Marker(name, name in self._mine or size != 0) for name, size in self._board.markers(topic)]

    def _grow(self, file: bytes, size: int) -> None:
        self._board.grow(file, size)
        self._mine.add(file)

    def _beat(self, file: bytes, label: str, stop: threading.Event) -> None:
        size = 1
        with interruptible(stop), suppress(Interrupted):
            while True:
                self._clock.sleep(BEAT)
                try:
                    self._grow(file, size)
                    size += 1
                except FileNotFoundError:
                    self._lost.append(label)
                    return
                except (OSError, StorageError):
                    continue  # the line is down; the next beat tries again, and whoever writes meets the error too

    def _withdraw(self, file: bytes) -> None:
        self._mine.discard(file)
        with suppress(StorageError, OSError):
            self._board.remove(file)


def _busy(label: str) -> BusyError:
    return BusyError(
        f"{label}: another process is working on it",
        hint="wait until the other backup, restore or removal has ended",
    )
