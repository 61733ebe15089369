"""Going through the trees of a backup."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.browse.selecting import Selection
from freezer.browse.walking import relative, walk
from freezer.engine.dedup.restore.run import How
from freezer.repository import trees
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.restoring import back_up, bring_back, found_repository, joined, opened


def make_source(top: Path) -> set[bytes]:
    """Directories of which each is larger than :data:`FEW`."""
    paths = {b"%d" % number for number in range(30)}
    paths |= {b"directory-%d/%d" % (number % 20, number) for number in range(300)}
    for path in paths:
        place = top / path.decode()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path)
    return paths


FEW = 5


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories are divided early."""
    monkeypatch.setattr(trees, "MOST_ENTRIES", FEW)


@pytest.mark.usefixtures("divided")
def test_every_item_is_visited_once_parents_first(tmp_path: Path) -> None:
    paths = make_source(tmp_path / "source")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    seen: list[bytes] = []
    entered: set[bytes] = set()
    for visit in walk(opened(repository), root, Selection()):
        assert visit.first == (visit.path not in entered)
        entered.add(visit.path)
        assert len(visit.items) <= FEW
        seen += [visit.path + b"/" + entry.name if visit.path else entry.name for entry in visit.items]
    assert len(seen) == len(set(seen))
    assert set(seen) == paths
    assert len(entered) == 21


@pytest.mark.usefixtures("divided")
def test_divided_directories_are_restored_and_nothing_of_them_deleted(tmp_path: Path) -> None:
    paths = make_source(tmp_path / "source")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    (tmp_path / "restored/directory-3").mkdir(parents=True)
    (tmp_path / "restored/directory-3/foreign").touch()
    result = bring_back(repository, root, tmp_path / "restored", how=How(delete=True))
    assert not result.problems()
    assert (result.files, result.directories, result.deleted) == (330, 21, 1)
    for path in paths:
        assert (tmp_path / "restored" / path.decode()).read_bytes() == path


def test_only_metadata_is_read(tmp_path: Path) -> None:
    make_source(tmp_path / "source")
    storage = FaultyStorage(MemoryStorage(FakeClock()))
    repository = found_repository(storage)
    root = back_up(repository, tmp_path / "source")
    at_hand = opened(repository)
    storage.calls.clear()
    assert sum(len(visit.items) for visit in walk(at_hand, root, Selection([b"directory-1*"]))) == 11 * 15
    assert storage.calls
    assert all("/meta/" in call.name for call in storage.calls)


def test_patterns_may_begin_with_the_path_of_the_source(tmp_path: Path) -> None:
    make_source(tmp_path / "source")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    source = str(tmp_path / "source").encode()
    assert relative(root, source + b"/directory-1/") == b"directory-1/"
    assert relative(root, source) == b""
    assert relative(root, source + b"-other/x") == source[1:] + b"-other/x"
    assert relative(root, b"/directory-1") == b"directory-1"
    both = joined(repository, [root, root])
    assert relative(both, source + b"/directory-1") == source[1:] + b"/directory-1"
