"""Directory lists, renames and the snapshot file: the matrix of what may and may not be in them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.tar.archive import lists, snapshot
from freezer.engine.tar.archive.lists import clean
from freezer.engine.tar.archive.snapshot import KnownDirectory
from freezer.errors import DamagedError, UnknownFormat

CONTAINERS = Path(__file__).parents[2] / "fixtures" / "containers"
_name = st.binary(min_size=1, max_size=20).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)
_path = st.lists(_name, min_size=1, max_size=4).map(b"/".join)


@given(st.lists(_name), st.lists(_name), st.lists(_name), st.lists(st.tuples(_path, _path)))
def test_a_list_is_read_back(
    stored: list[bytes], unchanged: list[bytes], folders: list[bytes], renames: list[tuple[bytes, bytes]]
) -> None:
    entries = [b"Y" + n for n in stored] + [b"N" + n for n in unchanged] + [b"D" + n for n in folders]
    listing = lists.parse(lists.encode(b"\0".join(entries), renames))
    assert (listing.stored, listing.unchanged, listing.directories) == (stored, unchanged, folders)
    assert listing.renames == renames


@pytest.mark.parametrize("body", [b"Yname", b"Yname\0", b"Qname\0\0", b"T./to\0\0", b""])
def test_a_list_that_is_none_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedError):
        lists.parse(body)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        (b"./", b""), (b".", b""), (b"./a/b/", b"a/b"), (b"a//b", b"a/b"), (b"./.hidden", b".hidden"),
        (b"./../x", b"../x"), (b"/etc/x", b"/etc/x"), (b"a/./b", b"a/b"), (b"./a/.", b"a"),
    ],
)  # fmt: skip
def test_paths_are_cleaned_but_not_judged(path: bytes, cleaned: bytes) -> None:
    assert clean(path) == cleaned


@given(st.lists(st.sampled_from([b"", b".", b"..", b"a", b".b"]), min_size=1).map(b"/".join))
def test_cleaning_takes_empty_parts_and_dots_and_nothing_else(path: bytes) -> None:
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    assert clean(path) == b"/" * path.startswith(b"/") + b"/".join(parts)


@pytest.mark.parametrize("part", [b"y/", b"./", b"y//", b"/"])
def test_a_name_of_very_many_parts_is_cleaned_in_a_few_times_its_own_size(part: bytes) -> None:
    path = b"x/" + part * (1_000_000 // len(part))
    tracemalloc.start()
    try:
        clean(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(path)
    finally:
        tracemalloc.stop()


_known = st.builds(
    KnownDirectory,
    _path,
    st.integers(0, 2**63),
    st.integers(1, 2**63),
    st.integers(-(2**62), 2**62),
    st.lists(st.tuples(st.sampled_from([b"Y", b"N", b"D"]), _name)).map(lambda e: b"\0".join(a + b for a, b in e)),
)


@given(st.integers(0, 2**62), st.lists(_known, unique_by=lambda known: known.path))
def test_a_snapshot_is_read_back(time_ns: int, directories: list[KnownDirectory]) -> None:
    read = snapshot.decode(snapshot.encode(time_ns, directories))
    assert read.time_ns == time_ns
    assert list(read) == sorted(directories, key=lambda known: known.path)


def test_snapshots_of_gnu_tar_are_read_and_written_alike() -> None:
    found = sorted(CONTAINERS.glob("upstream-tar-*/store/data/tar/*/*/*/engine_metadata"))
    assert len(found) >= 9
    for path in found:
        data = path.read_bytes()
        read = snapshot.decode(data)
        again = snapshot.encode(read.time_ns, read)
        assert len(again) == len(data)
        assert list(snapshot.decode(again)) == list(read)


@pytest.mark.parametrize("line", [b"GNU tar-1.34-3\n", b"GNU tar-1.15-1\n", b"1795229880\n", b"", b"star-1.6-2\n"])
def test_another_version_of_the_snapshot_is_refused(line: bytes) -> None:
    with pytest.raises(UnknownFormat):
        snapshot.decode(line + b"1\x000\x00")


def test_a_snapshot_cut_anywhere_is_damage_or_a_shorter_snapshot() -> None:
    whole = snapshot.encode(5, [KnownDirectory(b"a", 1, 2, 3, b"Yx\0Dy"), KnownDirectory(b"", 1, 1, 3, b"Da")])
    for end in range(len(whole)):
        try:
            read = snapshot.decode(whole[:end])
        except (DamagedError, UnknownFormat):
            continue
        assert len(read) < 2


@given(st.lists(_known, unique_by=lambda known: known.path), st.lists(_path))
def test_a_snapshot_in_any_order_finds_its_directories(directories: list[KnownDirectory], others: list[bytes]) -> None:
    data = snapshot.encode_time(5) + b"".join(map(snapshot.encode_directory, directories))
    read = snapshot.decode(data)
    for known in directories:
        number = read.find(known.path)
        assert number is not None
        assert read[number] == known
        moved = read.find_inode(known.device, known.inode)
        assert moved is not None
        assert (read[moved].device, read[moved].inode) == (known.device, known.inode)
    absent = set(others) - {known.path for known in directories}
    assert [read.find(path) for path in absent] == [None] * len(absent)
    assert read.find_inode(2**63 + 1, 1) is None


@given(_known, _name)
def test_a_directory_lists_what_its_names_are(known: KnownDirectory, name: bytes) -> None:
    assert known.lists(name) == (name in known.names())
    assert all(known.lists(listed) for listed in known.names())
