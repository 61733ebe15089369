import os
import random
import threading
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.errors import DamagedError, FreezerError, StorageFull
from freezer.repository.documents import Codec, IndexPart, PackKind
from freezer.repository.ids import digest
from freezer.repository.names import Folder, Kind
from freezer.repository.packs.bench import Bench, Job
from freezer.repository.packs.filling import Contents, NewPack
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter, How, Written
from freezer.repository.store import Repository
from freezer.storage.contract import Buffer
from freezer.storage.wrapper import StorageWrapper
from freezer.stream.zstandard import zstd
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Died, Fault, FaultyStorage
from freezer.testing.faulty import Kind as Fail
from freezer.testing.memory import MemoryStorage
from support.packs import SMALL, FoundPlaces, new_repository, new_writer, stored_packs

Chunks = Sequence[tuple[Use, bytes]]

chunk_lists = st.lists(
    st.tuples(
        st.sampled_from(Use),
        st.one_of(
            st.binary(max_size=60),
            st.integers(0, 3000).map(os.urandom),
            st.tuples(st.binary(max_size=8), st.integers(0, 900)).map(lambda each: each[0] * each[1]),
        ),
    ),
    max_size=60,
)


def stored(
    repository: Repository, places: FoundPlaces, chunks: Chunks, how: How = SMALL
) -> tuple[list[bytes], Written]:
    writer = new_writer(repository, places, how)
    try:
        ids = [writer.store(use, data) for use, data in chunks]
        return ids, writer.finish()
    finally:
        writer.abandon()


def parts_of(repository: Repository, written: Written) -> list[IndexPart]:
    return [repository.get(Kind.INDEX, name, IndexPart).document for name in written.parts]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("packs-")]


@given(chunk_lists)
@settings(deadline=None)
def test_whatever_goes_in_comes_out_again_through_the_index_parts_alone(chunks: Chunks) -> None:
    repository = new_repository()
    ids, written = stored(repository, FoundPlaces(), chunks)
    told = FoundPlaces([record for part in parts_of(repository, written) for record in part.packs])
    reader = PackReader(repository, told)

    assert [reader.chunk(use, id) for (use, _), id in zip(chunks, ids, strict=True)] == [data for _, data in chunks]
    assert set(told.records) == set(written.packs)


@given(chunk_lists)
@settings(deadline=None, max_examples=30)
def test_a_pack_says_of_itself_what_the_index_says_of_it(chunks: Chunks) -> None:
    repository = new_repository()
    places = FoundPlaces()
    _, written = stored(repository, places, chunks)
    reader = PackReader(repository, places)

    for name, raw in stored_packs(repository, written).items():
        record = places.records[name]
        assert reader.record(name) == msgspec.structs.replace(record, digest=b"")
        assert (len(raw), digest(raw)) == (record.size, record.digest)
        assert name.startswith(Folder.META if record.kind is PackKind.META else Folder.PACKS)
        list(reader.whole(name))


def test_ids_are_those_of_the_use_and_of_nothing_else() -> None:
    repository = new_repository()
    ids, _ = stored(repository, FoundPlaces(), [(use, b"same") for use in Use])

    keys = repository.keys.ids
    assert ids == [keys.content(b"same"), keys.tree(b"same"), keys.list(b"same"), keys.state(b"same")]


def test_equal_chunks_are_stored_once() -> None:
    repository = new_repository()
    data = os.urandom(500)
    ids, written = stored(repository, FoundPlaces(), [(Use.CONTENT, data), (Use.CONTENT, b"other")] * 50)

    assert len(set(ids)) == 2
    assert (written.new_chunks, written.new_bytes) == (2, 505)
    assert written.stored_bytes == sum(map(len, stored_packs(repository, written).values())) < 1500


def test_what_an_earlier_attempt_stored_is_relied_on_and_not_stored_again() -> None:
    repository, places = new_repository(), FoundPlaces()
    chunks = [(Use.CONTENT, os.urandom(900)) for _ in range(12)]
    ids, first = stored(repository, places, chunks)
    _, second = stored(repository, places, chunks[:2])

    assert second.packs == second.parts == []
    assert second.needs == {places.records[place.pack.name].name for id in ids[:2] for place in places.places(id)}
    assert second.needs < first.needs == set(first.packs)


def test_a_writer_with_nothing_new_starts_no_thread_and_stores_nothing() -> None:
    repository, places = new_repository(), FoundPlaces()
    stored(repository, places, [(Use.CONTENT, b"old")])
    writer = new_writer(repository, places)
    writer.store(Use.CONTENT, b"old")

    assert threads() == []
    assert writer.finish().packs == []


def test_needs_are_what_was_asked_for_by_id_and_by_pack() -> None:
    repository, places = new_repository(), FoundPlaces()
    (id,), written = stored(repository, places, [(Use.TREE, b"a tree")])
    writer = new_writer(repository, places)

    assert not writer.has(bytes(20))
    writer.need(id)
    writer.need_packs(["packs/other-0"])
    assert writer.finish().needs == {*written.packs, "packs/other-0"}


def test_a_chunk_that_is_nowhere_cannot_be_relied_on() -> None:
    with pytest.raises(DamagedError, match="00" * 20):
        new_writer(new_repository(), FoundPlaces()).need(bytes(20))


def test_a_chunk_is_known_while_it_is_still_on_its_way() -> None:
    writer = new_writer(new_repository(), FoundPlaces())
    id = writer.store(Use.CONTENT, b"new")

    assert writer.has(id)
    writer.abandon()


def test_the_callers_buffer_may_be_used_again() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places)
    buffer, expected = bytearray(3000), []
    for number in range(40):
        buffer[:] = os.urandom(3000)
        size = 3000 if number % 3 else 200
        expected.append((writer.store(Use.CONTENT, memoryview(buffer)[:size]), bytes(buffer[:size])))
    writer.finish()

    reader = PackReader(repository, places)
    assert all(reader.chunk(Use.CONTENT, id) == data for id, data in expected)


def test_data_and_metadata_lie_in_packs_of_their_own() -> None:
    repository, places = new_repository(), FoundPlaces()
    stored(repository, places, [(use, os.urandom(300)) for use in Use for _ in range(5)])

    counts = Counter[PackKind]()
    for record in places.records.values():
        counts[record.kind] += sum(len(bundle.lengths) for bundle in record.bundles)
    assert counts == {PackKind.DATA: 5, PackKind.META: 15}


def test_packs_are_as_large_as_they_should_be_but_for_chunks_that_are_larger() -> None:
    repository, places = new_repository(), FoundPlaces()
    chunks = [(Use.CONTENT, os.urandom(random.Random(number).choice((10, 400, 1000)))) for number in range(200)]
    _, written = stored(repository, places, [*chunks, (Use.STATE, os.urandom(20_000))])
    sizes = {name: len(raw) for name, raw in stored_packs(repository, written).items()}

    assert max(size for name, size in sizes.items() if name.startswith("packs/")) <= SMALL.pack_size
    assert [size for name, size in sizes.items() if name.startswith("meta/") if size > 20_000]
    assert len(sizes) < 2 * sum(len(data) for _, data in chunks) / SMALL.pack_size


def test_what_does_not_get_smaller_is_stored_as_it_is() -> None:
    repository, places = new_repository(), FoundPlaces()
    stored(repository, places, [(Use.CONTENT, os.urandom(1000)), (Use.TREE, b"x" * 1000), (Use.LIST, b"")])
    codecs = {record.kind: {bundle.codec for bundle in record.bundles} for record in places.records.values()}

    assert codecs == {PackKind.DATA: {Codec.PLAIN}, PackKind.META: {Codec.ZSTD}}


def test_bundles_of_tiny_chunks_have_a_limit_of_chunks() -> None:
    repository, places = new_repository(), FoundPlaces()
    chunks = [(Use.CONTENT, number.to_bytes(3, "big")) for number in range(20_000)]
    stored(repository, places, chunks, How(workers=1))

    (record,) = places.records.values()
    assert [len(bundle.lengths) for bundle in record.bundles] == [8192, 8192, 20_000 - 2 * 8192]


def test_no_nonce_serves_twice_under_one_key() -> None:
    repository, places = new_repository(), FoundPlaces()
    stored(repository, places, [(Use.CONTENT, os.urandom(700)) for _ in range(100)])

    for record in places.records.values():
        numbers = [bundle.number for bundle in record.bundles]
        assert sorted(numbers) == list(range(len(numbers)))
    assert len({record.wrap for record in places.records.values()}) == len(places.records)


def test_index_parts_are_put_after_so_many_bytes() -> None:
    repository = new_repository()
    how = msgspec.structs.replace(SMALL, part_bytes=3 * 4096)
    _, written = stored(repository, FoundPlaces(), [(Use.CONTENT, os.urandom(1000)) for _ in range(60)], how)
    parts = parts_of(repository, written)

    assert len(parts) >= 4
    assert all(3 * 4096 <= sum(pack.size for pack in part.packs) < 5 * 4096 for part in parts[:-1])
    assert sorted(pack.name for part in parts for pack in part.packs) == written.packs


def test_index_parts_are_put_after_so_many_seconds() -> None:
    clock = FakeClock()
    repository = new_repository(MemoryStorage(clock), clock)
    how = msgspec.structs.replace(SMALL, on_stored=lambda size: clock.advance(100), workers=1)
    _, written = stored(repository, FoundPlaces(), [(Use.CONTENT, os.urandom(1000)) for _ in range(30)], how)

    # After 300 s: with the fourth pack, and then with every third one.
    assert [len(part.packs) for part in parts_of(repository, written)][:2] == [4, 3]


def test_an_index_part_never_speaks_of_a_pack_before_it_is_stored() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository = new_repository(storage)
    how = msgspec.structs.replace(SMALL, part_bytes=1)
    _, written = stored(repository, FoundPlaces(), [(Use.CONTENT, os.urandom(1000)) for _ in range(20)], how)
    order = [call.name.removeprefix("freezer-dedup/") for call in storage.calls if call.operation == "put"]

    for name, part in zip(written.parts, parts_of(repository, written), strict=True):
        assert all(order.index(pack.name) < order.index(name) for pack in part.packs)


def test_an_index_part_says_between_which_ids_it_is() -> None:
    repository = new_repository()
    ids, written = stored(repository, FoundPlaces(), [(use, os.urandom(100)) for use in Use for _ in range(10)])

    (part,) = parts_of(repository, written)
    assert (part.first, part.last) == (min(ids), max(ids))


def test_packs_that_were_taken_over_are_in_the_next_index_part() -> None:
    repository, places = new_repository(), FoundPlaces()
    stored(repository, places, [(Use.CONTENT, b"from a run that died")])
    writer = new_writer(repository, places)
    writer.publish(places.records.values())

    (part,) = parts_of(repository, writer.finish())
    assert part.packs == list(places.records.values())


def test_more_can_be_stored_after_finish_and_is_finished_again() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places)
    first = writer.store(Use.CONTENT, b"first")
    before = writer.finish()
    assert threads() == []
    second = writer.store(Use.CONTENT, b"second")
    assert writer.store(Use.CONTENT, b"first") == first
    after = writer.finish()

    reader = PackReader(repository, places)
    assert [reader.chunk(Use.CONTENT, id) for id in (first, second)] == [b"first", b"second"]
    assert (len(before.packs), len(after.packs), len(after.parts)) == (1, 2, 2)
    assert after.new_bytes == 11


def test_a_chunk_whose_pack_was_condemned_after_finish_is_stored_again() -> None:
    repository, places = new_repository(), FoundPlaces()
    writer = new_writer(repository, places)
    id = writer.store(Use.CONTENT, b"needed")
    (lost,) = writer.finish().packs
    places.drop(lost)

    assert not writer.has(id)
    writer.store(Use.CONTENT, b"needed")
    assert len(writer.finish().packs) == 2
    assert PackReader(repository, places).chunk(Use.CONTENT, id) == b"needed"


@pytest.mark.parametrize("name", ["*/packs/*", "*/meta/*", "*/index/*"])
def test_an_error_of_the_storage_reaches_the_producer_and_stays(name: str) -> None:
    full = Fault(Fail.BEFORE, "put", name, error=lambda: StorageFull("no space left"))
    repository = new_repository(FaultyStorage(MemoryStorage(FakeClock()), [full]))
    writer = new_writer(repository, FoundPlaces(), msgspec.structs.replace(SMALL, part_bytes=1))

    def store_for_ever() -> None:
        while True:
            for use in Use:
                writer.store(use, os.urandom(900))

    with pytest.raises(StorageFull):
        store_for_ever()
    with pytest.raises(StorageFull):
        writer.store(Use.CONTENT, b"")
    with pytest.raises(StorageFull):
        writer.finish()
    writer.abandon()
    assert threads() == []


def test_an_error_after_the_last_store_reaches_finish() -> None:
    full = Fault(Fail.BEFORE, "put", "*/packs/*", error=lambda: StorageFull("no space left"))
    writer = new_writer(new_repository(FaultyStorage(MemoryStorage(FakeClock()), [full])), FoundPlaces())
    writer.store(Use.CONTENT, b"small")

    with pytest.raises(StorageFull):
        writer.finish()
    writer.abandon()


def test_death_in_a_thread_is_death_of_the_producer() -> None:
    storage = FaultyStorage(MemoryStorage(FakeClock()), [Fault(Fail.DEATH_AFTER, "put", "*/packs/*")])
    writer = new_writer(new_repository(storage), FoundPlaces())
    writer.store(Use.CONTENT, b"small")

    with pytest.raises(Died):
        writer.finish()
    writer.abandon()


def test_whenever_the_program_dies_index_parts_speak_of_whole_packs_only() -> None:
    how = msgspec.structs.replace(SMALL, part_bytes=2 * SMALL.pack_size)
    chunks = [(Use.CONTENT, os.urandom(900)) for _ in range(30)]
    for at in range(1, 100):
        for after in (False, True):
            memory = MemoryStorage(FakeClock())
            repository = new_repository(memory)
            repository.storage = FaultyStorage(memory, [Fault.death(at=at, after=after)])
            try:
                _, written = stored(repository, FoundPlaces(), chunks, how)
            except Died:
                pass
            else:
                assert at > len(written.packs) + len(written.parts)
                return
            survivor = Repository(memory, repository.config, repository.keys, repository.clock)
            for name in survivor.names(Folder.INDEX):
                for record in survivor.get(Kind.INDEX, name, IndexPart).document.packs:
                    assert PackReader(survivor, FoundPlaces()).record(record.name).bundles == record.bundles
    raise AssertionError("it never came to an end")


class HeldStorage(StorageWrapper):
    """Lets no pack in before ``open`` is set."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage(FakeClock()))
        self.open = threading.Event()
        self.waiting = 0

    def put(self, name: str, data: Buffer) -> None:
        if "/packs/" in name:
            self.waiting += 1
            self.open.wait()
        super().put(name, data)


def test_a_producer_waits_when_the_storage_does_not_keep_up_and_memory_stays_bounded() -> None:
    storage = HeldStorage()
    writer = new_writer(new_repository(storage), FoundPlaces())
    taken = 0

    def produce() -> None:
        nonlocal taken
        for _ in range(200):
            writer.store(Use.CONTENT, os.urandom(1000))
            taken += 1

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    before = -1
    while taken != before or not storage.waiting:
        before = taken
        producer.join(0.2)
    # Two packs of three bundles, five blocks that wait or are gathered.
    assert taken <= 2 * 4 + 5 + 1
    assert storage.waiting == 1
    storage.open.set()
    producer.join(60)
    assert taken == 200
    assert writer.finish().new_chunks == 200


def test_abandoning_ends_all_threads_and_every_later_call() -> None:
    storage = HeldStorage()
    writer = new_writer(new_repository(storage), FoundPlaces())
    for _ in range(3):
        writer.store(Use.CONTENT, os.urandom(900))
    assert threads()
    storage.open.set()
    writer.abandon()
    writer.abandon()

    assert threads() == []
    with pytest.raises(FreezerError, match="abandoned"):
        writer.store(Use.CONTENT, b"more")
    with pytest.raises(FreezerError, match="abandoned"):
        writer.finish()


def test_progress_is_told_of_every_pack() -> None:
    told: list[int] = []
    how = msgspec.structs.replace(SMALL, on_stored=told.append)
    _, written = stored(new_repository(), FoundPlaces(), [(Use.CONTENT, os.urandom(900)) for _ in range(20)], how)

    assert len(told) == len(written.packs)
    assert sum(told) == written.stored_bytes


@pytest.mark.parametrize("size", [1000, 600_000])
@pytest.mark.parametrize("compressible", [False, True])
@pytest.mark.parametrize("where", ["sealed", "plain"])
def test_verifying_notices_a_bit_that_memory_lost(size: int, compressible: bool, where: str) -> None:
    repository = new_repository()
    bench = Bench(repository.id, 3, 500)
    space = memoryview(bytearray(1 << 20))
    pack = NewPack(repository.keys, PackKind.DATA, "packs/" + "0" * 26 + "-0", space)
    contents = Contents(bytes(20), [size])
    block = bytearray(os.urandom(size // 10) * 10 if compressible else os.urandom(size)) + bytearray(24)
    job = Job(PackKind.DATA, block, size, contents, block)
    codec, body = bench.compress(job)
    slot = pack.reserve(len(body) + 16, 1)
    bundle = pack.seal(slot, bytes(body), codec, size, contents)

    assert codec is (Codec.ZSTD if compressible else Codec.PLAIN)
    bench.verify(job, pack, slot, bundle)
    if where == "sealed":
        slot.view[-1] ^= 8
    else:
        block[size - 1] ^= 8
    with pytest.raises(DamagedError, match="not what was to be stored"):
        bench.verify(job, pack, slot, bundle)


def test_verifying_notices_a_frame_of_something_else() -> None:
    repository = new_repository()
    bench = Bench(repository.id, 3, 1000)
    block = bytearray(1000)
    for other in (zstd.compress(b"x" * 1000), zstd.compress(bytes(999)), zstd.compress(bytes(1000)) + b"more", b"none"):
        pack = NewPack(repository.keys, PackKind.DATA, "packs/" + "0" * 26 + "-0", memoryview(bytearray(4096)))
        slot = pack.reserve(len(other) + 16, 1)
        contents = Contents(bytes(20), [1000])
        bundle = pack.seal(slot, other, Codec.ZSTD, 1000, contents)
        with pytest.raises(DamagedError, match="not what was to be stored"):
            bench.verify(Job(PackKind.DATA, block, 1000, contents, block), pack, slot, bundle)


def test_without_verifying_the_same_is_stored() -> None:
    repository, places = new_repository(), FoundPlaces()
    how = msgspec.structs.replace(SMALL, verify=False)
    (id,), _ = stored(repository, places, [(Use.CONTENT, b"x" * 3000)], how)

    assert PackReader(repository, places).chunk(Use.CONTENT, id) == b"x" * 3000


def test_two_attempts_do_not_share_names() -> None:
    repository = new_repository()
    _, first = stored(repository, FoundPlaces(), [(Use.CONTENT, b"same")])
    _, second = stored(repository, FoundPlaces(), [(Use.CONTENT, b"same")])

    assert not {*first.packs, *first.parts} & {*second.packs, *second.parts}


def test_a_writer_that_is_told_nothing_of_how_stores_all_the_same() -> None:
    writer = ChunkWriter(new_repository(), "0" * 26, FoundPlaces())
    writer.store(Use.CONTENT, b"one")

    assert writer.finish().packs == ["packs/" + "0" * 26 + "-0"]
