"""The quick way back of plain files and the long one restore the same tree and say the same about it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from freezer.engine.contract import Restored
from freezer.engine.tar.archive.limits import Limits
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.errors import FreezerError
from freezer.model.items import ItemFailure
from freezer.progress import NoProgress
from freezer.tree.attributes import Attributes
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome, Sandbox
from freezer.tree.write import Content, PlainFiles
from support import trees
from support.levels import Level, opener, settled, store
from support.manifest import compare, make_manifest

FILES = 300


class Counted(NoProgress):
    """Counts items."""

    def __init__(self) -> None:
        self.items = 0

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        self.items += done_items


class Watched(Sandbox):
    """A sandbox that knows which files came the long way, and may offer no other."""

    quick = True

    def write_file(self, path: bytes, attributes: Attributes, size: int, content: Content) -> Outcome:
        self.long_way: list[bytes] = [*getattr(self, "long_way", []), path]
        return super().write_file(path, attributes, size, content)

    def plain_files(self, directory: bytes, expected: int) -> PlainFiles | None:
        return super().plain_files(directory, expected) if self.quick else None


@dataclass
class Done:
    """A restore that has ended; ``long_way``: the files that were not restored the quick way."""

    result: Restored | str
    items: int
    kept: list[ItemFailure]
    long_way: list[bytes]


def restore(
    levels: list[Level],
    target: Path,
    *,
    quick: bool,
    only: list[bytes] | None = None,
    delete: bool = False,
    limits: Limits | None = None,
    policy: Policy = Policy.ALWAYS,
    most_plain: int | None = None,
) -> Done:
    progress = Counted()
    sandbox = Watched(os.fsencode(target), policy=policy, devices=True)
    sandbox.quick = quick
    with sandbox:
        most = [most_plain] * len(levels)
        chosen = Selection(only or [])
        extraction = Extraction(sandbox, chosen, progress, delete=delete, limits=limits, most_plain=most)
        result: Restored | str
        try:
            result = extraction.run([opener(level.archive) for level in reversed(levels)])
        except FreezerError as error:
            result = str(error)
        sandbox.finish()
        long_way = getattr(sandbox, "long_way", [])
    return Done(result, progress.items, sandbox.kept, long_way)


def restore_both_ways(levels: list[Level], tmp_path: Path, **options: object) -> Done:
    """The quick restore, after the long one was seen to do and say the same."""
    quick = restore(levels, tmp_path / "quick", quick=True, **options)  # type: ignore[arg-type]
    long = restore(levels, tmp_path / "long", quick=False, **options)  # type: ignore[arg-type]
    assert compare(make_manifest(tmp_path / "long"), make_manifest(tmp_path / "quick")) == []
    assert (quick.result, quick.items, quick.kept) == (long.result, long.items, long.kept)
    assert set(quick.long_way) <= set(long.long_way)
    return quick


def make_source(path: Path) -> Path:
    """A directory with many small files, with times below the second and several modes."""
    (path / "some").mkdir(parents=True)
    for number in range(FILES):
        file = path / "some" / f"file{number:03}"
        file.write_bytes(b"%d," % number * (number % 400))
        file.chmod((0o644, 0o600, 0o664, 0o444, 0o4755)[number // 50 % 5])
        second = 4_102_444_800 if number == 60 else 1_700_000_000  # not every file system can hold the year 2100
        os.utime(file, ns=(0, second * 1_000_000_000 + number % 7 * 123_456_789))
    return path


def test_a_tree_of_everything_is_restored_the_same_with_and_without_the_quick_way(tmp_path: Path) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 11)
    first = store(source)
    make_source(source / "more")
    (source / "more" / "some" / "linked").hardlink_to(source / "more" / "some" / "file007")
    second = store(source, settled(first.state))
    quick = restore_both_ways([first, second], tmp_path)
    assert isinstance(quick.result, Restored)
    assert len(quick.long_way) < quick.result.files, "some files went the quick way"
    assert compare(make_manifest(source / "more" / "some"), make_manifest(tmp_path / "quick" / "more" / "some")) == []


def test_plain_files_of_a_new_directory_are_restored_the_quick_way(tmp_path: Path) -> None:
    level = store(make_source(tmp_path / "source"))
    quick = restore_both_ways([level], tmp_path)
    lent = [b"some/file%03d" % number for number in range(200, 250)]
    assert {*lent, b"some/file060"} <= set(quick.long_way), "files that lend their owner's rights, and a far time"
    assert len(quick.long_way) < len(lent) + 20, "and a few that lie across the ends of buffers"
    assert compare(make_manifest(tmp_path / "source" / "some"), make_manifest(tmp_path / "quick" / "some")) == []


def test_files_of_another_owner_get_that_owner_the_quick_way(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    source = make_source(tmp_path / "source")
    for number in range(50):
        os.chown(source / "some" / f"file{number:03}", 54321, 54322)
    quick = restore_both_ways([store(source)], tmp_path)
    assert not [path for path in quick.long_way if path < b"some/file040"]
    assert compare(make_manifest(source / "some"), make_manifest(tmp_path / "quick" / "some")) == []


@pytest.mark.parametrize("only", [[b"some/file010"], [b"some"], [b"some", b"some/file010"], [b"none"]])
def test_a_selection_holds_for_both_ways(tmp_path: Path, only: list[bytes]) -> None:
    level = store(make_source(tmp_path / "source"))
    quick = restore_both_ways([level], tmp_path, only=only)
    assert isinstance(quick.result, Restored)
    assert quick.result.files == {b"some": FILES, b"none": 0}.get(only[0], 1)


@pytest.mark.parametrize("policy", [Policy.ALWAYS, Policy.IF_NEWER])
def test_existing_files_are_treated_alike(tmp_path: Path, policy: Policy) -> None:
    level = store(make_source(tmp_path / "source"))
    for way in ("quick", "long"):
        (tmp_path / way / "some").mkdir(parents=True)
        (tmp_path / way / "some" / "file100").write_bytes(b"mine")
        os.utime(tmp_path / way / "some" / "file100", (1, 2_000_000_000))
        (tmp_path / way / "some" / "file100").chmod(0o600)
        os.utime(tmp_path / way / "some", (1, 1))
        os.utime(tmp_path / way, (1, 1))
    quick = restore_both_ways([level], tmp_path, policy=policy)
    assert len(quick.long_way) == FILES, "the directory is not this run's"


@pytest.mark.parametrize("limits", [Limits(entries=100), Limits(entries=FILES + 2), Limits(entries=FILES + 1)])
def test_the_limit_of_entries_is_the_same_for_both_ways(tmp_path: Path, limits: Limits) -> None:
    level = store(make_source(tmp_path / "source"))
    quick = restore_both_ways([level], tmp_path, limits=limits)
    assert isinstance(quick.result, Restored) == (limits.entries >= FILES + 2)


def test_the_limits_of_depth_and_bytes_are_the_same_for_both_ways(tmp_path: Path) -> None:
    level = store(make_source(tmp_path / "source"))
    shallow = restore_both_ways([level], tmp_path / "1", limits=replace(Limits(), depth=0))
    assert isinstance(shallow.result, Restored)
    assert len(shallow.result.failures) == FILES
    assert isinstance(restore_both_ways([level], tmp_path / "2", most_plain=50_000).result, str)


def test_a_damaged_header_among_plain_files_is_noticed(tmp_path: Path) -> None:
    level = store(make_source(tmp_path / "source"))
    for at, byte in ((5, b"X"), (104, b"1"), (130, b"1"), (150, b"7"), (156, b"7"), (300, b"q")):
        start = level.archive.index(b"./some/file033")
        damaged = level.archive[: start + at] + byte + level.archive[start + at + 1 :]
        quick = restore_both_ways([replace(level, archive=damaged)], tmp_path / str(at))
        assert isinstance(quick.result, str)
        assert not (tmp_path / str(at) / "quick" / "some" / "file033").exists()


def test_an_archive_cut_among_plain_files_is_noticed(tmp_path: Path) -> None:
    level = store(make_source(tmp_path / "source"))
    end = level.archive.index(b"./some/file133")
    for cut in (end - 512, end, end + 100, end + 512, end + 600):
        quick = restore_both_ways([replace(level, archive=level.archive[:cut])], tmp_path / str(cut))
        assert isinstance(quick.result, str)


def test_a_file_that_no_list_names_or_that_comes_twice_is_reported_by_both_ways(tmp_path: Path) -> None:
    level = store(make_source(tmp_path / "source"))
    start = level.archive.index(b"./some/file001\0")
    entry = level.archive[start : start + 1024]
    twice = level.archive[:start] + entry + level.archive[start:]
    quick = restore_both_ways([replace(level, archive=twice)], tmp_path)
    assert isinstance(quick.result, Restored)
    assert [failure.path for failure in quick.result.failures] == ["some/file001"]
