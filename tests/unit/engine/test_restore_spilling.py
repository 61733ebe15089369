"""What a restore remembers goes to temporary files when it is much, and nobody sees a difference."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.tar.archive import extended, lists, pax, read
from freezer.engine.tar.archive.limits import Limits
from freezer.engine.tar.restore import waiting
from freezer.engine.tar.restore.bodies import Bodies
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.fractions import Fractions
from freezer.engine.tar.restore.target import Listing, Seen
from freezer.engine.tar.restore.waiting import LATER, MISSING, NOW, Run, Waiting
from freezer.errors import DamagedError, FreezerError
from freezer.progress import NoProgress
from freezer.spill import spool, table
from freezer.spill.table import Table
from hostile.hostile_tarball import END, file, hard_link, listed
from support import trees
from support.levels import Level, opener, restore, settled, store
from support.manifest import compare, make_manifest
from support.sweeps import Trials

PEAK = 128 * 1024 * 1024
_PLAN = Path(__file__).parent / "plan_of_many.py"


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "IN_MEMORY", 1)
    monkeypatch.setattr(waiting, "IN_MEMORY", 1)
    monkeypatch.setattr(spool, "IN_MEMORY", 1)
    monkeypatch.setattr(read, "_PIECE", 512)
    monkeypatch.setattr(extended, "PIECE", 512)


def _levels(source: Path, count: int) -> list[Level]:
    trees.make_tree(source, 7)
    levels = [store(source)]
    for seed in range(1, count):
        base = settled(levels[-1].state)
        trees.edit_tree(source, 7 + seed)
        levels.append(store(source, base))
    return levels


@pytest.mark.parametrize("delete", [False, True])
def test_a_restore_with_no_memory_brings_the_same_back(
    tmp_path: Path, request: pytest.FixtureRequest, delete: bool
) -> None:
    levels = _levels(tmp_path / "source", 3)
    restore(levels[:1], tmp_path / "usual")
    restore(levels[:1], tmp_path / "spilled")
    usual = restore(levels, tmp_path / "usual", delete=delete)
    request.getfixturevalue("no_memory")
    spilled = restore(levels, tmp_path / "spilled", delete=delete)
    assert spilled == usual
    assert compare(make_manifest(tmp_path / "usual"), make_manifest(tmp_path / "spilled"), ignore=("alloc",)) == []


def _outcome(archives: list[bytes]) -> tuple[list[Seen], object]:
    seen: list[Seen] = []
    result = Extraction(Listing(seen.append), Selection(), NoProgress()).run([opener(each) for each in archives])
    return seen, result


def test_stale_absent_and_unlisted_items_are_told_the_same_without_memory(request: pytest.FixtureRequest) -> None:
    zero = [listed(b".", b"Ya", b"Yb", b"Yd", b"Dsub"), file(b"a"), file(b"b"), file(b"d"), listed(b"sub", b"Yx")]
    one = [listed(b".", b"Ya", b"Nb", b"Nc", b"Yd", b"Dsub", b"Dnew"), file(b"q"), listed(b"sub", b"Nx", b"Ny")]
    one += [hard_link(b"d", b"b")]
    archives = [b"".join((*parts, END)) for parts in (one, zero)]
    usual = _outcome(archives)
    assert usual[1].stale  # type: ignore[attr-defined]
    assert usual[1].absent  # type: ignore[attr-defined]
    assert usual[1].failures  # type: ignore[attr-defined]
    request.getfixturevalue("no_memory")
    assert _outcome(archives) == usual


_keys = st.sampled_from([b"", b"a", b"ab", b"a\0b", b"b"])


@given(st.lists(st.tuples(st.sampled_from(["put", "pop", "get"]), _keys, st.binary(max_size=3))), st.booleans())
def test_a_table_is_a_dict(steps: list[tuple[str, bytes, bytes]], spilling: bool) -> None:
    model: dict[bytes, bytes] = {}
    kept = Table()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "IN_MEMORY", 400 if spilling else 10_000)
        for step, key, value in steps:
            if step == "put":
                model[key] = value
                kept.put(key, value)
            elif step == "pop":
                assert kept.pop(key) == model.pop(key, None)
            else:
                assert kept.get(key) == model.get(key)
            assert bool(kept) == bool(model)
        assert list(kept.items()) == sorted(model.items())
        assert list(kept.items(reverse=True)) == sorted(model.items(), reverse=True)
        kept.close()


_dirs, _names = st.sampled_from([b"", b"d", b"d/e"]), st.sampled_from([b"%d" % number for number in range(30)])
_runs = st.lists(st.dictionaries(_names, st.sampled_from([NOW, LATER, MISSING]), max_size=6), max_size=6)


@given(st.dictionaries(_dirs, _runs), st.lists(st.tuples(_dirs, _names)), st.booleans(), st.integers(0, 40))
def test_what_is_waited_for_is_taken_once(
    expected: dict[bytes, list[Run]], taken: list[tuple[bytes, bytes]], newest: bool, memory: int
) -> None:
    """Whatever order the runs of a directory and the names in them are in."""
    model = {
        (directory, name): state for directory, runs in expected.items() for run in runs for name, state in run.items()
    }
    names = Waiting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "IN_MEMORY", memory)
        patch.setattr(waiting, "_SORTED", 3)
        for directory, runs in expected.items():
            names.expect(directory, [dict(run) for run in runs])
        for key in taken:
            hidden = newest and model.get(key) == LATER
            assert names.take(*key, newest=newest) == (None if hidden else model.pop(key, None))
        assert bool(names) == bool(model)
        left = [(directory, run) for directory, runs in names.directories() for run in runs]
        assert {(directory, name): state for directory, run in left for name, state in run.items()} == model
        names.drop(b"d")
        assert all(names.take(b"d", b"%d" % number, newest=False) is None for number in range(30))
        names.close()


def test_a_directory_in_order_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "IN_MEMORY", 50)
    unpacked = 0
    original = waiting._unpacked

    def counted(packed: bytes) -> Run:
        nonlocal unpacked
        unpacked += 1
        return original(packed)

    monkeypatch.setattr(waiting, "_unpacked", counted)
    names = Waiting()
    names.expect(b"d", ({b"%05d" % number: NOW for number in range(start, start + 20)} for start in range(0, 1000, 20)))
    assert all(names.take(b"d", b"%05d" % number, newest=True) == NOW for number in range(1000))
    assert not names
    assert unpacked <= 50
    assert len(names._near) <= 3, "a dictionary that was emptied is as large as before"
    names.close()


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5))
def test_bodies_come_back_in_their_pieces(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "IN_MEMORY", 100)
        kept = Bodies()
        kept.put(b"a", pieces)
        kept.put(b"a/b", [b"other"])
        kept.put(b"a", [b"second"])
        assert [list(body) for body in kept.get(b"a")] == [pieces, [b"second"]]
        assert [list(body) for body in kept.get(b"missing")] == []
        assert list(kept.paths()) == [b"a", b"a/b"]
        kept.close()


@given(st.integers(1, 70), st.permutations(range(12)))
def test_nanoseconds_are_found_in_any_order_and_from_any_pieces(size: int, order: list[int]) -> None:
    body = lists.encode(b"\0".join((b"Y" if number % 4 else b"N") + b"name-%d" % number for number in range(12)))
    stored = [number for number in range(12) if number % 4]
    packed = pax.decode_fractions(pax.pack_fractions(number * 1000 for number in stored))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    fractions = Fractions(b"dir", pieces, [packed[:8], packed[8:]])
    found = {number: fractions.of(b"dir/name-%d" % number) for number in order}
    assert found == {number: number * 1000 if number % 4 else 0 for number in range(12)}
    assert fractions.of(b"elsewhere/name-1") == 0
    fractions.close()


@pytest.mark.usefixtures("no_memory")
def test_the_times_of_a_directory_may_be_longer_than_any_other_record(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(2000):
        (source / f"{number}").touch()
        os.utime(source / f"{number}", ns=(1, 10**18 + number + 1))
    level = store(source)
    seen: list[Seen] = []
    limits = Limits(record=1024, listing=16 * 1024)
    Extraction(Listing(seen.append), Selection(), NoProgress(), limits=limits).run([opener(level.archive)])
    times = {item.path: item.attributes.mtime_ns for item in seen if item.attributes is not None}
    assert all(times[b"%d" % number] == 10**18 + number + 1 for number in range(2000))
    for refused in (Limits(record=1024, listing=9 * 1024), Limits(record=1024, listing=10_800)):
        with pytest.raises(DamagedError, match="limit"):
            Extraction(Listing(seen.append), Selection(), NoProgress(), limits=refused).run([opener(level.archive)])


def test_a_list_without_an_end_is_not_read_into_memory() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"Y" * 65536

    with pytest.raises(DamagedError, match="no end"):
        list(lists.parts(pieces()))
    assert taken < 20


def test_a_table_without_a_place_for_its_file_says_which_variable_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    kept = Table()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(table, "IN_MEMORY", 1)
    monkeypatch.setattr(table, "_temporary", full)
    with pytest.raises(FreezerError, match="disk is full") as caught:
        kept.put(b"a", b"b")
    assert "TMPDIR" in str(caught.value.hint)
    kept.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
def test_millions_of_names_and_links_are_planned_in_the_promised_memory(trials: Trials) -> None:
    """All in one directory, in an archive that does not say which files have several names."""
    files, links = trials(5_000, 5_000_000), trials(2_000, 2_000_000)
    command = [sys.executable, str(_PLAN), str(files), str(links)]
    seen, peak = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert seen == files + links + 1
    assert peak * 1024 < PEAK
