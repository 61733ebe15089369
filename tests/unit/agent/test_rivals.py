"""Where a storage has no write with one winner, two backups of the same second do not pass for one."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest

from freezer.agent.places.place import Place
from freezer.agent.storing.rivals import SameSecond, claimed, require_ours, same_second, with_rivals
from freezer.clock import SystemClock
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, SetId, claim_name, data_name, record_name, state_name
from freezer.errors import ObjectExists, StorageError
from freezer.options.resolve import StorageSection
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Storage
from freezer.storage.wrapper import StorageWrapper
from freezer.stream.digest import Digest, StreamSummary
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

KEY = BackupKey(SetId("tar", "h_web"), zero=1, level=0, time=1)
RECORD, STATE, DATA = b"record", b"state", b"stream"


class Undecided(StorageWrapper):
    """A storage whose ``put_new`` may have several winners, and whose listings may lag if ``list_delay`` is not 0."""

    list_delay = 0.0

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, create_once=False, list_delay=self.list_delay)


class Turns:
    """Lets one of several threads do its next step, in the order of ``wanted`` (their numbers), then in turn."""

    def __init__(self, threads: int, wanted: Iterable[int]) -> None:
        self._wanted = itertools.chain(wanted, itertools.cycle(range(threads)))
        self._may = [threading.Semaphore(0) for _ in range(threads)]
        self._idle = threading.Semaphore(0)
        self._going = set(range(threads))

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        def whole(number: int) -> None:
            self._may[number].acquire()
            try:
                works[number]()
            finally:
                self._going.discard(number)
                self._idle.release()

        threads = [threading.Thread(target=whole, args=(number,)) for number in range(len(works))]
        for thread in threads:
            thread.start()
        while self._going:
            number = next(self._wanted)
            if number in self._going:
                self._may[number].release()
                self._idle.acquire()
        for thread in threads:
            thread.join()

    def pause(self, number: int) -> None:
        """Thread ``number`` waits for its next turn."""
        self._idle.release()
        self._may[number].acquire()


class InTurns(Undecided):
    """Each request is one step of thread ``number``."""

    def __init__(self, inner: Storage, turns: Turns, number: int) -> None:
        super().__init__(inner)
        self._turns, self._number = turns, number

    def put(self, name: str, data: Buffer) -> None:
        self._turns.pause(self._number)
        super().put(name, data)

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        self._turns.pause(self._number)
        return super().list(prefix)

    def stat(self, name: str) -> ObjectInfo:
        self._turns.pause(self._number)
        return super().stat(name)

    def delete(self, name: str) -> None:
        self._turns.pause(self._number)
        super().delete(name)


def place_of(storage: Storage, *, alone: bool = True) -> Place:
    place = Place(StorageSection({}, {}), alone=alone)
    place.use(storage)
    return place


def names_in(storage: Storage) -> set[str]:
    return {found.name for found in storage.list()}


def encounter(agents: int, wanted: Iterable[int]) -> tuple[list[int], MemoryStorage]:
    """So many make the backup ``KEY`` at once, with requests in this order; who says that it has made it."""
    shared, turns, made = MemoryStorage(SystemClock()), Turns(agents, wanted), []

    def make(number: int) -> None:
        storage = InTurns(shared, turns, number)
        try:
            with claimed([place_of(storage)], KEY, FakeClock()):
                storage.put(data_name(KEY), b"%d" % number)
                storage.put(record_name(KEY), b"%d" % number)
                made.append(number)
        except SameSecond:
            pass

    turns.run([lambda number=number: make(number) for number in range(agents)])
    return made, shared


def check_encounter(made: list[int], shared: MemoryStorage) -> None:
    assert len(made) <= 1
    said = {data_name(KEY): b"%d" % made[0], record_name(KEY): b"%d" % made[0]} if made else {}
    assert shared.objects == said


def _sha256(data: bytes) -> str:
    digest = Digest()
    digest.update(data)
    return digest.hexdigest()


STORED_STATE = StoredState(size=len(STATE), sha256=_sha256(STATE))
STREAM = StreamSummary(plain_size=9, stored_size=len(DATA), sha256=_sha256(DATA), segments=1)


@pytest.fixture
def storage():
    opened = Undecided(MemoryStorage(SystemClock()))
    opened.list_delay = 1.0
    for name, data in ((data_name(KEY), DATA), (state_name(KEY), STATE), (record_name(KEY), RECORD)):
        opened.put(name, data)
    return opened


def test_a_backup_whose_objects_are_all_its_own_stays(storage):
    require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)
    assert storage.get(record_name(KEY)) == RECORD


@pytest.mark.parametrize("name", [data_name(KEY), state_name(KEY)])
@pytest.mark.parametrize("now", [b"another one's", None])
def test_a_backup_whose_objects_were_replaced_takes_its_record_back(storage, name, now):
    if now is None:
        storage.delete(name)
    else:
        storage.put(name, now)
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)
    assert record_name(KEY) not in [item.name for item in storage.list()]


def test_the_record_of_another_is_left_alone(storage):
    storage.put(record_name(KEY), b"theirs")
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)
    assert storage.get(record_name(KEY)) == b"theirs"


def test_a_record_that_another_took_back_is_missed(storage):
    storage.delete(record_name(KEY))
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_only_a_storage_whose_listings_lag_is_looked_at_again(storage, delay):
    storage.list_delay = delay
    storage.put(data_name(KEY), b"another one's")
    if delay:
        with pytest.raises(ObjectExists, match="this one was not kept"):
            require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)
    else:
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)


def test_a_storage_that_keeps_others_out_is_asked_for_nothing():
    storage = MemoryStorage(SystemClock())
    storage.put(data_name(KEY), DATA)
    with claimed([place_of(storage)], KEY, FakeClock()):
        assert names_in(storage) == {data_name(KEY)}
    require_ours(storage, KEY, RECORD, STREAM, STORED_STATE)


def test_of_two_agents_one_at_most_makes_the_backup_in_every_order_of_their_requests():
    winners = set()
    for wanted in itertools.product((0, 1), repeat=11):
        made, shared = encounter(2, wanted)
        check_encounter(made, shared)
        winners |= set(made)
    assert winners == {0, 1}


def test_of_three_agents_one_at_most_makes_the_backup():
    chance = random.Random(7)
    for _ in range(1500):
        check_encounter(*encounter(3, chance.choices(range(3), k=30)))


def test_whoever_waits_is_the_one_that_makes_the_backup():
    """Both have claimed it before either looks: one of them withdraws, the other sees that."""
    made, shared = encounter(2, (0, 1, 0, 1, 0, 1))
    assert len(made) == 1
    check_encounter(made, shared)


@pytest.mark.parametrize("name", [data_name(KEY), record_name(KEY)])
def test_what_somebody_has_made_before_is_not_replaced(name):
    storage = Undecided(MemoryStorage(SystemClock()))
    storage.put(name, DATA)
    with pytest.raises(SameSecond), claimed([place_of(storage)], KEY, FakeClock()):
        pass
    assert names_in(storage) == {name}


def test_a_claim_that_a_dead_agent_has_left_is_waited_for_but_not_for_ever():
    storage, clock = Undecided(MemoryStorage(SystemClock())), FakeClock()
    storage.put(claim_name(KEY, "~later by name"), b"")
    with pytest.raises(SameSecond), claimed([place_of(storage)], KEY, clock):
        pass
    assert 1 < sum(clock.slept) < 10
    assert names_in(storage) == {claim_name(KEY, "~later by name")}


def test_a_claim_that_is_not_listed_yet_is_waited_for(monkeypatch):
    storage, clock = Undecided(MemoryStorage(SystemClock())), FakeClock()
    listed, lists = storage.list, []
    monkeypatch.setattr(
        storage, "list", lambda prefix: listed(prefix) if len(lists) > 2 else lists.append(prefix) or []
    )
    with claimed([place_of(storage)], KEY, clock):
        assert len(clock.slept) == 3


def test_a_place_that_fails_meanwhile_does_not_stop_the_others(monkeypatch):
    broken, whole = (Undecided(MemoryStorage(SystemClock())) for _ in range(2))

    def fail(*_: object) -> None:
        raise StorageError("gone")

    monkeypatch.setattr(broken, "put", fail)
    places = [place_of(broken, alone=False), place_of(whole, alone=False)]
    with claimed(places, KEY, FakeClock()):
        assert [place.error is None for place in places] == [False, True]
    assert not names_in(whole)


def test_whoever_comes_second_makes_its_backup_again_a_little_later():
    losses, notices, clock = [same_second(KEY), same_second(KEY)], [], FakeClock()

    def make() -> str:
        if losses:
            raise losses.pop()
        return "made"

    assert with_rivals(make, clock, notices.append) == "made"
    assert [notice.endswith("it is made again") for notice in notices] == [True, True]
    assert len(clock.slept) == 2


def test_whoever_always_comes_second_gives_up():
    def make() -> None:
        raise same_second(KEY)

    with pytest.raises(ObjectExists, match="in the same second"):
        with_rivals(make, FakeClock(), lambda _: None)
