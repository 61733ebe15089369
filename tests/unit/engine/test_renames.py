"""Where directories of older levels went, by the renames of all newer ones, however many they are."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.tar.archive import lists
from freezer.engine.tar.restore import renames
from freezer.engine.tar.restore.renames import Renames
from freezer.errors import DamagedError
from freezer.spill import table

Steps = list[tuple[bytes, bytes]]


def after(*levels: Iterable[tuple[bytes, bytes]]) -> Renames:
    """The renames of these levels, newest first."""
    found = Renames()
    for steps in levels:
        for source, target in steps:
            found.add(source, target)
        found.end_level()
    return found


def test_renames_carry_everything_below_along() -> None:
    found = after([(b"a", b"b")])
    assert found.forward(b"a/x/y") == b"b/x/y"
    assert found.forward(b"ab") == b"ab"


def test_a_directory_that_another_was_moved_over_is_gone() -> None:
    assert after([(b"a", b"c")]).forward(b"c/x") is None


def test_a_cycle_through_a_temporary_name_swaps_two_directories() -> None:
    body = b"X./\0R./a\0T\0R./b\0T./a\0R\0T./b\0\0"
    found = after(lists.parse(body).renames)
    assert (found.forward(b"a/f"), found.forward(b"b/f")) == (b"b/f", b"a/f")


def test_the_renames_of_a_level_do_not_concern_its_own_paths() -> None:
    found = after([(b"a", b"b")])
    found.add(b"old", b"a")
    assert found.started
    assert found.forward(b"a") == b"b"
    found.end_level()
    assert not found.started
    assert found.forward(b"old") == b"b"


def test_renames_are_followed_in_any_number_of_directories() -> None:
    found = after([(b"old", b"new")])
    assert all(found.forward(b"old/%d" % number) == b"new/%d" % number for number in range(20_010))
    assert found.forward(b"old/0") == b"new/0"


def test_renames_that_make_a_path_longer_and_longer_are_damage() -> None:
    found = after([(b"a", b"a/" + b"b" * 1000)] * 100)
    assert found.forward(b"c") == b"c"
    with pytest.raises(DamagedError, match="its renames never end"):
        found.forward(b"a")


def test_more_renames_than_a_level_may_have_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "MOST_STEPS", 10)
    with pytest.raises(DamagedError, match="its renames never end"):
        after([(b"%d" % number, b"to%d" % number) for number in range(11)])


def plainly(levels: list[Steps], directory: bytes) -> bytes | None:
    """The same, one step after the other."""
    for steps in reversed(levels):
        for source, target in steps:
            if directory == source or directory.startswith(source + b"/"):
                directory = target + directory[len(source) :]
            elif directory == target or directory.startswith(target + b"/"):
                return None
    return directory


_paths = st.sampled_from([b"a", b"b", b"c", b"a/b", b"a/b/c", b"b/a", b"abc", lists.TEMPORARY])
_steps = st.lists(st.tuples(_paths, _paths).filter(lambda step: step[0] != step[1]), max_size=8)


@given(st.lists(_steps, max_size=3), st.lists(_paths, min_size=1), st.booleans())
def test_many_renames_in_many_levels_lead_where_each_of_them_leads(
    levels: list[Steps], asked: list[bytes], spilling: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renames, "_TOGETHER", 2)
        patch.setattr(renames, "LONGEST", 10**9)
        patch.setattr(table, "IN_MEMORY", 1 if spilling else 10**6)
        found = after(*levels)
        assert [found.forward(path) for path in asked] == [plainly(levels, path) for path in asked]
        found.close()
