import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.errors import DamagedError, PermissionDenied
from freezer.repository.documents import PackKind, PackRecord
from freezer.repository.keys.ring import Keys
from freezer.repository.names import new_id
from freezer.repository.packs.moving import move_bundles
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import How
from freezer.repository.store import Repository
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.packs import FoundPlaces, new_repository, new_writer, overwrite


def filled(repository: Repository, chunks: int = 30) -> tuple[FoundPlaces, dict[bytes, tuple[Use, bytes]]]:
    """Some packs of both kinds, and what is in them by id."""
    places = FoundPlaces()
    writer = new_writer(repository, places)
    stored = {}
    for number in range(chunks):
        use = Use.TREE if number % 4 == 0 else Use.CONTENT
        data = os.urandom(400) + bytes(400)
        stored[writer.store(use, data)] = (use, data)
    writer.finish()
    return places, stored


def every(records: list[PackRecord]) -> list[tuple[PackRecord, range]]:
    return [(record, range(len(record.bundles))) for record in records]


def assert_readable(repository: Repository, records: list[PackRecord], stored: dict[bytes, tuple[Use, bytes]]) -> None:
    places = FoundPlaces(records)
    reader = PackReader(repository, places)
    for id, (use, data) in stored.items():
        if places.find(id) is not None:
            assert reader.chunk(use, id) == data


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_moved_bundles_open_in_their_new_packs_when_the_old_ones_are_gone(chance: object) -> None:
    repository = new_repository()
    places, stored = filled(repository)
    live = [
        (record, sorted(chance.sample(range(len(record.bundles)), chance.randint(0, len(record.bundles)))))  # type: ignore[attr-defined]
        for record in places.records.values()
    ]
    expected = {
        bundle.id: bundle.ids for record, numbers in live for bundle in (record.bundles[each] for each in numbers)
    }
    moved = move_bundles(repository, live, new_id(repository.clock), pack_size=4096)
    for name in places.records:
        repository.delete(name)

    assert {bundle.id: bundle.ids for record in moved for bundle in record.bundles} == expected
    assert_readable(repository, moved, stored)
    reader = PackReader(repository, FoundPlaces(moved))
    for record in moved:
        assert len(list(reader.whole(record.name))) == len(record.bundles)
        assert reader.record(record.name) == msgspec.structs.replace(record, digest=b"")
        assert record.size <= 4096


def test_bundles_can_be_moved_again_and_again() -> None:
    repository = new_repository()
    places, stored = filled(repository)
    records = list(places.records.values())
    for _ in range(4):
        old, records = records, move_bundles(repository, every(records), new_id(repository.clock))
        for record in old:
            repository.delete(record.name)

    assert {record.kind for record in records} == set(PackKind)
    assert_readable(repository, records, stored)
    assert set(FoundPlaces(records).records) == {record.name for record in records}


def test_new_packs_are_numbered_from_where_the_collector_is() -> None:
    repository = new_repository()
    places, _ = filled(repository)
    attempt = new_id(repository.clock)
    moved = move_bundles(repository, every(list(places.records.values())), attempt, 7)

    assert sorted(record.name for record in moved) == [f"meta/{attempt}-8", f"packs/{attempt}-7"] or sorted(
        record.name for record in moved
    ) == [f"meta/{attempt}-7", f"packs/{attempt}-8"]


def test_nothing_to_move_makes_no_pack() -> None:
    repository = new_repository()
    places, _ = filled(repository)
    assert move_bundles(repository, [(record, []) for record in places.records.values()], "0" * 26) == []


def test_what_lies_near_is_read_at_once_and_what_lies_far_is_not_read() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository, places = new_repository(storage), FoundPlaces()
    writer = new_writer(repository, places, How(workers=1))
    for _ in range(6):
        writer.store(Use.CONTENT, os.urandom(1_000_000))
    writer.finish()
    (record,) = places.records.values()
    storage.calls.clear()
    (moved,) = move_bundles(repository, [(record, [0, 1, 4, 5])], new_id(repository.clock))

    assert [bundle.id for bundle in moved.bundles] == [record.bundles[each].id for each in (0, 1, 4, 5)]
    assert [call.operation for call in storage.calls] == ["get", "get", "put"]


def test_a_damaged_bundle_is_not_moved() -> None:
    repository = new_repository()
    places, _ = filled(repository)
    record = next(iter(places.records.values()))
    raw = bytearray(repository.read(record.name))
    raw[record.bundles[1].offset + 3] ^= 1
    overwrite(repository, record.name, bytes(raw))

    with pytest.raises(DamagedError, match=record.name):
        move_bundles(repository, [(record, [0, 1])], new_id(repository.clock))
    assert len(move_bundles(repository, [(record, [0])], new_id(repository.clock))) == 1


def test_who_may_not_read_content_can_still_move_it() -> None:
    owner = new_repository()
    places, stored = filled(owner)
    ring = owner.keys.ring
    blind = msgspec.structs.replace(
        ring, role="maintainer", epochs=[msgspec.structs.replace(epoch, data=b"") for epoch in ring.epochs]
    )
    maintainer = Repository(
        owner.storage, owner.config, Keys.of(owner.id, blind, owner.keys.access), owner.clock, owner.agent
    )
    moved = move_bundles(maintainer, every(list(places.records.values())), new_id(owner.clock))

    assert_readable(owner, moved, stored)
    content = next(id for id, (use, _) in stored.items() if use is Use.CONTENT)
    with pytest.raises(PermissionDenied):
        PackReader(maintainer, FoundPlaces(moved)).chunk(Use.CONTENT, content)


def test_a_pack_of_moved_bundles_has_no_key_that_a_new_one_could_be_sealed_with() -> None:
    repository = new_repository()
    places, _ = filled(repository)
    (record, *_) = move_bundles(repository, every(list(places.records.values())), new_id(repository.clock))
    own = msgspec.structs.replace(record.bundles[0], key=0)

    assert record.wrap == bytes(92)
    with pytest.raises(DamagedError):
        PackReader(repository, places).open(record, own, repository.read(record.name, own.offset, own.sealed))
