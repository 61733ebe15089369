"""Which part of a backup patterns choose."""

from __future__ import annotations

import pytest

from freezer.browse.selecting import Scope, Selection

PATHS = [b"a", b"a/b", b"a/b/c.py", b"a/d.py", b"a/d.txt", b"e.py", b"f/g/h/i.py", b"[x]", b"x", b"*"]


def chosen(*patterns: bytes, literal: bool = False) -> tuple[set[bytes], list[bytes]]:
    selection = Selection(patterns, literal=literal)
    found = set()
    for path in PATHS:
        scope: Scope | None = selection.top()
        for name in path.split(b"/"):
            scope = selection.within(scope, name) if scope else None
        if scope is not None and scope.everything:
            found.add(path)
    return found, selection.missed()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], set(PATHS)),
        ([b"a"], {path for path in PATHS if path.startswith(b"a")}),
        ([b"/a/"], {path for path in PATHS if path.startswith(b"a")}),
        ([b"./a/b/."], {b"a/b", b"a/b/c.py"}),
        ([b"a/*.py"], {b"a/d.py"}),
        ([b"*.py"], {b"e.py"}),
        ([b"**/*.py"], {path for path in PATHS if path.endswith(b".py")}),
        ([b"f/**"], {path for path in PATHS if path.startswith(b"f")}),
        ([b"**/g"], {b"f/g/h/i.py"}),
        ([b"a/?.py", b"e.*"], {b"a/d.py", b"e.py"}),
        ([b"[x]"], {b"x", b"[x]"}),
        ([b"*"], set(PATHS)),
        ([b"/"], set(PATHS)),
    ],
)
def test_patterns_choose_items_with_all_below_them(patterns: list[bytes], expected: set[bytes]) -> None:
    assert chosen(*patterns)[0] == expected


def test_a_wildcard_matches_within_one_name_only() -> None:
    assert b"a/b/c.py" not in chosen(b"a/*.py")[0]


def test_literal_paths_have_no_wildcards() -> None:
    assert chosen(b"*", literal=True) == ({b"*"}, [])
    assert chosen(b"[x]", literal=True) == ({b"[x]"}, [])


def test_what_nothing_matched_is_told() -> None:
    assert chosen(b"a/b", b"nowhere", b"a/*.c")[1] == [b"nowhere", b"a/*.c"]


def test_a_directory_on_the_way_is_not_chosen_itself() -> None:
    selection = Selection([b"a/b"])
    scope = selection.within(selection.top(), b"a")
    assert scope is not None
    assert not scope.everything
    assert selection.within(selection.top(), b"e.py") is None
    assert not selection.all
    assert Selection().all
