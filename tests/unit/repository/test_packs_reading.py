import os
import random
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from freezer.errors import DamagedError, DataError, ObjectNotFound
from freezer.repository.documents import Codec, PackKind
from freezer.repository.names import PREFIX
from freezer.repository.packs.describing import describe
from freezer.repository.packs.filling import Contents, NewPack
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.store import Repository
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.packs import SMALL, FoundPlaces, new_repository, new_writer, overwrite


def one_chunk_each(repository: Repository, places: FoundPlaces, *chunks: bytes, use: Use = Use.CONTENT) -> list[bytes]:
    """Store chunks in a pack each."""
    ids = []
    for data in chunks:
        writer = new_writer(repository, places)
        ids.append(writer.store(use, data))
        writer.finish()
    return ids


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_single_bit_that_changes_in_a_pack_is_noticed() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places)
    writer.store(Use.CONTENT, b"compressible " * 50)
    writer.store(Use.CONTENT, os.urandom(400))
    (name,) = writer.finish().packs
    raw = repository.read(name)
    reader = PackReader(repository, places)
    assert len(list(reader.whole(name, raw))) == 2

    missed = []
    for bit in range(len(raw) * 8):
        try:
            list(reader.whole(name, flip(raw, bit)))
        except DataError:
            continue
        missed.append(bit)
    assert missed == []


def test_a_pack_that_is_cut_off_or_longer_is_noticed() -> None:
    repository, places = new_repository(), FoundPlaces()
    one_chunk_each(repository, places, os.urandom(100))
    (name,) = places.records
    raw = repository.read(name)
    reader = PackReader(repository, places)

    for size in range(len(raw)):
        with pytest.raises(DataError):
            list(reader.whole(name, raw[:size]))
        overwrite(repository, name, raw[:size])
        with pytest.raises(DataError):
            reader.record(name)
    with pytest.raises(DataError):
        list(reader.whole(name, raw + b"\0"))


def test_a_pack_under_the_name_of_another_is_noticed() -> None:
    repository, places = new_repository(), FoundPlaces()
    one_chunk_each(repository, places, b"first", b"other")
    first, second = places.records
    overwrite(repository, second, repository.read(first))
    reader = PackReader(repository, places)

    with pytest.raises(DamagedError):
        reader.record(second)
    with pytest.raises(DamagedError):
        list(reader.whole(second))


def test_a_pack_of_another_repository_is_noticed() -> None:
    repository, other, places = new_repository(), new_repository(), FoundPlaces()
    one_chunk_each(other, places, b"first")
    (name,) = places.records
    overwrite(repository, name, other.read(name))

    with pytest.raises(DamagedError):
        PackReader(repository, places).record(name)


def test_another_copy_serves_where_one_is_damaged_or_gone() -> None:
    repository, places = new_repository(), FoundPlaces()
    (id,) = one_chunk_each(repository, places, b"x" * 500)
    more = FoundPlaces()
    one_chunk_each(repository, more, b"x" * 500)
    (first,), (second,) = places.records, more.records
    places.add(more.records[second])
    overwrite(repository, first, flip(repository.read(first), 8 * 260))

    assert PackReader(repository, places).chunk(Use.CONTENT, id) == b"x" * 500
    repository.delete(first)
    assert PackReader(repository, places).chunk(Use.CONTENT, id) == b"x" * 500
    overwrite(repository, second, flip(repository.read(second), 8 * 260))
    with pytest.raises(ObjectNotFound):
        PackReader(repository, places).chunk(Use.CONTENT, id)


def test_a_chunk_without_an_intact_copy_is_an_error_that_names_the_pack() -> None:
    repository, places = new_repository(), FoundPlaces()
    (id,) = one_chunk_each(repository, places, b"x" * 500)
    (name,) = places.records
    overwrite(repository, name, flip(repository.read(name), 8 * 260))

    with pytest.raises(DamagedError, match=name):
        PackReader(repository, places).chunk(Use.CONTENT, id)


def test_a_chunk_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(DamagedError, match="lacks the chunk"):
        PackReader(new_repository(), FoundPlaces()).chunk(Use.CONTENT, bytes(20))


def test_when_a_pack_has_vanished_the_index_is_loaded_again_once() -> None:
    repository, old, new = new_repository(), FoundPlaces(), FoundPlaces()
    (id,) = one_chunk_each(repository, old, b"moved meanwhile")
    one_chunk_each(repository, new, b"moved meanwhile")
    (gone,) = old.records
    repository.delete(gone)
    loaded = []

    def reload() -> FoundPlaces:
        loaded.append(1)
        return new

    reader = PackReader(repository, old, reload=reload)
    assert reader.chunk(Use.CONTENT, id) == b"moved meanwhile"
    assert len(loaded) == 1
    repository.delete(next(iter(new.records)))
    with pytest.raises(ObjectNotFound):
        PackReader(repository, old, reload=reload).chunk(Use.CONTENT, id)
    assert len(loaded) == 2


def test_an_index_that_points_to_another_chunk_is_noticed() -> None:
    repository, places = new_repository(), FoundPlaces()
    first, second = one_chunk_each(repository, places, b"first", b"other")
    (place,) = places.places(first)

    with pytest.raises(DamagedError, match="another one"):
        PackReader(repository, places).place(Use.CONTENT, second, place)


def test_a_chunk_is_not_taken_for_one_of_another_use() -> None:
    repository, places = new_repository(), FoundPlaces()
    (id,) = one_chunk_each(repository, places, b"a list", use=Use.LIST)
    with pytest.raises(DamagedError):
        PackReader(repository, places).chunk(Use.TREE, id)


def test_a_bundle_is_read_with_one_request_and_stays_open() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository, places = new_repository(storage), FoundPlaces()
    writer = new_writer(repository, places)
    ids = [writer.store(Use.CONTENT, bytes([number]) * 30) for number in range(30)]
    writer.finish()
    storage.calls.clear()
    reader = PackReader(repository, places)

    assert [reader.chunk(Use.CONTENT, id) for id in ids] == [bytes([number]) * 30 for number in range(30)]
    assert len(storage.calls) == 1


def test_no_more_bundles_stay_open_than_was_asked_for() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository, places = new_repository(storage), FoundPlaces()
    ids = one_chunk_each(repository, places, *(os.urandom(1000) for _ in range(3)))
    reader = PackReader(repository, places, opened=2500)
    storage.calls.clear()
    for id in (*ids, ids[2], ids[1], ids[0]):  # the last one was closed again
        reader.chunk(Use.CONTENT, id)

    assert len(storage.calls) == 4


def test_bundles_can_be_opened_by_their_number_and_from_bytes_at_hand() -> None:
    repository, places = new_repository(), FoundPlaces()
    one_chunk_each(repository, places, b"y" * 900)
    (record,) = places.records.values()
    reader = PackReader(repository, places)
    entry = record.bundles[0]
    raw = repository.read(record.name, entry.offset, entry.sealed)

    assert reader.bundle(record, 0) == reader.bundle(record, 0, raw) == reader.open(record, entry, raw) == b"y" * 900
    for change in (
        {"number": 1},
        {"id": bytes(16)},
        {"plain": 899},
        {"sealed": entry.sealed - 1},
        {"key": 1},
        {"key": -1},
        {"number": -1},
    ):
        with pytest.raises(DamagedError, match=record.name):
            reader.open(record, msgspec.structs.replace(entry, **change), raw)


def test_a_bundle_that_is_stored_as_it_is_has_the_length_that_it_says() -> None:
    repository, places = new_repository(), FoundPlaces()
    one_chunk_each(repository, places, os.urandom(900))
    (record,) = places.records.values()
    longer = msgspec.structs.replace(record.bundles[0], plain=901)
    raw = repository.read(record.name, longer.offset, longer.sealed)

    with pytest.raises(DamagedError, match="900 bytes of 901"):
        PackReader(repository, places).open(record, longer, raw)


def test_a_pack_whose_footer_calls_a_chunk_what_it_is_not_is_noticed() -> None:
    repository = new_repository()
    name, data = "meta/" + "0" * 26 + "-0", b"a tree"
    pack = NewPack(repository.keys, PackKind.META, name, memoryview(bytearray(2048)))
    wrong = Contents(repository.keys.ids.content(data), [len(data)])  # an id that no use of metadata gives
    pack.add(pack.seal(pack.reserve(len(data) + 16, 1), data, Codec.PLAIN, len(data), wrong))
    raw, _ = pack.finish()

    with pytest.raises(DamagedError, match="another one"):
        list(PackReader(repository, FoundPlaces()).whole(name, bytes(raw)))


def test_the_size_of_a_pack_is_asked_for_only_if_it_is_not_known() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository, places = new_repository(storage), FoundPlaces()
    one_chunk_each(repository, places, b"one")
    (record,) = places.records.values()
    storage.calls.clear()

    assert describe(repository, record.name, record.size) == describe(repository, record.name)
    assert [call.operation for call in storage.calls] == ["get", "get", "stat", "get", "get"]


def test_a_large_footer_is_read_completely() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places, msgspec.structs.replace(SMALL, bundle_size=1 << 20, pack_size=1 << 20))
    for number in range(4000):
        writer.store(Use.CONTENT, number.to_bytes(4, "big"))
    (name,) = writer.finish().packs

    record = PackReader(repository, places).record(name)
    assert sum(len(bundle.lengths) for bundle in record.bundles) == 4000


def test_several_threads_may_read_at_once() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places)
    expected = {writer.store(Use.CONTENT, data): data for data in (os.urandom(300) for _ in range(60))}
    writer.finish()
    reader = PackReader(repository, places, opened=5000)

    def read(seed: int) -> bool:
        ids = random.Random(seed).choices(list(expected), k=200)
        return all(reader.chunk(Use.CONTENT, id) == expected[id] for id in ids)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(16)))


class Shelf:
    """A cache of packs in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put(self, name: str, data: bytes) -> None:
        self.kept[name] = data

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)


def test_packs_of_metadata_are_fetched_once_and_kept() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository, places, shelf = new_repository(storage), FoundPlaces(), Shelf()
    writer = new_writer(repository, places)
    ids = [writer.store(Use.TREE, os.urandom(900)) for _ in range(3)]
    data = writer.store(Use.CONTENT, b"not metadata")
    writer.finish()
    storage.calls.clear()
    for _ in range(2):
        reader = PackReader(repository, places, cache=shelf)
        for id in ids:
            reader.chunk(Use.TREE, id)
    assert len(storage.calls) == 1
    reader.chunk(Use.CONTENT, data)

    assert set(shelf.kept) == {record.name for record in places.records.values() if record.kind is PackKind.META}


@pytest.mark.parametrize("damage", [lambda raw: flip(raw, 8 * 300), lambda raw: raw[:100], lambda raw: b""])
def test_a_cache_that_holds_something_else_does_no_harm(damage: object) -> None:
    repository, places, shelf = new_repository(), FoundPlaces(), Shelf()
    (id,) = one_chunk_each(repository, places, os.urandom(900), use=Use.TREE)
    expected = PackReader(repository, places, cache=shelf).chunk(Use.TREE, id)
    (name,) = shelf.kept
    shelf.kept[name] = damage(shelf.kept[name])  # type: ignore[operator]

    assert PackReader(repository, places, cache=shelf).chunk(Use.TREE, id) == expected
    assert shelf.kept[name] == repository.storage.get(PREFIX + name)
