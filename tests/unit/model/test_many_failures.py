"""Failures of very many items are told in bounded memory, and none of them is forgotten."""

from __future__ import annotations

import pytest

from freezer.engine.contract import Restored
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.target import Listing
from freezer.model import failures
from freezer.model.failures import Failures, rest
from freezer.model.items import ItemFailure
from freezer.progress import NoProgress
from hostile.hostile_tarball import END, file, listed
from support.levels import opener


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST", 3)


def some(count: int) -> Failures:
    return Failures(ItemFailure(f"{number}", "broken") for number in range(count))


def test_the_first_failures_are_named_and_the_others_counted() -> None:
    found = some(5)
    assert [item.path for item in found] == ["0", "1", "2"]
    assert (found.left_out, found.total) == (2, 5)
    assert [item.reason for item in rest(found, some(4))] == ["3 more items, not listed one by one"]


def test_failures_of_long_paths_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_TEXT", 100)
    found = Failures(ItemFailure("d/" * 20, "broken") for _ in range(3))
    assert (len(found), found.left_out) == (2, 1)
    found.append(ItemFailure("d", "broken"))
    assert found.left_out == 2, "what is counted comes after what is named"


def test_nothing_is_said_of_others_when_there_are_none() -> None:
    assert rest(some(3), [ItemFailure("x", "y")]) == []


def test_what_another_list_has_counted_is_counted_too() -> None:
    found = some(2)
    found.extend(some(7))
    assert (len(found), found.total) == (3, 9)


def restored(*parts: bytes) -> Restored:
    return Extraction(Listing(lambda _: None), Selection(), NoProgress()).run([opener(b"".join(parts) + END)])


def test_absent_items_beyond_the_first_are_counted() -> None:
    result = restored(listed(b".", *(b"Y%d" % number for number in range(8))))
    assert (len(result.absent), result.absent.total) == (3, 8)


def test_unlisted_items_beyond_the_first_are_counted_among_the_problems() -> None:
    result = restored(listed(b"."), *(file(b"%d" % number) for number in range(8)))
    assert [item.path for item in result.problems()] == ["0", "1", "2", "(others)"]
    assert result.problems()[-1].reason == "5 more items, not listed one by one"
