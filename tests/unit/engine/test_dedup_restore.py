"""What a dedup backup holds comes back as it was, however it is read and whatever is there already."""

from __future__ import annotations

import os
import random
import tempfile
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from freezer.engine.contract import Tree
from freezer.engine.dedup.backup.run import Stream
from freezer.engine.dedup.restore import loading, planning
from freezer.engine.dedup.restore.run import How
from freezer.repository import trees as formats
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.config import ChunkSizes
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.packs.writing import How as Writing
from freezer.storage.contract import Capabilities
from freezer.storage.wrapper import StorageWrapper
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from freezer.tree.policy import Policy
from support.manifest import compare, make_manifest
from support.random_trees import Edit, Node, apply, build, edits, trees
from support.restoring import back_up, bring_back, found_repository, joined, opened, replaced
from support.trees import edit_tree, make_tree

TINY = Plan(Opener(), chunks=ChunkSizes(1024, 2048, 4096))


def write(path: Path, content: bytes, mtime: int = 1_700_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(0, mtime * 10**9))
    return path


def below(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*")}


def data_reads(storage: FaultyStorage) -> list[str]:
    return [call.name for call in storage.calls if call.operation == "get" and "/packs/" in call.name]


@pytest.mark.parametrize("seed", range(3))
def test_a_rich_tree_comes_back_exactly(tmp_path: Path, seed: int) -> None:
    make_tree(tmp_path / "source", seed)
    repository = found_repository(plan=TINY)
    first, before = back_up(repository, tmp_path / "source"), make_manifest(tmp_path / "source")
    edit_tree(tmp_path / "source", seed)
    second, after = back_up(repository, tmp_path / "source", earlier=first), make_manifest(tmp_path / "source")
    for root, expected, name in ((first, before, "first"), (second, after, "second")):
        result = bring_back(repository, root, tmp_path / name)
        assert not result.problems()
        assert compare(expected, make_manifest(tmp_path / name)) == []


@settings(max_examples=30, deadline=None)
@given(trees(), edits())
def test_random_trees_come_back_exactly(made: list[Node], changes: list[Edit]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        build(top / "source", made)
        repository = found_repository(plan=TINY)
        first = back_up(repository, top / "source")
        apply(top / "source", changes)
        second = back_up(repository, top / "source", earlier=first)
        result = bring_back(repository, second, top / "restored")
        assert not result.problems()
        assert compare(make_manifest(top / "source"), make_manifest(top / "restored")) == []


def test_small_windows_and_no_memory_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path / "source")
    for number in range(300):
        write(tmp_path / f"source/many-{number % 7}/{number:03}", b"%d" % number * (number % 50))
    monkeypatch.setattr(planning, "WINDOW", 2000)
    monkeypatch.setattr(loading, "KEPT", 1)
    monkeypatch.setattr(loading, "TOGETHER", 1)
    repository = found_repository(plan=TINY)
    root = back_up(repository, tmp_path / "source")
    result = bring_back(repository, root, tmp_path / "restored")
    assert not result.problems()
    assert compare(make_manifest(tmp_path / "source"), make_manifest(tmp_path / "restored")) == []


def test_a_file_in_pieces_of_many_backups_comes_back(tmp_path: Path) -> None:
    chance = random.Random(1)
    content = bytearray(chance.randbytes(400_000))
    repository, root = found_repository(plan=TINY), None
    for number in range(6):
        path = write(tmp_path / "source/database", bytes(content), 1_700_000_000 + number)
        root = back_up(repository, tmp_path / "source", earlier=root)
        for _ in range(10):
            place = chance.randrange(len(content))
            content[place : place + 20] = chance.randbytes(chance.randrange(40))
    assert root is not None
    result = bring_back(repository, root, tmp_path / "restored")
    assert not result.problems()
    assert (tmp_path / "restored/database").read_bytes() == path.read_bytes()


def test_chunks_in_any_order_are_not_mixed_up(tmp_path: Path) -> None:
    """What two files share lies side by side in one of them, and not in the other."""
    blocks = {letter: bytes([ord(letter)]) * 4096 for letter in "ABCDE"}
    for number, word in enumerate(("ABCDE", "AAC", "ACBD", "ABDCE", "ABC", "CDE", "EDCBA", "BBD", "ABCDEABCDE")):
        write(tmp_path / f"source/{number}", b"".join(blocks[letter] for letter in word))
    repository = found_repository(plan=TINY)
    root = back_up(repository, tmp_path / "source", writing=None)
    result = bring_back(repository, root, tmp_path / "restored")
    assert not result.problems()
    assert compare(make_manifest(tmp_path / "source"), make_manifest(tmp_path / "restored")) == []


def test_every_bundle_is_read_once_and_neighbours_together(tmp_path: Path) -> None:
    chance = random.Random(2)
    for number in range(200):
        write(tmp_path / f"source/{chance.randrange(9)}/{number}", chance.randbytes(chance.randrange(3000)))
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository = found_repository(storage)
    root = back_up(repository, tmp_path / "source")
    storage.calls.clear()
    bring_back(repository, root, tmp_path / "restored")
    packs = {name for name in root.needs if name.startswith("packs/")}
    assert len(packs) > 3
    assert len(data_reads(storage)) == len(packs)


def test_what_lies_apart_is_not_read_together(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path / f"source/{number:02}", random.Random(number).randbytes(8_000))
    storage = _Counting(MemoryStorage(FakeClock()))
    repository = found_repository(storage)
    one_pack = Writing(workers=1, bundle_size=8_000)
    root = back_up(repository, tmp_path / "source", writing=one_pack)
    storage.read = 0
    bring_back(repository, root, tmp_path / "restored", b"00", b"29")
    assert below(tmp_path / "restored") == {"00", "29"}
    assert 16_000 <= storage.read < 50_000


class _Counting(StorageWrapper):
    """Counts the bytes that are read of data packs."""

    read = 0

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset, length)
        self.read += len(data) if "/packs/" in name else 0
        return data


class _Remote(StorageWrapper):
    """Wants to be read far ahead."""

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, read_ahead=8)


def test_a_remote_storage_is_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "TOGETHER", 10_000)
    make_tree(tmp_path / "source")
    repository = found_repository(_Remote(MemoryStorage(FakeClock())), plan=TINY)
    root = back_up(repository, tmp_path / "source")
    assert not bring_back(repository, root, tmp_path / "restored").problems()
    assert compare(make_manifest(tmp_path / "source"), make_manifest(tmp_path / "restored")) == []


def test_holes_come_back_as_holes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with (tmp_path / "source/sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(50 << 20)
        file.write(b"end")
        file.truncate(80 << 20)
    repository = found_repository()
    bring_back(repository, back_up(repository, tmp_path / "source"), tmp_path / "restored")
    restored = tmp_path / "restored/sparse"
    assert restored.stat().st_size == 80 << 20
    assert restored.stat().st_blocks * 512 < 1 << 20
    assert restored.read_bytes() == (tmp_path / "source/sparse").read_bytes()


def test_single_files_streams_and_several_sources(tmp_path: Path) -> None:
    pieces = [b"standard input", b""]

    def read(buffer: memoryview) -> int:
        piece = pieces.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)

    write(tmp_path / "source/one", b"1")
    write(tmp_path / "source/two", b"2")
    repository = found_repository()
    one = back_up(repository, Tree(os.fsencode(tmp_path / "source"), b"one"))
    stream = back_up(repository, Stream(b"dump", read))
    tree = back_up(repository, tmp_path / "source")
    bring_back(repository, one, tmp_path / "one")
    bring_back(repository, stream, tmp_path / "stream")
    assert below(tmp_path / "one") == {"one"}
    assert (tmp_path / "stream/dump").read_bytes() == b"standard input"
    both = joined(repository, [stream, tree])
    bring_back(repository, both, tmp_path / "both")
    assert (tmp_path / "both/dump/dump").read_bytes() == b"standard input"
    assert (tmp_path / "both" / str(tmp_path / "source")[1:] / "two").read_bytes() == b"2"
    part = str(tmp_path / "source")[1:].encode() + b"/one"
    bring_back(repository, both, tmp_path / "part", part)
    assert {path.name for path in (tmp_path / "part").rglob("*") if path.is_file()} == {"one"}


# What is chosen


def test_paths_and_patterns_choose_what_comes_back(tmp_path: Path) -> None:
    for name in ("a/b/x.py", "a/b/y.txt", "a/z.py", "c/x.py", "d/e/f"):
        write(tmp_path / "source" / name, name.encode())
    (tmp_path / "source/a").chmod(0o750)
    (tmp_path / "source/d/empty").mkdir()
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    cases = {
        (b"a/b",): {"a", "a/b", "a/b/x.py", "a/b/y.txt"},
        (b"**/x.py",): {"a", "a/b", "a/b/x.py", "c", "c/x.py"},
        (b"d", b"a/*.py"): {"a", "a/z.py", "d", "d/e", "d/e/f", "d/empty"},
        (b"nowhere",): set(),
    }
    for number, (patterns, expected) in enumerate(cases.items()):
        target = tmp_path / f"restored-{number}"
        bring_back(repository, root, target, *patterns)
        assert below(target) == expected
    assert (tmp_path / "restored-0/a").stat().st_mode & 0o777 == 0o750


def test_only_packs_with_what_was_chosen_are_read(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / f"source/{number:02}", random.Random(number).randbytes(20_000))
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository = found_repository(storage)
    root = back_up(repository, tmp_path / "source")
    storage.calls.clear()
    bring_back(repository, root, tmp_path / "restored", b"07")
    assert below(tmp_path / "restored") == {"07"}
    assert len(data_reads(storage)) <= 2


def test_a_hard_link_without_its_first_name_gets_the_content(tmp_path: Path) -> None:
    first = write(tmp_path / "source/first", b"shared" * 1000)
    for name in ("other/x", "other/y"):
        path = tmp_path / "source" / name
        path.parent.mkdir(exist_ok=True)
        path.hardlink_to(first)
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    result = bring_back(repository, root, tmp_path / "part", b"other")
    assert result.files == 2
    x, y = (tmp_path / "part/other" / name for name in "xy")
    assert x.read_bytes() == b"shared" * 1000
    assert x.stat().st_ino == y.stat().st_ino
    bring_back(repository, root, tmp_path / "all")
    assert (tmp_path / "all/first").stat().st_nlink == 3


# What is there already


def test_a_second_restore_writes_and_reads_nothing(tmp_path: Path) -> None:
    make_tree(tmp_path / "source")
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository = found_repository(storage)
    root = back_up(repository, tmp_path / "source")
    bring_back(repository, root, tmp_path / "restored")
    storage.calls.clear()
    again = bring_back(repository, root, tmp_path / "restored", policy=Policy.IF_CHANGED)
    assert not again.problems()
    assert again.files == again.others == again.bytes == 0
    assert not data_reads(storage)
    assert compare(make_manifest(tmp_path / "source"), make_manifest(tmp_path / "restored")) == []


def test_a_restore_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    make_tree(tmp_path / "source")
    repository = found_repository(plan=TINY)
    root = back_up(repository, tmp_path / "source")
    bring_back(repository, root, tmp_path / "restored", b"[a-m]*")
    result = bring_back(repository, root, tmp_path / "restored", policy=Policy.IF_CHANGED)
    assert not result.problems()
    assert result.skipped
    assert compare(make_manifest(tmp_path / "source"), make_manifest(tmp_path / "restored")) == []


def test_policies_say_what_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "source/file", b"backup", 1000)
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    expected = {
        Policy.NEVER: (b"old", b"new"),
        Policy.IF_NEWER: (b"backup", b"new"),
        Policy.IF_CHANGED: (b"backup", b"backup"),
        Policy.ALWAYS: (b"backup", b"backup"),
    }
    for policy, contents in expected.items():
        for there, mtime, content in ((b"old", 500, contents[0]), (b"new", 2000, contents[1])):
            write(tmp_path / "target/file", there, mtime)
            bring_back(repository, root, tmp_path / "target", policy=policy)
            assert (tmp_path / "target/file").read_bytes() == content


def test_verifying_finds_files_that_only_look_the_same(tmp_path: Path) -> None:
    write(tmp_path / "source/file", b"backup")
    write(tmp_path / "source/other", b"backup too")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    target = tmp_path / "target"
    bring_back(repository, root, target)
    write(target / "file", b"BACKUP")
    bring_back(repository, root, target, policy=Policy.IF_CHANGED)
    assert (target / "file").read_bytes() == b"BACKUP"
    result = bring_back(repository, root, target, policy=Policy.IF_CHANGED, how=How(verify=True))
    assert (target / "file").read_bytes() == b"backup"
    assert (result.files, result.skipped) == (1, 1)


def test_nothing_is_deleted_unless_that_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "source/a/file", b"1")
    write(tmp_path / "source/b/file", b"2")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    for name in ("a/foreign", "b/foreign/deep", "foreign"):
        write(tmp_path / "target" / name, b"x")
    assert bring_back(repository, root, tmp_path / "target").deleted == 0
    assert (tmp_path / "target/foreign").exists()
    part = bring_back(repository, root, tmp_path / "target", b"a", how=How(delete=True))
    assert part.deleted == 1
    assert below(tmp_path / "target") == {"a", "a/file", "b", "b/file", "b/foreign", "b/foreign/deep", "foreign"}
    everything = bring_back(repository, root, tmp_path / "target", how=How(delete=True))
    assert everything.deleted == 2
    assert below(tmp_path / "target") == {"a", "a/file", "b", "b/file"}


def test_a_file_that_changed_while_it_was_backed_up_is_mentioned(tmp_path: Path) -> None:
    write(tmp_path / "source/file", b"content")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    at_hand = opened(repository)
    (entry,) = formats.read(root.sources[0].tree, partial(at_hand.reader.chunk, Use.TREE))
    entry = replaced(entry, more=formats.More(changed=1))
    writer = ChunkWriter(repository, root.attempt[::-1], at_hand.index)
    tree = formats.write([entry], repository.keys.ids.name_hash, lambda data: writer.store(Use.TREE, data))
    writer.finish()
    changed = replaced(root, sources=[replaced(root.sources[0], tree=tree)])
    result = bring_back(repository, changed, tmp_path / "restored")
    assert [problem.path for problem in result.problems()] == ["file"]
    assert (tmp_path / "restored/file").read_bytes() == b"content"


def test_links_count_in_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, they are made window by window, and not kept in memory until the end."""
    for number in range(60):
        path = tmp_path / f"source/{number % 6}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("nowhere")
    waiting = []
    make = planning.Window.steps

    def steps(window: planning.Window, *arguments: object) -> object:
        waiting.append(sum(len(folder.nodes) for folder in window.folders))
        return make(window, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(planning, "WINDOW", 10_000)
    monkeypatch.setattr(planning.Window, "steps", steps)
    repository = found_repository()
    result = bring_back(repository, back_up(repository, tmp_path / "source"), tmp_path / "restored")
    assert result.others == sum(waiting) == 60
    assert max(waiting) == 20
