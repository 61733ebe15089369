"""Trees: the same directory gives the same bytes, and nothing that is no tree is taken for one."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.errors import DamagedError
from freezer.repository import trees
from freezer.repository.documents import ID_SIZE
from freezer.repository.ids import Ids
from freezer.repository.trees import Divided, Entry, Leaf, More, Type

IDS = Ids(b"identity of a group of tests ...")
_NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: name not in (b".", b"..") and b"/" not in name and b"\0" not in name
)
_CONTENT = st.one_of(
    st.integers(0, 5).map(lambda count: bytes(range(ID_SIZE)) * count),
    st.lists(st.one_of(st.integers(1, 2**62), st.just(bytes(ID_SIZE))), min_size=1, max_size=5),
)
_MORE = st.none() | st.builds(
    More,
    link=st.binary(max_size=10),
    xattrs=st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=3).map(tuple),
    device=st.none() | st.tuples(st.integers(0, 4095), st.integers(0, 2**20 - 1)),
    first=st.binary(max_size=10),
    changed=st.integers(0, 1),
).filter(lambda more: more != More())
_ENTRIES = st.lists(
    st.builds(
        Entry,
        name=_NAMES,
        type=st.sampled_from(Type),
        mode=st.integers(0, 0o7777),
        user=st.integers(0, 2**32 - 1),
        group=st.integers(0, 2**32 - 1),
        modified=st.integers(-(2**62), 2**62),
        size=st.integers(0, 2**62),
        content=_CONTENT,
        more=_MORE,
    ),
    unique_by=lambda entry: entry.name,
    max_size=10,
).map(lambda entries: sorted(entries, key=lambda entry: entry.name))


class Chunks(dict[bytes, bytes]):
    """Chunks by their ids."""

    def store(self, data: bytes) -> bytes:
        id = IDS.tree(data)
        self[id] = data
        return id


def named(count: int) -> list[Entry]:
    names = sorted(b"%d" % number for number in range(count))
    return [Entry(name, Type.FILE, 0o644, 0, 0, 0, 1, bytes(ID_SIZE)) for name in names]


@settings(max_examples=50)
@given(_ENTRIES)
def test_what_is_written_is_read(entries: list[Entry]) -> None:
    chunks = Chunks()
    id = trees.write(entries, IDS.name_hash, chunks.store)
    assert trees.read(id, chunks.__getitem__) == entries
    assert trees.write(trees.read(id, chunks.__getitem__), IDS.name_hash, chunks.store) == id


@settings(max_examples=30)
@given(_ENTRIES)
def test_one_entry_is_written_and_read_on_its_own(entries: list[Entry]) -> None:
    for entry in entries:
        assert trees.decode_entry(trees.encode_entry(entry), "it") == entry


def test_an_entry_is_what_the_page_says() -> None:
    entry = Entry(b"name", Type.LINK, 0o777, 1, 2, -3, 0, b"", More(link=b"target", changed=1))
    raw = msgspec.msgpack.decode(trees.encode_entry(entry))
    assert raw == [b"name", 3, 0o777, 1, 2, -3, 0, b"", {"l": b"target", "c": 1}]
    assert msgspec.msgpack.decode(trees.encode_entry(Entry(b"x", 1, 0, 0, 0, 0)))[8] is None


@pytest.mark.parametrize("count", [4095, 4096, 4097, 70_000])
def test_big_directories_are_divided_by_the_hash_of_names(count: int) -> None:
    chunks = Chunks()
    entries = named(count)
    id = trees.write(entries, IDS.name_hash, chunks.store)
    assert trees.read(id, chunks.__getitem__) == entries
    assert all(
        len(node.entries) <= 4096
        for node in (trees.parse(raw, "it") for raw in chunks.values())
        if isinstance(node, Leaf)
    )
    assert isinstance(trees.parse(chunks[id], "it"), Leaf if count <= 4096 else Divided)
    if count == 4097:
        node = msgspec.msgpack.decode(chunks[id])
        assert (node[0], node[1], len(node[2])) == (2, 0, 16)
        for digit, part in enumerate(node[2]):
            assert {IDS.name_hash(entry.name).hex()[0] for entry in trees.read(part, chunks.__getitem__)} == {
                f"{digit:x}"
            }


def test_one_more_name_in_a_big_directory_is_two_more_chunks() -> None:
    chunks = Chunks()
    entries = named(20_000)
    trees.write(entries, IDS.name_hash, chunks.store)
    before = len(chunks)
    trees.write([*entries, Entry(b"new", Type.FIFO, 0, 0, 0, 0)], IDS.name_hash, chunks.store)
    assert len(chunks) == before + 2


def leaf(*entries: object) -> bytes:
    return msgspec.msgpack.encode([1, list(entries)])


def entry(name: bytes = b"x", **other: object) -> list[object]:
    fields = {"type": 1, "mode": 0, "user": 0, "group": 0, "modified": 0, "size": 0, "content": b"", "more": None}
    return [name, *(fields | other).values()]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode([3, []]),
        msgspec.msgpack.encode([2, 0, [b""] * 15]),
        msgspec.msgpack.encode([2, 0, [b"short"] * 16]),
        leaf(entry(b"")),
        leaf(entry(b".")),
        leaf(entry(b"..")),
        leaf(entry(b"a/b")),
        leaf(entry(b"a\0b")),
        leaf(entry(b"\0")),
        leaf(entry(b"b"), entry(b"a")),
        leaf(entry(b"a"), entry(b"a")),
        leaf(entry(type=0)),
        leaf(entry(type=7)),
        leaf(entry(mode=0o10000)),
        leaf(entry(size=-1)),
        leaf(entry(user=-1)),
        leaf(entry(content="text")),
        leaf(entry(more={"x": 5})),
        leaf([b"x"]),
    ],
)
def test_what_is_no_tree_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(DamagedError, match=r"^the thing is not what it should be: .+$"):
        trees.parse(raw, "the thing")


def test_fields_and_attributes_of_later_versions_are_ignored() -> None:
    node = trees.parse(leaf([*entry(more={"l": b"t", "z": [1, 2]}), "new", 5]), "it")
    assert isinstance(node, Leaf)
    assert node.entries[0].extra.link == b"t"


def test_a_part_in_the_wrong_place_is_refused() -> None:
    chunks = Chunks()
    id = trees.write(named(5000), IDS.name_hash, chunks.store)
    node = trees.parse(chunks[id], "it")
    assert isinstance(node, Divided)
    chunks[b"root"] = msgspec.msgpack.encode(Divided(0, [id, *node.parts[1:]]))
    with pytest.raises(DamagedError, match=r"the tree of 'a/b' is not what .*: a part of it is in the wrong place"):
        trees.read(b"root", chunks.__getitem__, b"a/b")


@pytest.mark.parametrize("content", [b"", bytes(60), [5], [bytes(20), 7, bytes(40)]])
def test_content_in_place_is_its_own_pieces(content: trees.Content) -> None:
    assert trees.list_ids(content) == b""
    assert trees.pieces(content, {}.__getitem__) == ([content] if isinstance(content, bytes) else content)


def test_content_in_list_chunks_is_put_together() -> None:
    content: trees.Content = [random.Random(1).randbytes(ID_SIZE * 500), 9, bytes(ID_SIZE)]
    raw = trees.encode_content(content)
    lists = {b"a" * 20: raw[:77], b"b" * 20: raw[77:]}
    assert trees.list_ids([0, b"".join(lists)]) == b"".join(lists)
    assert trees.pieces([0, b"".join(lists)], lists.__getitem__) == content


@pytest.mark.parametrize(
    "content",
    [b"x", [b"x"], [0], [0, 5], [0, b"", 5], [0, b"a" * 19], [-1], [bytes(20), 0], [0, b"l" * 20]],
)
def test_content_that_is_none_is_refused(content: trees.Content) -> None:
    lists = {b"l" * 20: msgspec.msgpack.encode([0, b"l" * 20])}
    with pytest.raises(DamagedError):
        trees.pieces(content, lists.__getitem__)
