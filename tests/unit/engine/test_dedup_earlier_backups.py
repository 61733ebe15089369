"""A backup whose predecessor, or the repository that it goes on from, cannot be relied on as it was."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest

from freezer.engine.contract import Tree
from freezer.engine.dedup.backup.earlier import Previous, packed, unpacked
from freezer.engine.dedup.backup.items import Options
from freezer.engine.dedup.backup.run import DedupBackup
from freezer.errors import DamagedError
from freezer.progress import NoProgress
from freezer.repository import states
from freezer.repository import trees as formats
from freezer.repository.names import Folder, new_id
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter, How
from support.dedup import Backed, Series, assert_whole, small_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path)


def counted(backed: Backed) -> tuple[int, int, int]:
    counts = backed.made.counts
    return counts.new, counts.changed, counts.unchanged


def test_without_all_of_its_packs_everything_that_is_taken_over_is_looked_up(source: Path) -> None:
    series = Series()
    first = series.backup(source)
    # As after a collection that moved everything: the packs have gone, but all chunks are there.
    again = series.backup(source, packs=())
    assert counted(again) == (0, 0, 3)
    assert again.made.counts.read_bytes == 0
    assert again.written.new_chunks == 0
    assert again.written.needs == first.written.needs
    assert_whole(series, again, source)


def test_packs_that_only_vanished_files_needed_are_not_needed_for_ever(source: Path) -> None:
    series = Series()
    first = series.backup(source)
    (source / "new").write_bytes(random.Random(5).randbytes(50_000))
    second = series.backup(source)
    extra = {name for name in second.written.packs if name.startswith(Folder.PACKS)}
    (source / "new").unlink()
    assert extra <= series.backup(source).written.needs  # nothing was looked up
    looked_up = series.backup(source, packs=())
    assert not extra & looked_up.written.needs
    assert looked_up.written.needs >= {name for name in first.written.needs if name.startswith(Folder.PACKS)}


def lose(series: Series, packs: Collection[str]) -> None:
    """As if these had been condemned and deleted."""
    series.index.drop(packs)
    for name in packs:
        series.repository.delete(name)


def test_files_whose_chunks_are_gone_are_read_again_and_only_those(source: Path) -> None:
    series = Series()
    series.backup(source)
    (source / "new").write_bytes(b"in a pack of its own")
    second = series.backup(source)
    lose(series, [name for name in second.written.packs if name.startswith(Folder.PACKS)])
    again = series.backup(source)
    assert again.made.counts.read_bytes == len(b"in a pack of its own")
    assert_whole(series, again, source)


def test_files_whose_list_of_chunks_is_gone_are_read_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(random.Random(6).randbytes(8_000_000))
    series = Series()
    backed = series.backup(source)
    content = series.files(backed)["file"].content
    first_list = formats.split(formats.list_ids(content))[0]
    place = series.index.find(first_list)
    assert place is not None
    lose(series, [place.pack.name])
    again = series.backup(source)
    assert again.made.counts.read_bytes == 8_000_000
    assert not [name for name in again.written.packs if name.startswith(Folder.PACKS)]
    assert_whole(series, again, source)


def test_without_any_metadata_left_everything_is_read_and_no_content_stored_again(source: Path) -> None:
    series = Series()
    first = series.backup(source)
    lose(series, [name for name in first.written.packs if name.startswith(Folder.META)])
    again = series.backup(source)
    assert any("what it describes is read again" in notice for notice in again.notices)
    assert counted(again) == (3, 0, 0)
    assert all(name.startswith(Folder.META) for name in again.written.packs)
    assert_whole(series, again, source)


def only_tree_of(series: Series, backed: Backed, path: str) -> bytes:
    content = series.files(backed)[path].content if path else backed.made.source.tree
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize("trusted", [True, False])
def test_a_tree_that_cannot_be_read_costs_a_notice_and_is_made_anew(
    source: Path, tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The top looks as before, but a directory in it has changed: so its tree is needed, and damaged."""
    series = Series()
    top = only_tree_of(series, series.backup(source), "")
    (source / "sub" / "below").write_bytes(b"changed")
    chunk = series.reader.chunk

    def damaged(use: Use, id: bytes) -> bytes:
        return b"\x92\x01\xc0" if id == top else chunk(use, id)

    monkeypatch.setattr(series.reader, "chunk", damaged)
    again = series.backup(source, packs=None if trusted else ())
    monkeypatch.undo()
    assert len(again.notices) == 1
    assert "the tree of 'the top directory' is not what it should be" in again.notices[0]
    assert_whole(series, again, source)


def test_a_state_that_does_not_fit_its_tree_is_not_believed(source: Path) -> None:
    series = Series()
    series.backup(source)
    assert series.last is not None
    writer = ChunkWriter(series.repository, new_id(series.clock), series.index)
    wrong = [
        msgspec.structs.replace(known, ctimes=known.ctimes[:-8], digest=b"")
        for id in series.last.states
        for known in states.parse(series.reader.chunk(Use.STATE, id))
    ]
    ids = [writer.store(Use.STATE, states.write(wrong))]
    needs = sorted({*series.last.needs, *writer.finish().needs})
    series.last = msgspec.structs.replace(series.last, states=ids, needs=needs)
    again = series.backup(source)
    assert len(again.notices) == 2
    assert counted(again) == (3, 0, 0)
    assert_whole(series, again, source)


def test_a_list_of_chunks_that_cannot_be_read_costs_reading_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(random.Random(8).randbytes(8_000_000))
    series = Series()
    series.backup(source)
    chunk = series.reader.chunk

    def damaged(use: Use, id: bytes) -> bytes:
        if use == Use.LIST:
            raise DamagedError("a bundle is damaged")
        return chunk(use, id)

    monkeypatch.setattr(series.reader, "chunk", damaged)
    assert series.backup(source).made.counts.read_bytes == 0  # as long as nobody has to look
    assert series.backup(source, packs=()).made.counts.read_bytes == 8_000_000


@pytest.mark.parametrize("numbers", [[], [0, 1, 2**63, 2**64 - 1]])
def test_numbers_of_a_state_are_read_as_they_were_written(numbers: list[int]) -> None:
    assert list(unpacked(packed(numbers))) == numbers
    assert packed(numbers) == b"".join(number.to_bytes(8, "big") for number in numbers)


def test_numbers_that_only_a_broken_clock_gives_count_as_unknown() -> None:
    assert list(unpacked(packed([5, -1, 2**64]))) == [5, 0, 0]


def chunks_of(series: Series, packs: Collection[str]) -> set[bytes]:
    joined = b"".join(bundle.ids for name in packs for bundle in series.index.record(name).bundles)
    return set(formats.split(joined))


def unfinished(series: Series, source: Path, notices: list[str]) -> tuple[DedupBackup, ChunkWriter]:
    """A backup that has stored everything but its root."""
    previous = Previous(series.last, series.reader, series.index.packs) if series.last else None
    writer = ChunkWriter(series.repository, new_id(series.clock), series.index, How(workers=2))
    backup = DedupBackup(
        Tree(os.fsencode(source)),
        series.repository,
        writer,
        previous,
        Options(),
        progress=NoProgress(),
        notice=notices.append,
    )
    backup.run()
    return backup, writer


def test_content_that_a_collector_took_meanwhile_is_read_again_from_what_is_unchanged(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "kept").write_bytes(b"kept")
    (source / "sub" / "big").write_bytes(random.Random(7).randbytes(300_000))
    (source / "changed").write_bytes(b"before")
    (source / "gone").write_bytes(b"gone")
    (source / "vanished").mkdir()
    (source / "vanished" / "file").write_bytes(b"with its directory")
    series = Series()
    notices: list[str] = []
    backup, writer = unfinished(series, source, notices)
    taken = [name for name in writer.finish().packs if name.startswith(Folder.PACKS)]
    missing = chunks_of(series, taken)
    lose(series, taken)
    (source / "gone").unlink()
    (source / "vanished" / "file").unlink()
    (source / "vanished").rmdir()
    (source / "changed").write_bytes(b"after")
    backup.reread(missing, series.reader)
    writer.finish()
    identify = series.repository.keys.ids.content
    assert {id for id in missing if id not in series.index} == {
        identify(b"before"),
        identify(b"gone"),
        identify(b"with its directory"),
    }


def test_trees_and_states_that_a_collector_took_meanwhile_are_made_again(source: Path) -> None:
    series = Series()
    before = series.backup(source).written.packs
    missing = chunks_of(series, before)
    notices: list[str] = []
    backup, writer = unfinished(series, source, notices)
    lose(series, before)
    backup.reread(missing, series.reader)
    writer.finish()
    assert all(id in series.index for id in missing)
    assert notices == ["trees that this backup took over were removed meanwhile: everything is read again"]
