"""Room that is kept for those who make room."""

from __future__ import annotations

import pytest

from freezer.errors import StorageFull
from freezer.repository import reserve
from freezer.repository.names import PREFIX, Folder
from freezer.repository.reserve import PIECES, SIZE, RoomMaker
from freezer.storage.contract import Buffer
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

CLOCK = FakeClock()
TOMB = f"{PREFIX}{Folder.TOMBS}one"


class Small(MemoryStorage):
    """Has room for so many bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(CLOCK)
        self.size = size

    def put(self, name: str, data: Buffer) -> None:
        self._reckon(data)
        super().put(name, data)

    def put_new(self, name: str, data: Buffer) -> None:
        self._reckon(data)
        super().put_new(name, data)

    def pieces(self) -> int:
        return len(self.list(PREFIX + Folder.RESERVE))

    def _reckon(self, data: Buffer) -> None:
        if sum(map(len, self.objects.values())) + len(data) > self.size:
            raise StorageFull("memory: is full")


def full() -> Small:
    """A storage with a reserve and nothing else, in which there is no room for a byte."""
    storage = Small(PIECES * SIZE)
    reserve.lay(storage, CLOCK)
    assert storage.pieces() == PIECES
    return storage


def test_the_reserve_is_laid_once() -> None:
    storage = Small(10 * SIZE)
    for _ in range(2):
        reserve.lay(storage, CLOCK)
    assert storage.pieces() == PIECES


def test_where_there_is_no_room_for_all_of_it_the_reserve_is_smaller() -> None:
    storage = Small(SIZE)
    reserve.lay(storage, CLOCK)
    assert storage.pieces() == 1


@pytest.mark.parametrize("new", [False, True])
def test_who_makes_room_takes_of_the_reserve_what_is_needed(new: bool) -> None:
    storage = full()
    maker = RoomMaker(storage)
    put = maker.put_new if new else maker.put
    put(TOMB, b"tomb")
    assert storage.objects[TOMB] == b"tomb"
    assert storage.pieces() == PIECES - 1
    put(TOMB + "2", bytes(SIZE))
    assert storage.pieces() == 0
    with pytest.raises(StorageFull):
        put(TOMB + "3", bytes(SIZE))


def test_what_is_to_be_left_is_left() -> None:
    storage = full()
    with pytest.raises(StorageFull):
        RoomMaker(storage, leave=1).put(TOMB, bytes(SIZE + 1))
    assert storage.pieces() == 1


@pytest.mark.parametrize("folder", [Folder.PACKS, Folder.META])
def test_packs_get_nothing_of_the_reserve(folder: Folder) -> None:
    storage = full()
    with pytest.raises(StorageFull):
        RoomMaker(storage).put(f"{PREFIX}{folder}one-0", b"x")
    assert storage.pieces() == PIECES


def test_as_long_as_there_is_room_nothing_is_given_up() -> None:
    storage = full()
    storage.size += 4
    RoomMaker(storage).put(TOMB, b"tomb")
    assert storage.pieces() == PIECES
