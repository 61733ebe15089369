"""The reserve: objects of no content that take up room, and are given up when the storage is full, so that there is
room for the small objects by which other room is made.

Only who makes room takes of it. A backup does not, because its data would fill that as well, and then nobody could
forget anything any more. Nobody refers to the reserve, so it may be removed at any time, by anybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from freezer.clock import Clock
from freezer.errors import StorageFull
from freezer.repository.names import PREFIX, Folder, new_id
from freezer.storage.contract import Buffer, Storage
from freezer.storage.wrapper import StorageWrapper

PIECES = 2
SIZE = 512 * 1024  # bytes of each: a list of 20,000 packs, or a hundred tombs in blocks of 4 KiB


def lay(storage: Storage, clock: Clock) -> None:
    """Put what lacks of the reserve, as far as there is room. Random bytes, because some storages compress."""
    with suppress(StorageFull):
        for _ in range(PIECES - len(storage.list(PREFIX + Folder.RESERVE))):
            storage.put(f"{PREFIX}{Folder.RESERVE}{new_id(clock)}", os.urandom(SIZE))


class RoomMaker(StorageWrapper):
    """``inner`` for who makes room: gives pieces of the reserve up, down to ``leave``, when anything but a pack finds
    the storage full. Packs are what is moved, which can wait until there is room."""

    def __init__(self, inner: Storage, *, leave: int = 0) -> None:
        super().__init__(inner)
        self._leave = leave

    def prepare(self) -> None:
        self._with_room(self._inner.prepare)

    def put(self, name: str, data: Buffer) -> None:
        if name.startswith((PREFIX + Folder.PACKS, PREFIX + Folder.META)):
            self._inner.put(name, data)
        else:
            self._with_room(lambda: self._inner.put(name, data))

    def put_new(self, name: str, data: Buffer) -> None:
        self._with_room(lambda: self._inner.put_new(name, data))

    def _with_room(self, change: Callable[[], None]) -> None:
        while True:
            try:
                return change()
            except StorageFull:
                if not self._give_up():
                    raise

    def _give_up(self) -> bool:
        """Whether there was a piece to give up."""
        pieces = self._inner.list(PREFIX + Folder.RESERVE)
        if len(pieces) <= self._leave:
            return False
        self._inner.delete(pieces[0].name)
        return True
