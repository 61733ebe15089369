"""Many small index parts become one, and nothing that they said is lost."""

from __future__ import annotations

import pytest

from freezer.errors import DamagedError
from freezer.repository.index import Index
from freezer.repository.index.joining import join_parts
from freezer.repository.index.parts import COPIES, PartInfo, obsolete, worth_joining
from freezer.repository.names import PREFIX, Folder, new_id
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK, encrypted, put_part, random_ids, record_of, stored_part, writable


def _silent(_: str) -> None:
    raise AssertionError("nothing is wrong")


def test_parts_that_were_joined_are_obsolete_and_their_chunks_are_found_without_them() -> None:
    repository = writable(encrypted())
    ids = random_ids(12)
    records = [record_of([[id]]) for id in ids]
    old = [put_part(repository, [record]) for record in records]
    index = Index.load(repository, condemned=[records[3].name], notice=_silent)
    owner = new_id(CLOCK)
    assert join_parts(repository, index, owner, 5) == [f"{Folder.INDEX}{owner}-5"]
    assert index.obsolete() == set(old)
    for name in index.obsolete():
        repository.delete(name)
    again = Index.load(repository, notice=_silent)
    assert {name: again.record(name) for name in again.packs} == {
        record.name: record for record in records if record is not records[3]
    }


def test_joined_parts_and_what_they_replace_are_harmless_together() -> None:
    repository = writable(encrypted())
    ids = random_ids(9)
    old = [put_part(repository, [record_of([[id]])]) for id in ids]
    join_parts(repository, Index.load(repository, notice=_silent), new_id(CLOCK), 0)
    index = Index.load(repository, notice=_silent)
    assert [len(index.places(id)) for id in ids] == [1] * 9
    assert index.obsolete() == set(old)


def test_a_few_parts_are_left_alone() -> None:
    repository = writable(encrypted())
    for id in random_ids(7):
        put_part(repository, [record_of([[id]])])
    assert join_parts(repository, Index.load(repository, notice=_silent), new_id(CLOCK), 0) == []


def test_groups_are_not_larger_than_a_part_should_be() -> None:
    parts = {f"index/{number:03}": PartInfo((f"packs/{number}",), COPIES // 10, ()) for number in range(35)}
    parts["index/large"] = PartInfo(("packs/large",), COPIES, ())
    groups = worth_joining(parts, gone=["index/000"])
    assert [len(group) for group in groups] == [10, 10, 10]
    assert {name for group in groups for name in group}.isdisjoint({"index/large", "index/000"})


def test_a_part_is_only_replaced_by_one_that_really_has_its_packs() -> None:
    parts = {
        "index/a": PartInfo(("packs/1", "packs/2"), 2, ()),
        "index/b": PartInfo(("packs/1",), 1, ("index/a", "index/b")),
        "index/c": PartInfo(("packs/3",), 1, ()),
    }
    assert obsolete(parts, []) == set()
    assert obsolete(parts, ["packs/2"]) == {"index/a"}
    assert obsolete(parts, ["packs/3"]) == {"index/c"}


def test_a_damaged_part_is_replaced_by_what_the_packs_say() -> None:
    repository = writable(encrypted())
    (id,) = random_ids(1)
    record = record_of([[id]])
    damaged = put_part(repository, [])
    repository.storage.put(PREFIX + damaged, b"damaged")
    notices: list[str] = []
    index = Index.load(repository, notice=notices.append)
    assert len(notices) == 1
    index.add(record)  # as its footer says
    (name,) = join_parts(repository, index, new_id(CLOCK), 0)
    assert stored_part(repository, name).packs == [record]
    again = Index.load(repository, notice=_silent)
    assert again.obsolete() == {damaged}
    assert id in again


def test_what_only_packs_say_is_written_down_again() -> None:
    repository = writable(encrypted())
    ids = random_ids(3 * 25_000)
    records = [record_of([ids[at : at + 25_000]]) for at in range(0, 75_000, 25_000)]
    index = Index()
    for record in records:
        index.add(record)
    names = join_parts(repository, index, new_id(CLOCK), 0)
    assert [len(stored_part(repository, name).packs) for name in names] == [2, 1]
    again = Index.load(repository, notice=_silent)
    assert {name: again.record(name) for name in again.packs} == {record.name: record for record in records}
    assert join_parts(repository, again, new_id(CLOCK), 0) == []


class _Lossy(MemoryStorage):
    """Stores an index part differently from what it was given."""

    def put(self, name: str, data: bytes | bytearray | memoryview) -> None:
        super().put(name, bytes(data)[:-1] if name.startswith(PREFIX + Folder.INDEX) and self.broken else data)

    broken = False


def test_nothing_is_obsolete_before_the_new_part_was_read_again() -> None:
    storage = _Lossy(CLOCK)
    repository = writable(encrypted(storage))
    for id in random_ids(9):
        put_part(repository, [record_of([[id]])])
    index = Index.load(repository, notice=_silent)
    storage.broken = True
    with pytest.raises(DamagedError):
        join_parts(repository, index, new_id(CLOCK), 0)
    assert index.obsolete() == set()
