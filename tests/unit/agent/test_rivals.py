"""Where a storage has no write with one winner, two backups of the same second do not pass for one."""

from __future__ import annotations

import msgspec
import pytest

from freezer.agent.storing.rivals import require_free, require_ours, same_second, with_rivals
from freezer.clock import SystemClock
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, SetId, data_name, record_name, state_name
from freezer.errors import ObjectExists
from freezer.storage.contract import Capabilities
from freezer.storage.wrapper import StorageWrapper
from freezer.stream.digest import Digest, StreamSummary
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

KEY = BackupKey(SetId("tar", "h_web"), zero=1, level=0, time=1)
RECORD, STATE, DATA = b"record", b"state", b"stream"


class Undecided(StorageWrapper):
    """A storage whose ``put_new`` may have several winners."""

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, create_once=False)


def _sha256(data: bytes) -> str:
    digest = Digest()
    digest.update(data)
    return digest.hexdigest()


STORED_STATE = StoredState(size=len(STATE), sha256=_sha256(STATE))
STREAM = StreamSummary(plain_size=9, stored_size=len(DATA), sha256=_sha256(DATA), segments=1)


@pytest.fixture
def storage():
    opened = Undecided(MemoryStorage(SystemClock()))
    for name, data in ((data_name(KEY), DATA), (state_name(KEY), STATE), (record_name(KEY), RECORD)):
        opened.put(name, data)
    return opened


def test_a_backup_whose_objects_are_all_its_own_stays(storage):
    require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, FakeClock())
    assert storage.get(record_name(KEY)) == RECORD


def test_what_somebody_has_made_visible_is_not_replaced(storage):
    with pytest.raises(ObjectExists, match="another backup of h_web was made in the same second"):
        require_free(storage, KEY, data_name(KEY))
    storage.delete(data_name(KEY))
    require_free(storage, KEY, data_name(KEY))


@pytest.mark.parametrize("name", [data_name(KEY), state_name(KEY)])
@pytest.mark.parametrize("now", [b"another one's", None])
def test_a_backup_whose_objects_were_replaced_takes_its_record_back(storage, name, now):
    if now is None:
        storage.delete(name)
    else:
        storage.put(name, now)
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, FakeClock())
    assert record_name(KEY) not in [item.name for item in storage.list()]


def test_the_record_of_another_is_left_alone(storage):
    storage.put(record_name(KEY), b"theirs")
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, FakeClock())
    assert storage.get(record_name(KEY)) == b"theirs"


def test_a_record_that_another_took_back_is_missed(storage):
    storage.delete(record_name(KEY))
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, FakeClock())


def test_a_rival_that_was_writing_its_record_meanwhile_is_noticed(storage, monkeypatch):
    """It had seen none, puts its own in the place of ours, finds our state beside it, and takes it back."""
    clock = FakeClock()
    monkeypatch.setattr(clock, "sleep", lambda _: storage.delete(record_name(KEY)))
    with pytest.raises(ObjectExists, match="this one was not kept"):
        require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, clock)


def test_a_storage_that_decides_is_not_asked():
    storage = MemoryStorage(SystemClock())
    storage.put(data_name(KEY), DATA)
    require_free(storage, KEY, data_name(KEY))
    require_ours(storage, KEY, RECORD, STREAM, STORED_STATE, FakeClock())


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
