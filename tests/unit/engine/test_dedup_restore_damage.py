"""A restore never gives wrong bytes: what is damaged is named, everything else comes back."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import cast

import msgspec
import pytest

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.browse.walking import walk
from freezer.engine.contract import Restored
from freezer.engine.dedup.restore.loading import Load
from freezer.engine.dedup.restore.run import How
from freezer.errors import DataError, FreezerError, ObjectNotFound, PermissionDenied
from freezer.repository import trees
from freezer.repository.documents import Bundle, Codec, PackKind
from freezer.repository.index import Index, Pack
from freezer.repository.index.parts import part_of
from freezer.repository.names import PREFIX, Folder, Kind, new_id, numbered
from freezer.repository.packs.moving import move_bundles
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.store import Repository
from freezer.repository.trees import Entry, More, Type
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Fault, FaultyStorage
from freezer.testing.faulty import Kind as FaultKind
from freezer.testing.memory import MemoryStorage
from freezer.tree.policy import Policy
from support.restoring import (
    FILES,
    back_up,
    bring_back,
    entries_of,
    found_repository,
    loud,
    make_source,
    opened,
    replaced,
    verified,
    with_tree,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_source(tmp_path / "source")
    return tmp_path / "source"


def memory(repository: Repository) -> dict[str, bytes]:
    return cast(MemoryStorage, repository.storage).objects


def packs(repository: Repository, folder: str = "packs/") -> list[str]:
    return sorted(name for name in memory(repository) if name.startswith(PREFIX + folder))


def flip(repository: Repository, name: str, place: int) -> None:
    raw = bytearray(memory(repository)[name])
    raw[place % len(raw)] ^= 0x10
    memory(repository)[name] = bytes(raw)


def compared(source: Path, target: Path, result: Restored) -> None:
    """Every file is either right, or missing and named."""
    failed = {failure.path for failure in result.failures}
    for path in source.rglob("*"):
        if path.is_file():
            name = str(path.relative_to(source))
            restored = target / name
            if name in failed:
                assert not restored.exists()
            else:
                assert restored.read_bytes() == path.read_bytes()


def test_a_flipped_bit_costs_only_what_lies_in_its_bundle(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    flip(repository, packs(repository)[1], 5000)
    result = bring_back(repository, root, tmp_path / "restored")
    assert 0 < len(result.failures) < FILES // 3
    assert result.files == FILES - len(result.failures)
    compared(source, tmp_path / "restored", result)


def test_no_flipped_bit_gives_wrong_bytes(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root, chance = back_up(repository, source), random.Random(3)
    at_hand, names = opened(repository), packs(repository)
    for number in range(20):
        before, name = dict(memory(repository)), chance.choice(names)
        flip(repository, name, chance.randrange(1 << 20))
        result = bring_back(at_hand, root, tmp_path / str(number))
        compared(source, tmp_path / str(number), result)
        memory(repository).update(before)


def test_a_missing_or_short_pack_costs_only_what_is_in_it(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    first, second, *_ = packs(repository)
    del memory(repository)[first]
    memory(repository)[second] = memory(repository)[second][:3000]
    result = bring_back(repository, root, tmp_path / "restored")
    assert 0 < len(result.failures) < FILES
    compared(source, tmp_path / "restored", result)


def move_everything(repository: Repository, index: Index) -> None:
    collector = new_id(repository.clock)
    old = [index.record(name) for name in index.packs]
    records = move_bundles(repository, [(record, range(len(record.bundles))) for record in old], collector)
    repository.put(Kind.INDEX, Folder.INDEX + numbered(collector, 0), part_of(records))


def test_another_copy_serves_where_one_is_damaged(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    names = packs(repository)
    move_everything(repository, opened(repository).index)
    for name in names:
        flip(repository, name, 300)
    result = bring_back(repository, root, tmp_path / "restored")
    assert not result.problems()
    compared(source, tmp_path / "restored", result)


def test_packs_that_are_moved_during_a_restore_are_found_again(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    index = opened(repository).index
    reader = PackReader(repository, index, reload=lambda: Index.load(repository, notice=loud))
    names = [*packs(repository), *packs(repository, "meta/")]
    move_everything(repository, index)
    for name in names:
        del memory(repository)[name]
    result = bring_back(Opened(repository, index, reader), root, tmp_path / "restored")
    assert not result.problems()
    compared(source, tmp_path / "restored", result)


@pytest.mark.parametrize("error", [DataError, ObjectNotFound])
def test_a_damaged_tree_costs_only_its_directory(tmp_path: Path, source: Path, error: type[FreezerError]) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    at_hand = opened(repository)
    top = entries_of(repository, root)

    class Lacking(PackReader):
        def chunk(self, use: Use, id: bytes) -> bytes:
            if id == top[2].content:
                raise error("it is gone")
            return super().chunk(use, id)

    lacking = Opened(repository, at_hand.index, Lacking(repository, at_hand.index))
    (tmp_path / "restored/2").mkdir(parents=True)
    (tmp_path / "restored/2/foreign").touch()
    result = bring_back(lacking, root, tmp_path / "restored")
    assert [(failure.path, failure.reason) for failure in result.failures] == [("2", "it is gone")]
    assert result.files == FILES - FILES // 5
    bring_back(lacking, root, tmp_path / "restored", how=How(delete=True))
    assert (tmp_path / "restored/2/foreign").exists()


def test_a_storage_that_fails_ends_the_restore_and_its_threads(tmp_path: Path, source: Path) -> None:
    faults = [Fault(FaultKind.BEFORE, "get", "*/packs/*", at=2, times=None, error=lambda: PermissionDenied("no"))]
    healthy = MemoryStorage(FakeClock())
    repository = found_repository(healthy)
    root = back_up(repository, source)
    index = opened(repository).index
    failing = Repository(FaultyStorage(healthy, faults), repository.config, repository.keys, repository.clock)
    with pytest.raises(PermissionDenied):
        bring_back(Opened(failing, index, PackReader(failing, index)), root, tmp_path / "restored")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("restore-load-")]
    result = bring_back(repository, root, tmp_path / "restored", policy=Policy.IF_CHANGED)
    assert not result.problems()
    compared(source, tmp_path / "restored", result)


def test_a_tree_that_lies_about_sizes_gives_no_file(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    directory = entries_of(repository, root)[0]
    small, large = entries_of(repository, root, cast(bytes, directory.content))[:2]
    lies = [
        replaced(small, name=b"a", size=small.size + 1),
        replaced(small, name=b"b", size=small.size - 1),
        replaced(small, name=b"c", content=b""),
        replaced(large, name=b"d", content=[large.content, 500]),
        replaced(small, name=b"e", content=b"\1" * 20),
        replaced(small, name=b"f", content=b"\1" * 21),
        replaced(small, name=b"g", content=[0, b"\2" * 20]),
        replaced(small, name=b"h"),
    ]
    result = bring_back(repository, with_tree(repository, root, lies), tmp_path / "restored")
    assert sorted(failure.path for failure in result.failures) == list("abcdefg")
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["h"]


@pytest.mark.parametrize("first", [b"../outside", b"/etc/passwd", b"nowhere", b"link/passwd"])
def test_a_hard_link_leads_nowhere_outside(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "outside").write_text("private")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_bytes(b"content")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    (file,) = entries_of(repository, root)
    link = replaced(file, name=b"link", type=Type.LINK, size=0, content=b"", more=More(link=b"/etc"))
    lie = replaced(file, name=b"other", more=More(first=first))
    result = bring_back(repository, with_tree(repository, root, [file, link, lie]), tmp_path / "restored")
    other = tmp_path / "restored/other"
    if other.exists():
        assert other.read_bytes() == b"content"
    else:
        assert [failure.path for failure in result.failures] == ["other"]
    assert (tmp_path / "outside").stat().st_nlink == 1


def test_nothing_is_deleted_where_the_backup_does_not_know_what_there_was(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    unread = replaced(entries_of(repository, root)[0], name=b"mount point", content=b"")
    (tmp_path / "restored/mount point").mkdir(parents=True)
    (tmp_path / "restored/mount point/foreign").touch()
    lacking = with_tree(repository, root, [unread])
    result = bring_back(repository, lacking, tmp_path / "restored", how=How(delete=True))
    assert not result.problems()
    assert result.deleted == 0
    assert (tmp_path / "restored/mount point/foreign").exists()


@pytest.mark.parametrize("policy", [Policy.ALWAYS, Policy.NEVER])
def test_other_names_of_a_file_that_is_not_there_get_the_content(tmp_path: Path, policy: Policy) -> None:
    """The first name cannot be restored, or what is there is something else and kept."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"content")
    for name in "bc":
        (tmp_path / "source" / name).hardlink_to(tmp_path / "source/a")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    target = tmp_path / "restored"
    target.mkdir()
    if policy is Policy.ALWAYS:
        (target / "a").mkdir()  # in the way
    else:
        (target / "a").write_bytes(b"something else")
    result = bring_back(repository, root, target, policy=policy)
    assert {failure.path for failure in result.failures} == ({"a"} if policy is Policy.ALWAYS else set())
    assert (target / "b").read_bytes() == (target / "c").read_bytes() == b"content"
    assert (target / "b").stat().st_ino == (target / "c").stat().st_ino


def test_what_failed_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/large").write_bytes(random.Random(1).randbytes(60_000_000))
    (tmp_path / "source/small").write_bytes(random.Random(2).randbytes(1_000))
    storage = _Counting(FakeClock())
    repository = found_repository(storage)
    root = back_up(repository, tmp_path / "source", writing=None)
    storage.read = 0
    (tmp_path / "restored/large").mkdir(parents=True)  # in the way
    result = bring_back(repository, root, tmp_path / "restored", how=How(threads=1))
    assert [failure.path for failure in result.failures] == ["large"]
    assert (tmp_path / "restored/small").exists()
    assert storage.read < 30_000_000  # what was on its way already: a few times 4 MiB


class _Counting(MemoryStorage):
    """Counts the bytes of packs that are read."""

    read = 0

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        content = super().get(name, offset, length)
        if "/packs/" in name:
            self.read += len(content)
        return content


def swapped(bundle: Bundle) -> Bundle:
    """The first two chunks, if there are two, in the wrong order."""
    if len(bundle.lengths) < 2:
        return bundle
    first, second, *others = bundle.lengths
    ids = bundle.ids[20:40] + bundle.ids[:20] + bundle.ids[40:]
    return cast(Bundle, replaced(bundle, ids=ids, lengths=[second, first, *others]))


def test_chunks_that_are_not_what_the_index_says_are_not_restored(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    honest, lying = opened(repository).index, Index()
    for name in honest.packs:
        record = honest.record(name)
        if record.kind is PackKind.DATA:
            record = replaced(record, bundles=[swapped(bundle) for bundle in record.bundles])
        lying.add(record)
    liar = Opened(repository, lying, PackReader(repository, lying))
    result = bring_back(liar, root, tmp_path / "restored")
    assert result.failures
    assert result.files == FILES - len(result.failures)
    compared(source, tmp_path / "restored", result)


def test_chunks_of_no_bytes_do_not_shift_those_behind_them() -> None:
    ids = [bytes([number]) * 20 for number in range(4)]
    bundle = Bundle(b"", 0, 0, 8, Codec.PLAIN, 0, 0, b"", [5, 0, 0, 3], b"".join(ids))
    for number, offset in enumerate((0, 5, 5, 5)):
        assert Load(cast(Pack, None), bundle, 100 + number, ids[number], offset).start == 100


def test_another_name_of_a_link_is_made_where_its_first_is_not_chosen(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    (file, *_) = entries_of(repository, root, cast(bytes, entries_of(repository, root)[0].content))
    link = replaced(file, name=b"other", type=Type.LINK, size=0, content=b"", more=More(link=b"there", first=b"first"))
    result = bring_back(repository, with_tree(repository, root, [link]), tmp_path / "restored", b"other")
    assert not result.problems()
    assert os.readlink(tmp_path / "restored/other") == "there"


@pytest.mark.parametrize(
    "tree",
    [
        trees.Divided(1, [b""] * 16),
        trees.Divided(0, [b"\1" * 20, *[b""] * 15]),
        trees.Leaf([Entry(b"directory", Type.DIRECTORY, 0o755, 0, 0, 0, content=b"short")]),
        trees.Leaf([Entry(b"directory", Type.DIRECTORY, 0o755, 0, 0, 0, content=[b"\1" * 20])]),
    ],
)
def test_a_tree_that_cannot_be_is_named(tmp_path: Path, source: Path, tree: trees.Node) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    writer = ChunkWriter(repository, new_id(repository.clock), opened(repository).index)
    id = writer.store(Use.TREE, msgspec.msgpack.encode(tree))
    writer.finish()
    lie = replaced(root, sources=[replaced(root.sources[0], tree=id)])
    result = bring_back(repository, lie, tmp_path / "restored")
    assert [failure.path for failure in result.failures] in ([["."], ["directory"]])
    with pytest.raises(DataError):
        list(walk(opened(repository), lie, Selection()))
    assert verified(repository, lie, tmp_path / "restored", attributes=False)
