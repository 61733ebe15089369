"""How much of a file that is being sent has arrived."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from freezer.errors import StorageError
from freezer.storage.ftp.files import Files

_PATIENCE = 2.0  # seconds without any growth: some servers do not tell the size of what they are writing
_ASKED = 3  # questions under way at a time, evenly over a round trip: an answer is news for a third of it only


class Arrival:
    """Asks for the size of ``path``, over another connection than the one that sends it, as long as somebody waits.
    That connection is made at once, so that it is there when it is needed.

    ``seen`` is the largest size that was told.
    """

    def __init__(self, files: Callable[[], AbstractContextManager[Files]], path: bytes) -> None:
        self._files = files
        self._path = path
        self._changed = threading.Condition()
        self._wanted = 0
        self._over = False
        self.seen = 0
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def want(self, size: int) -> None:
        """Begin to ask until ``size`` bytes are there."""
        with self._changed:
            self._wanted = max(self._wanted, size)
            self._changed.notify_all()

    def reach(self, size: int) -> bool:
        """Whether ``size`` bytes have arrived, which is waited for as long as there is growth."""
        self.want(size)
        with self._changed:
            before = -1
            while before < self.seen < size and not self._over:
                before = self.seen
                self._changed.wait(_PATIENCE)
            return self.seen >= size

    def give_up(self) -> None:
        """Ask no more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def close(self) -> None:
        """Give up, and return when nothing is being asked any more."""
        self.give_up()
        self._thread.join()

    def _ask(self) -> None:
        with suppress(StorageError, OSError):  # the sender meets it, too, or ends its transfer to be sure
            with self._files():
                pass
            while self._is_wanted():
                with self._files() as files:
                    self._follow(files)
        self.give_up()

    def _follow(self, files: Files) -> None:
        """Ask until what is wanted has arrived; nothing is under way any more then."""
        for number in range(_ASKED):
            if number:
                self._rest(files.round_trip / _ASKED)
            files.ask_size(self._path)
        asked = _ASKED
        while asked:
            self._learn(files.told_size())
            asked -= 1
            if self._lacks():
                files.ask_size(self._path)
                asked += 1

    def _learn(self, size: int) -> None:
        with self._changed:
            if size > self.seen:
                self.seen = size
                self._changed.notify_all()

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._over, seconds)

    def _lacks(self) -> bool:
        with self._changed:
            return not self._over and self.seen < self._wanted

    def _is_wanted(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._over or self.seen < self._wanted)
            return not self._over
