"""Trees, edits and levels: what was stored comes back, by us and by GNU tar."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezer.engine.tar.archive import snapshot
from freezer.engine.tar.backup.write import StoreOptions
from freezer.errors import DamagedError
from support import random_trees, trees
from support.levels import Level, restore, restore_with_gnu_tar, settled, store
from support.manifest import compare, make_manifest

_NO_ROUND_TRIP = ("alloc",)
_GNU = ("alloc", "xattrs")


def assert_restores(source: Path, levels: list[Level], *, gnu: bool = True) -> None:
    """The levels restore to what ``source`` is now."""
    wanted = make_manifest(source)
    with tempfile.TemporaryDirectory() as scratch:
        ours = Path(scratch, "ours")
        result = restore(levels, ours)
        assert result.problems() == ()
        assert result.absent == []
        assert compare(wanted, make_manifest(ours), ignore=_NO_ROUND_TRIP) == []
        if gnu:
            theirs = Path(scratch, "gnu")
            restore_with_gnu_tar(levels, theirs)
            assert compare(wanted, make_manifest(theirs), ignore=_GNU, whole_seconds=True) == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_trees.trees(), st.lists(random_trees.edits(), max_size=3))
def test_random_trees_with_random_edits_restore_exactly(
    tree: list[random_trees.Node], rounds: list[list[random_trees.Edit]]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        random_trees.build(source, tree)
        levels = [store(source)]
        assert_restores(source, levels)
        for edits in rounds:
            base = settled(levels[-1].state)
            random_trees.apply(source, edits)
            levels.append(store(source, base))
            assert_restores(source, levels)


def test_a_rich_tree_survives_three_rounds_of_edits(tmp_path: Path) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 1)
    levels = [store(source)]
    assert levels[0].summary.failures == []
    for seed in (2, 3, 4):
        base = settled(levels[-1].state)
        trees.edit_tree(source, seed)
        levels.append(store(source, base))
    sockets = levels[-1].summary.sockets
    assert sockets == 0
    assert_restores(source, levels, gnu=False)


def test_unchanged_files_are_not_stored_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 1)
    first = store(source)
    second = store(source, settled(first.state))
    future = [path for path, entry in make_manifest(source).items() if entry["mtime_ns"] > time.time_ns()]
    assert second.summary.stored_items == len(future) < 5
    assert_restores(source, [first, second], gnu=False)


@pytest.mark.parametrize("swap", [False, True])
def test_renamed_directories_bring_their_files_along(tmp_path: Path, swap: bool) -> None:
    source = tmp_path / "source"
    for name in ("a", "b"):
        (source / name / "deep").mkdir(parents=True)
        (source / name / "deep" / "file").write_text(f"in {name}")
    levels = [store(source)]
    base = settled(levels[0].state)
    (source / "a").rename(source / "aside")
    if swap:
        (source / "b").rename(source / "a")
        (source / "aside").rename(source / "b")
    levels.append(store(source, base))
    assert (levels[1].summary.stored_items == 0) is not swap
    assert_restores(source, levels)


def test_directories_that_are_moved_at_every_depth_are_found_where_their_parents_took_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for path in ("a/b/c/d", "e/f/g"):
        (source / path).mkdir(parents=True)
    for folder in [path for path in source.rglob("*") if path.is_dir()]:
        (folder / "file").write_text(str(folder))
    levels = [store(source)]
    base = settled(levels[0].state)
    (source / "a").rename(source / "m")  # b, c and d come along
    (source / "m" / "b" / "c").rename(source / "n")  # d comes along once more
    (source / "n" / "d").rename(source / "m" / "z")
    (source / "e" / "f").rename(source / "n" / "f")  # g comes along
    (source / "n" / "f" / "g").rename(source / "e" / "h")
    levels.append(store(source, base))
    assert levels[1].summary.stored_items == 0, "all were recognised"
    assert_restores(source, levels)


def test_a_directory_moved_back_into_a_new_one_of_the_old_name_keeps_its_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "b" / "x").mkdir(parents=True)
    (source / "b" / "x" / "file").write_text("content")
    levels = [store(source)]
    base = settled(levels[0].state)
    (source / "b").rename(source / "c")
    (source / "b").mkdir()
    (source / "c" / "x").rename(source / "b" / "x")
    levels.append(store(source, base))
    assert_restores(source, levels)


def test_a_reused_inode_that_looks_like_a_rename_does_no_harm(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "old").mkdir(parents=True)
    (source / "old" / "file").write_text("old")
    first = store(source)
    known = snapshot.decode(settled(first.state))
    (source / "old" / "file").unlink()
    (source / "old").rmdir()
    (source / "new").mkdir()
    (source / "new" / "file").write_text("new")
    inode = (source / "new").stat().st_ino
    lying = [
        directory if directory.path != b"old" else
        snapshot.KnownDirectory(b"old", directory.device, inode, 0, b"Yfile")
        for directory in known
    ]  # fmt: skip
    second = store(source, snapshot.encode(known.time_ns, lying))
    assert_restores(source, [first, second])


def test_a_link_in_a_directory_that_is_stored_anew_stays_linked_to_its_unchanged_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder" / "file").write_text("shared")
    (source / "place").write_text("taken")
    os.link(source / "folder" / "file", source / "other")
    levels = [store(source)]
    base = settled(levels[0].state)
    (source / "place").unlink()
    (source / "folder").rename(source / "place")
    levels.append(store(source, base))
    assert_restores(source, levels)


def test_a_hard_link_that_is_broken_later_does_not_write_through(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("first")
    os.link(source / "a", source / "b")
    levels = [store(source)]
    base = settled(levels[0].state)
    (source / "a").unlink()
    (source / "a").write_text("second, longer")
    levels.append(store(source, base))
    assert_restores(source, levels)


def test_a_link_whose_first_name_changed_later_carries_the_content(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("shared")
    os.link(source / "a", source / "b")
    os.link(source / "a", source / "c")
    first = store(source)
    base = settled(first.state)
    (source / "a").unlink()
    os.utime(source / "b", ns=(1, 1))
    second = store(source, base)
    assert_restores(source, [first, second])


def test_an_unreadable_version_falls_back_to_the_older_one_and_says_so(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("old")
    (source / "other").write_text("other")
    first = store(source)
    base = settled(first.state)
    (source / "file").write_text("new")
    second = store(source, base)
    lost = second.archive.replace(b"./file".ljust(100, b"\0"), b"./lost".ljust(100, b"\0"))
    second.archive = _with_checksums(lost)
    result = restore([first, second], tmp_path / "out")
    assert (tmp_path / "out" / "file").read_text() == "old"
    assert [item.path for item in result.stale] == ["file"]


def _with_checksums(archive: bytes) -> bytes:
    """``archive`` with the checksum of every header of ``./lost`` made right again."""
    at = archive.index(b"./lost")
    block = bytearray(archive[at : at + 512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return archive[:at] + bytes(block) + archive[at + 512 :]


def test_only_chosen_paths_are_restored_with_links_made_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "in").mkdir(parents=True)
    (source / "a").write_text("shared")
    os.link(source / "a", source / "in" / "link")
    result = restore([store(source)], tmp_path / "out", only=[b"in"])
    assert result.problems() == ()
    assert (tmp_path / "out" / "in" / "link").read_text() == "shared"
    assert not (tmp_path / "out" / "a").exists()


def test_foreign_files_stay_unless_their_deletion_is_asked_for(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("x")
    (target / "sub").mkdir(parents=True)
    (target / "sub" / "foreign").write_text("mine")
    level = store(source)
    restore([level], target)
    assert (target / "sub" / "foreign").read_text() == "mine"
    assert restore([level], target, delete=True).deleted == 1
    assert not (target / "sub" / "foreign").exists()


def test_deletion_spares_everything_that_an_increment_lists(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    for name in ("changed", "same", "becomes-a-directory"):
        (source / "sub" / name).write_text(name)
    full = store(source)
    base = settled(full.state)
    (source / "sub" / "changed").write_text("anew")
    (source / "sub" / "new").write_text("new")
    (source / "sub" / "becomes-a-directory").unlink()
    (source / "sub" / "becomes-a-directory").mkdir()
    levels = [full, store(source, base)]
    restore(levels, target)
    (target / "sub" / "foreign").write_text("mine")
    assert restore(levels, target, delete=True).deleted == 1
    assert compare(make_manifest(source), make_manifest(target)) == []


def test_excluded_files_are_neither_stored_nor_listed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "keep").write_text("k")
    (source / "drop").write_text("d")
    level = store(source, options=StoreOptions(excluded=lambda path: path == b"drop"))
    assert level.summary.excluded == ["drop"]
    restore([level], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["keep"]


def test_gnu_tar_continues_our_chain_and_we_restore_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("one")
    (source / "gone").write_text("gone")
    first = store(source)
    state = tmp_path / "snar"
    state.write_bytes(settled(first.state))
    (source / "gone").unlink()
    (source / "sub").rename(source / "moved")
    (source / "new").write_text("new")
    archive = tmp_path / "level1.tar"
    command = [
        "tar",
        "--create",
        "--no-check-device",
        "--one-file-system",
        f"--listed-incremental={state}",
        "-f",
        archive,
        ".",
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    second = Level(archive.read_bytes(), state.read_bytes(), first.summary)
    result = restore([first, second], tmp_path / "out")
    assert result.problems() == ()
    differences = compare(make_manifest(source), make_manifest(tmp_path / "out"), whole_seconds=True)
    assert differences == []
    third = store(source, settled(second.state))
    assert third.summary.stored_items == 0


def test_a_cut_archive_is_damage_wherever_it_is_cut(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(3000))
    level = store(source)
    end = level.archive.rstrip(b"\0")
    for cut in (0, 100, 512, 1024, 2000, len(end) - len(end) % 512):
        with pytest.raises(DamagedError):
            restore([Level(level.archive[:cut], b"", level.summary)], tmp_path / f"out{cut}")
