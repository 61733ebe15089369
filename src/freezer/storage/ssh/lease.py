"""Keeping others from a name, on a server that has no locks.

Whoever holds a name has a *marker* below the container, a temporary that grows by a byte every few seconds; who sees
one that grows stays away. One that does not grow is a dead holder's and is removed. No clock is compared: what counts
is how long a watcher has seen nothing change. Markers are announced first and looked for second, so that of two who
come at once at least one sees the other.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from freezer.clock import Clock, Interrupted, interruptible
from freezer.errors import BusyError, PermanentError, StorageError
from freezer.storage.local.durable import TEMP_PREFIX
from freezer.storage.ssh import wire
from freezer.storage.ssh.publish import CREATE
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.transfer import write_at
from freezer.storage.ssh.wire import Open

BEAT = 2.0  # seconds between two signs of life
PATIENCE = 12.0  # seconds without one after which a holder is dead
_LOOK = 0.25  # seconds between two looks at a marker
_TRIES = 8  # against others who come at the same instant
_PREFIX = TEMP_PREFIX + b"hold-"


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker's file name, which says what it holds and how. An empty one's owner still looks around."""

    file: bytes
    entered: bool

    @property
    def shared(self) -> bool:
        return self.file.split(b"-")[-2] == b"shared"


class Leases:
    """The names that one process holds in the container ``root``."""

    def __init__(self, connect: Callable[[], Session], root: bytes, clock: Clock) -> None:
        self._connect = connect
        self._root = root
        self._clock = clock
        self._mine: set[bytes] = set()
        self._lost: list[str] = []

    @property
    def paths(self) -> frozenset[bytes]:
        """Our own markers."""
        return frozenset(self._root + b"/" + file for file in tuple(self._mine))

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
            self._announce(file)
            try:
                if self._is_free(file, topic, label, shared=shared):
                    self._grow(file, 0)
                    return file
            except BaseException:
                self._withdraw(file)
                raise
            self._withdraw(file)
            self._clock.sleep(random.uniform(_LOOK, 4 * _LOOK))  # noqa: S311 (no secret)
        raise _busy(label)

    def _is_free(self, file: bytes, topic: bytes, label: str, *, shared: bool) -> bool:
        """True if nobody is in the way, False if another came at the same time and goes first."""
        while rivals := [each for each in self._markers(topic) if each.file != file and not (shared and each.shared)]:
            for rival in rivals:
                if rival.entered and (rival.file in self._mine or self._lives(rival)):
                    raise _busy(label)
                if not rival.entered and rival.file < file:
                    return False
                if not rival.entered:
                    self._lives(rival)  # it withdraws, or is dead
        return True

    def _lives(self, marker: _Marker) -> bool:
        """Watch ``marker`` until it grows (True), goes, or has not grown for so long that it is removed (False)."""
        session, path = self._connect(), self._root + b"/" + marker.file
        try:
            before = session.lstat(path).size
            deadline = self._clock.monotonic() + PATIENCE
            while self._clock.monotonic() < deadline:
                self._clock.sleep(_LOOK)
                if session.lstat(path).size != before:
                    return True
            session.remove(path)
        except FileNotFoundError:
            pass
        return False

    def _markers(self, topic: bytes) -> list[_Marker]:
        entries = self._connect().entries(self._root)
        return [_Marker(entry.name, self._has_entered(entry)) for entry in entries if entry.name.startswith(topic)]

    def _has_entered(self, entry: wire.Entry) -> bool:
        return entry.name in self._mine or entry.attributes.size != 0

    def _announce(self, file: bytes) -> None:
        session = self._connect()
        session.close_handle(session.open(self._root + b"/" + file, CREATE, 0o600))

    def _grow(self, file: bytes, size: int) -> None:
        """One byte more; FileNotFoundError if somebody has removed the marker."""
        session = self._connect()
        handle = session.open(self._root + b"/" + file, Open.WRITE)
        try:
            write_at(session, handle, size, b".")
        finally:
            session.let_go(handle)
        self._mine.add(file)

    def _beat(self, file: bytes, label: str, stop: threading.Event) -> None:
        size = 0
        with interruptible(stop), suppress(Interrupted):
            while True:
                self._clock.sleep(BEAT)
                try:
                    size += 1
                    self._grow(file, size)
                except FileNotFoundError:
                    self._lost.append(label)
                    return
                except (OSError, StorageError):
                    continue  # the line is down; the next beat tries again, and whoever writes meets the error too

    def _withdraw(self, file: bytes) -> None:
        self._mine.discard(file)
        with suppress(StorageError):
            self._connect().discard(self._root + b"/" + file)


def _busy(label: str) -> BusyError:
    return BusyError(
        f"{label}: another process is working on it",
        hint="wait until the other backup, restore or removal has ended",
    )
