"""Where chunks are, as it is found in memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.repository.documents import ID_SIZE, PackRecord
from freezer.repository.index import Index
from support.indexing import random_ids, record_of


def test_a_chunk_is_found_in_its_pack_and_bundle_with_offset_and_length() -> None:
    a, b, c, unknown = random_ids(4)
    record = record_of([[a], [b, c]], lengths=[[7], [5, 11]])
    index = Index()
    index.add(record_of([random_ids(3, seed=1)]))
    index.add(record)
    place = index.find(c)
    assert place is not None
    assert (place.pack.name, place.bundle, place.offset, place.length) == (record.name, 1, 5, 11)
    assert place.entry.offset == record.bundles[1].offset
    assert (place.entry.lengths, place.entry.ids) == ([], b"")
    assert index.find(unknown) is None
    assert unknown not in index
    assert a in index


def test_every_copy_of_a_chunk_is_found() -> None:
    (id,) = random_ids(1)
    records = [record_of([[id]]), record_of([[id, id]]), record_of([random_ids(5, seed=2)])]
    index = Index()
    for record in records:
        index.add(record)
    places = index.places(id)
    assert sorted((place.pack.name, place.offset) for place in places) == sorted(
        [(records[0].name, 0), (records[1].name, 0), (records[1].name, 100)]
    )
    copies = index.copies(id)
    assert [index.place(number) for number in copies] == places
    assert index.ids(index.packs[records[1].name].copies) == id + id


def test_a_dropped_pack_is_never_heard_of_again() -> None:
    both, only = random_ids(2)
    doomed, kept = record_of([[both, only]]), record_of([[both]])
    index = Index()
    index.add(doomed)
    index.add(kept)
    index.drop([doomed.name])
    assert [place.pack.name for place in index.places(both)] == [kept.name]
    assert only not in index
    assert list(index.packs) == [kept.name]
    assert len(index) == 1
    index.add(doomed)
    assert only not in index


def test_what_is_condemned_before_it_is_known_is_not_taken() -> None:
    (id,) = random_ids(1)
    record = record_of([[id]])
    index = Index()
    index.drop([record.name])
    index.add(record)
    assert id not in index
    assert index.unlisted([record.name, "packs/other-0"]) == ["packs/other-0"]
    assert set(index.dropped) == {record.name}


def test_a_pack_that_is_described_twice_is_there_once() -> None:
    (id,) = random_ids(1)
    record = record_of([[id]])
    index = Index()
    index.add(record)
    index.add(record)
    assert len(index.places(id)) == 1


def test_a_batch_gives_numbers_in_the_order_of_packs_and_bundles() -> None:
    ids, unknown = random_ids(40), random_ids(3, seed=9)
    index = Index()
    for at in range(0, 40, 10):
        index.add(record_of([ids[at : at + 4], ids[at + 4 : at + 10]]))
    wanted = [*reversed(ids), *unknown]
    numbers = index.many(b"".join(wanted))
    assert numbers == [*reversed(range(40)), -1, -1, -1]
    assert [index.id(number) for number in numbers[:40]] == wanted[:40]
    assert [index.place(number) for number in numbers[:40]] == [index.find(id) for id in wanted[:40]]
    assert index.many(b"") == []


def test_ids_that_begin_alike_are_told_apart() -> None:
    ids = [b"same" + bytes([number]) * (ID_SIZE - 4) for number in range(200)]
    index = Index()
    index.add(record_of([ids[:150]]))
    assert [id in index for id in ids] == [True] * 150 + [False] * 50


def test_an_id_of_zeros_is_an_id_like_others() -> None:
    zeros = bytes(ID_SIZE)
    index = Index()
    index.add(record_of([random_ids(3)]))
    assert zeros not in index
    index.add(record_of([[zeros]]))
    assert zeros in index


packs = st.lists(
    st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=5), max_size=4),
    min_size=1,
    max_size=12,
)


@given(packs, st.data())
@settings(max_examples=60, deadline=None)
def test_the_index_answers_as_a_dictionary_would(
    content: list[list[list[tuple[int, int]]]], data: st.DataObject
) -> None:
    names = random_ids(31)
    records = [
        record_of(
            [[names[id] for id, _ in bundle] for bundle in pack],
            lengths=[[length for _, length in bundle] for bundle in pack],
        )
        for pack in content
    ]
    index, known = Index(), dict[str, PackRecord]()
    for record in records:
        index.add(record)
        known[record.name] = record
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(known)))
            index.drop([gone])
            del known[gone]
    for id in names:
        expected = sorted(
            (record.name, number, sum(bundle.lengths[:at]), bundle.lengths[at])
            for record in known.values()
            for number, bundle in enumerate(record.bundles)
            for at in range(len(bundle.lengths))
            if bundle.ids[at * ID_SIZE : (at + 1) * ID_SIZE] == id
        )
        found = sorted((each.pack.name, each.bundle, each.offset, each.length) for each in index.places(id))
        assert found == expected
        assert (id in index) == bool(expected)
    assert {name: index.record(name) for name in index.packs} == known
    assert len(index) == sum(len(bundle.lengths) for record in known.values() for bundle in record.bundles)


def test_a_growing_table_forgets_nothing() -> None:
    ids = random_ids(20_000)
    index = Index()
    for at in range(0, 20_000, 50):
        index.add(record_of([ids[at : at + 50]]))
        assert ids[at] in index  # so that every pack is put into the table at once
    assert index.many(b"".join(ids)) == list(range(20_000))


def test_threads_find_what_was_added_before() -> None:
    ids = random_ids(4_000)
    index, added, wrong = Index(), [0], list[int]()

    def look() -> None:
        while added[0] < len(ids):
            upto = added[0]
            wrong.extend(at for at in range(max(0, upto - 100), upto) if ids[at] not in index)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for at in range(0, len(ids), 20):
        index.add(record_of([ids[at : at + 20]]))
        added[0] = at + 20
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_copy_takes_less_than_a_hundred_bytes() -> None:
    ids = random_ids(40_000)
    records = [record_of([ids[at + part : at + part + 8] for part in range(0, 256, 8)]) for at in range(0, 39_936, 256)]
    tracemalloc.start()
    index = Index()
    for record in records:
        index.add(record)
    assert ids[0] in index
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / len(index) <= 100


@pytest.mark.stopwatch
def test_the_index_does_not_import_what_takes_long() -> None:
    program = (
        "import sys, freezer.repository.index.joining; print({'numpy', 'cryptography', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
