"""What does not fit into memory goes to temporary files, and nobody sees a difference."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.contract import Tree, pour
from freezer.engine.tar.archive import snapshot
from freezer.engine.tar.backup import moves
from freezer.engine.tar.backup.links import LinkTable
from freezer.engine.tar.backup.scanned import Directory
from freezer.engine.tar.backup.write import StoreOptions, TarBackup
from freezer.errors import FreezerError
from freezer.progress import NoProgress
from freezer.spill import spool, table
from freezer.spill.spool import Spool
from support import trees
from support.levels import Collected, Level, restore, settled, store
from support.manifest import compare, make_manifest
from support.sweeps import Trials

PEAK = 128 * 1024 * 1024
_BACKUP = """
import os, sys, time
from freezer.engine.contract import Tree
from freezer.engine.tar.backup.write import StoreOptions, TarBackup
from freezer.progress import NoProgress

class Sink:
    block = bytearray(1 << 20)
    def acquire(self):
        return self.block
    def submit(self, block, used):
        pass

tree = Tree(os.fsencode(sys.argv[1]))
with TarBackup(tree, None, StoreOptions(), now_ns=time.time_ns(), progress=NoProgress()) as backup:
    print(backup.scan().stored_items)
    backup.write(Sink())
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
"""


def _level(source: Path, base: bytes | None, now_ns: int) -> Level:
    known = snapshot.decode(base) if base is not None else None
    sink, state = Collected(4096), Collected()
    with TarBackup(Tree(os.fsencode(source)), known, StoreOptions(), now_ns=now_ns, progress=NoProgress()) as backup:
        summary = backup.scan()
        pour(backup.write(sink), state)
    return Level(sink.content(), state.content(), summary)


@pytest.mark.parametrize("incremental", [False, True])
def test_a_level_made_with_no_memory_is_the_same_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, incremental: bool
) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 5)
    base = None
    if incremental:
        base = settled(store(source).state)
        trees.edit_tree(source, 6)
    now = time.time_ns()
    _level(source, base, now)  # looking at directories changes their access times, but only once
    usual = _level(source, base, now)
    monkeypatch.setattr(spool, "IN_MEMORY", 1)
    monkeypatch.setattr(table, "IN_MEMORY", 1)
    spilled = _level(source, base, now)
    assert spilled.archive == usual.archive
    assert spilled.state == usual.state
    assert spilled.summary == usual.summary


def test_links_beyond_memory_are_restored_as_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "IN_MEMORY", 400)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(20):
        (source / f"a{number}").write_text(f"{number}")
        os.link(source / f"a{number}", source / f"b{number}")
    first = store(source)
    base = settled(first.state)
    (source / "folder").mkdir()
    for number in range(0, 20, 2):
        os.utime(source / f"a{number}")
        (source / f"b{number}").rename(source / "folder" / f"{number}")
    levels = [first, store(source, base)]
    assert restore(levels, tmp_path / "out").problems() == ()
    assert compare(make_manifest(source), make_manifest(tmp_path / "out"), ignore=("alloc",)) == []


def test_directories_moved_beyond_the_most_that_one_level_remembers_are_stored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "MOST_MOVES", 2)
    source = tmp_path / "source"
    for name in "abcd":
        (source / name / "deep").mkdir(parents=True)
        (source / name / "deep" / "file").write_text(f"in {name}")
    first = store(source)
    base = settled(first.state)
    for name in "abcd":
        (source / name).rename(source / f"moved-{name}")
    levels = [first, store(source, base)]
    assert levels[1].summary.stored_items == 2
    assert restore(levels, tmp_path / "out").problems() == ()
    assert compare(make_manifest(source), make_manifest(tmp_path / "out"), ignore=("alloc",)) == []


_identities = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3) | st.integers(0, 2**64 - 1))


@given(st.lists(st.tuples(_identities, st.binary(max_size=20))), st.integers(0, 5))
def test_a_link_table_remembers_what_was_put_first(puts: list[tuple[tuple[int, int], bytes]], limit: int) -> None:
    expected: dict[tuple[int, int], bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "IN_MEMORY", 200 * limit)
        links = LinkTable()
        for identity, value in puts:
            links.put(*identity, value)
            expected.setdefault(identity, value)
        assert {identity: links.get(*identity) for identity in expected} == expected
        assert links.get(0, 2**63 + 5) == expected.get((0, 2**63 + 5))
        links.close()


def test_a_list_longer_than_one_piece_yields_every_stored_name_with_its_mark() -> None:
    entries = [(b"Y" if number % 3 else b"N") + b"name-%06d" % number for number in range(20_000)]
    stored = [entry[1:] for entry in entries if entry[:1] == b"Y"]
    directory = Directory(b"", 1, 2, 0, 0, 0, 0, 0, 0, b"\0".join(entries), array("I", range(len(stored))).tobytes())
    assert list(directory.stored()) == [(name, mark) for mark, name in enumerate(stored)]


def test_a_spool_without_a_place_for_its_file_says_which_variable_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    kept = Spool()
    kept.write(b"0123456789")
    with pytest.raises(FreezerError, match="No such file or directory") as caught:
        kept.write(b"x")
    assert caught.value.hint is not None
    assert "TMPDIR" in caught.value.hint
    kept.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
def test_millions_of_names_and_links_fit_into_the_promised_memory(trials: Trials, tmp_path: Path) -> None:
    """``linked`` files have two names each, so there are ``plain + 2 * linked`` names."""
    plain, linked = trials(3_000, 1_000_000), trials(1_000, 2_000_000)
    _make_names(tmp_path / "source", plain, linked)
    command = [sys.executable, "-c", _BACKUP, str(tmp_path / "source")]
    stored, peak = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert stored == plain + 2 * linked
    assert peak * 1024 < PEAK - 48 * 1024 * 1024, "what is left belongs to the stream"


def _make_names(source: Path, plain: int, linked: int) -> None:
    """Directories of 5,000 files; the second names of linked files are in other directories."""
    for number in range(plain + linked):
        folder = source / f"{number // 5000:04}"
        if number % 5000 == 0:
            folder.mkdir(parents=True)
            if number < linked:
                (source / f"again-{number // 5000:04}").mkdir()
        path = f"{folder}/file-{number:08}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        if number < linked:
            os.link(path, f"{source}/again-{number // 5000:04}/link-{number:08}")
