"""Index parts, read from a repository and from the cache."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from freezer.errors import DamagedError, DataError
from freezer.repository.cache import Cache
from freezer.repository.documents import IndexPart, PackRecord
from freezer.repository.index import Index
from freezer.repository.index.parts import check_record, part_of
from freezer.repository.keys.agents import Agent
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.packs.use import Use
from freezer.repository.store import Repository
from freezer.storage.contract import Capabilities, ObjectInfo
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK, encrypted, put_part, random_ids, record_of, writable
from support.packs import FoundPlaces, new_writer

Notices = list[str]


@pytest.fixture
def notices() -> Notices:
    return []


def test_an_empty_repository_has_an_empty_index(notices: Notices) -> None:
    index = Index.load(encrypted(), notice=notices.append)
    assert (len(index), index.packs, notices) == (0, {}, [])


def test_all_parts_are_read_but_for_what_is_condemned(notices: Notices) -> None:
    repository = writable(encrypted())
    a, b, c = random_ids(3)
    records = [record_of([[a]]), record_of([[b]]), record_of([[c]])]
    first = put_part(repository, records[:2])
    second = put_part(repository, records[2:])
    index = Index.load(repository, condemned=[records[1].name], notice=notices.append)
    assert [id in index for id in (a, b, c)] == [True, False, True]
    assert set(index.packs) == {records[0].name, records[2].name}
    assert index.parts[first].packs == (records[0].name, records[1].name)
    assert set(index.parts) == {first, second}
    assert notices == []


def test_parts_are_read_from_the_cache_the_second_time(tmp_path: Path, notices: Notices) -> None:
    storage = FaultyStorage(MemoryStorage(CLOCK))
    repository = writable(encrypted(storage))
    (id,) = random_ids(1)
    name = put_part(repository, [record_of([[id]])])
    cache = Cache(str(tmp_path / "cache"), notices.append)
    for _ in range(2):
        storage.calls.clear()
        assert id in Index.load(repository, cache=cache, notice=notices.append)
    assert PREFIX + name not in [call.name for call in storage.calls]
    assert notices == []


def _copies(place: Path) -> list[Path]:
    """What the cache in ``place`` has of index parts."""
    return sorted(file for file in place.rglob("*-0"))


def test_a_copy_in_the_cache_is_not_trusted(tmp_path: Path, notices: Notices) -> None:
    repository = writable(encrypted())
    a, b, c = random_ids(3)
    for id in (a, b, c):
        put_part(repository, [record_of([[id]])])
    cache = Cache(str(tmp_path), notices.append)
    Index.load(repository, cache=cache, notice=notices.append)
    files = _copies(tmp_path)
    good = [file.read_bytes() for file in files]
    files[0].write_bytes(good[0][:-1] + bytes([good[0][-1] ^ 1]))
    files[1].write_bytes(good[0])  # a part, but another one
    files[2].write_bytes(b"")
    index = Index.load(repository, cache=cache, notice=notices.append)
    assert [len(index.places(id)) for id in (a, b, c)] == [1, 1, 1]
    assert [len(file.read_bytes()) for file in files] == list(map(len, good))
    assert notices == []


def test_the_index_is_the_same_from_the_cache(tmp_path: Path, notices: Notices) -> None:
    repository = writable(encrypted())
    ids = random_ids(60)
    records = [record_of([ids[at : at + 3], ids[at + 3 : at + 5], []]) for at in range(0, 60, 5)]
    for at in range(0, 12, 3):
        put_part(repository, records[at : at + 4])  # some packs in two parts
    cache = Cache(str(tmp_path), notices.append)
    for _ in range(2):
        index = Index.load(repository, condemned=[records[4].name], cache=cache, notice=notices.append)
        assert {name: index.record(name) for name in index.packs} == {
            record.name: record for record in records if record is not records[4]
        }
        for id in ids:
            places = [(place.pack.name, place.bundle) for place in index.places(id)]
            assert len(places) == (id not in ids[20:25])
    assert len(_copies(tmp_path)) == 4
    assert notices == []


def test_the_cache_forgets_parts_that_are_gone(tmp_path: Path, notices: Notices) -> None:
    repository = writable(encrypted())
    name = put_part(repository, [record_of([random_ids(1)])])
    cache = Cache(str(tmp_path), notices.append)
    Index.load(repository, cache=cache, notice=notices.append)
    assert len(_copies(tmp_path)) == 1
    repository.delete(name)
    assert len(Index.load(repository, cache=cache, notice=notices.append)) == 0
    assert _copies(tmp_path) == []


def test_a_part_of_an_agent_whom_nobody_admitted_says_nothing(notices: Notices) -> None:
    repository = encrypted()
    stranger = Agent.new(new_id(CLOCK))
    (id,) = random_ids(1)
    outside = Repository(repository.storage, repository.config, repository.keys, CLOCK, stranger)
    put_part(outside, [record_of([[id]])])
    assert id not in Index.load(repository, notice=notices.append)
    assert len(notices) == 1
    assert "nobody admitted" in notices[0]


def test_where_a_part_is_damaged_the_packs_are_asked(notices: Notices) -> None:
    repository = writable(encrypted())
    places = FoundPlaces()
    writer = new_writer(repository, places)
    chunk = b"what was stored" * 20
    id = writer.store(Use.CONTENT, chunk)
    written = writer.finish()
    assert id in Index.load(repository, notice=notices.append)
    (part,) = repository.names(Folder.INDEX)
    raw = repository.read(part)
    repository.storage.put(PREFIX + part, raw[:-1] + bytes([raw[-1] ^ 1]))
    index = Index.load(repository, notice=notices.append)
    assert set(index.packs) == set(written.packs)
    stored = places.records[written.packs[0]]
    assert index.record(written.packs[0]) == msgspec.structs.replace(stored, digest=b"")
    assert index.places(id)
    assert len(notices) == 1
    assert part in notices[0]
    assert index.unread == {part}


def test_what_is_damaged_as_well_is_a_notice_and_unlisted(notices: Notices) -> None:
    repository = writable(encrypted())
    part = put_part(repository, [record_of([random_ids(1)])])
    repository.storage.put(PREFIX + part, b"nothing of ours")
    pack = f"{Folder.PACKS}{new_id(CLOCK)}-0"
    repository.storage.put(PREFIX + pack, b"nothing of ours")
    index = Index.load(repository, notice=notices.append)
    assert len(notices) == 2
    assert index.unlisted(repository.names(Folder.PACKS)) == [pack]


def test_a_lost_index_is_made_of_what_the_packs_say(notices: Notices) -> None:
    repository = writable(encrypted())
    writer = new_writer(repository, FoundPlaces())
    id = writer.store(Use.TREE, b"what was stored" * 20)
    written = writer.finish()
    for part in repository.names(Folder.INDEX):
        repository.delete(part)
    index = Index.load(repository, notice=notices.append)
    assert id not in index
    index.complete(repository, written.needs, notices.append)
    assert id in index
    assert notices == []


def test_a_complete_index_asks_no_pack(notices: Notices) -> None:
    storage = FaultyStorage(MemoryStorage(CLOCK))
    repository = writable(encrypted(storage))
    record = record_of([random_ids(1)])
    put_part(repository, [record])
    index = Index.load(repository, notice=notices.append)
    storage.calls.clear()
    index.complete(repository, [record.name], notices.append)
    assert storage.calls == []


class _Collected(FaultyStorage):
    """While the first part is read, a collector replaces it by another."""

    def __init__(self, inner: MemoryStorage) -> None:
        super().__init__(inner)
        self.replacement: tuple[str, bytes] | None = None

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if self.replacement is not None and name.startswith(PREFIX + Folder.INDEX):
            new, data = self.replacement
            self.replacement = None
            self._inner.put(new, data)
            self._inner.delete(name)
        return super().get(name, offset, length)


def test_a_part_that_vanishes_is_looked_for_in_what_replaced_it(notices: Notices) -> None:
    storage = _Collected(MemoryStorage(CLOCK))
    repository = writable(encrypted(storage))
    (id,) = random_ids(1)
    record = record_of([[id]])
    old = put_part(repository, [record])
    new = f"{Folder.INDEX}{new_id(CLOCK)}-0"
    storage.replacement = PREFIX + new, repository.pack_object(Kind.INDEX, new, part_of([record], [old]))
    index = Index.load(repository, notice=notices.append)
    assert id in index
    assert set(index.parts) == {new}
    assert notices == []


class _Lagging(FaultyStorage):
    """Lists index parts and packs that were deleted."""

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        ghost = ObjectInfo(f"{prefix}{'0' * 26}-0", 10, 1.0)
        lags = prefix in (PREFIX + Folder.INDEX, PREFIX + Folder.PACKS)
        return [*([ghost] if lags else []), *super().list(prefix)]


def test_a_part_that_is_only_listed_does_not_keep_us_for_ever(notices: Notices) -> None:
    repository = writable(encrypted(_Lagging(MemoryStorage(CLOCK))))
    (id,) = random_ids(1)
    put_part(repository, [record_of([[id]])])
    assert id in Index.load(repository, notice=notices.append)
    assert len(notices) == 1


class _Distant(FaultyStorage):
    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, read_ahead=4)


def test_a_storage_that_gains_from_it_is_read_in_parallel_and_in_order(notices: Notices) -> None:
    repository = writable(encrypted(_Distant(MemoryStorage(CLOCK))))
    ids = random_ids(20)
    names = [put_part(repository, [record_of([[id]])]) for id in ids]
    index = Index.load(repository, notice=notices.append)
    assert list(index.parts) == sorted(names)
    assert all(id in index for id in ids)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "packs/../config-0"},
        {"name": "meta/" + "0" * 26 + "-0"},
        {"digest": b"short"},
        {"size": 200},
    ],
)
def test_a_record_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    record = record_of([random_ids(2)])
    with pytest.raises(DataError, match=r"cannot be|not in its pack|no name"):
        check_record(msgspec.structs.replace(record, **change), "a part")


@pytest.mark.parametrize(
    "change",
    [
        {"offset": 0},
        {"offset": -1},
        {"sealed": 1},
        {"plain": 201},
        {"key": 1},
        {"number": -1},
        {"lengths": [100]},
        {"lengths": [300, -100]},
        {"ids": b"x"},
        {"id": b""},
        {"digest": b""},
    ],
)
def test_a_bundle_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    record = record_of([random_ids(2)])
    bundle = msgspec.structs.replace(record.bundles[0], **change)
    with pytest.raises(DamagedError, match="a part is damaged"):
        check_record(msgspec.structs.replace(record, bundles=[bundle]), "a part")


def test_a_signed_part_that_cannot_be_is_not_believed(notices: Notices) -> None:
    repository = writable(encrypted())
    ids = random_ids(2)
    record: PackRecord = msgspec.structs.replace(record_of([ids]), size=10)
    put_part(repository, [record])
    assert len(Index.load(repository, notice=notices.append)) == 0
    assert "not in its pack" in notices[0]


def test_a_part_names_the_least_and_the_greatest_id() -> None:
    ids = random_ids(30)
    part = part_of([record_of([ids[:10], ids[10:20]]), record_of([ids[20:]])])
    assert (part.first, part.last) == (min(ids), max(ids))
    assert part_of([]) == IndexPart([], b"", b"")
