"""Exclusion, judged by GNU tar itself."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from freezer.tree.exclude import Exclusion

NAMES = [
    b"a", b"b", b"ab", b"foo", b"foo.c", b".hidden", b"x*y", b"x?y", b"[a]", b"a\\", b"a\\b", b"-", b"^", b"!",
    b"caf\xc3\xa9", b"\xff\xfe", b"with space", b"new\nline", b"a-b", b"]", b"~",
]  # fmt: skip
PATTERNS = [
    "a", "foo", "./foo", "/foo", "foo/", "foo*", "*.c", "*o", "f?o", "a/b", "a*b", "./a", "./a/*", "a/*", "*/foo",
    "[ab]", "[!a]", "[^a]", "[a", "x\\*y", "x[*]y", "x\\?y", "[[]a]", "\\[a\\]", "a\\", "a\\\\", "a\\b", "*\\", "a[\\]",
    "[]]", "[!]]", "[-]", "[a-]", "[!a-z]", "[[:alpha:]]", "[[:alpha:][:digit:]]b", "[[:nope:]]", "[[=a=]]b", "[[.-.]]",
    "caf?", "caf[é]", "?", "??", "*", ".", "./", "..", ".*", ".h*", "", "with space", "new?line", "new[\n]line", "**b",
    "*a*b*", "[z-a]", "a/a/a", "foo/b/a", "foo/?", "./*/b", "[[:alpha:]", "[[:", "~", "[^!]", "[!^]", "a-b", "[+--]",
    "[a-c]", "[\\a]", "[\\]]", "[a\\]b]", "x[?*]y", "**", "?*", "*?", "*/", "./././a", "a//b", "[[.ab.]]",
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[bytes]]:
    """A directory with every name at two levels and a few at a third, and its paths in sorted order."""
    root = os.fsencode(tmp_path_factory.mktemp("excluded"))
    for directory in (b"", b"foo/", b"a/", b"a/a/", b"foo/b/"):
        os.makedirs(root + b"/" + directory, exist_ok=True)
    for directory in (b"", b"foo/", b"a/", b"a/a/", b"foo/b/"):
        for name in NAMES:
            path = root + b"/" + directory + name
            if not os.path.isdir(path):
                Path(os.fsdecode(path)).touch()
    paths = [b""]
    for parent, directories, files in os.walk(root):
        paths += [os.path.relpath(os.path.join(parent, name), root) for name in directories + files]
    return root, sorted(paths)


def kept_by_tar(root: bytes, patterns: list[str]) -> set[bytes]:
    """The paths that GNU tar, called as upstream calls it, puts into the archive."""
    command = ["tar", "-c", "--format=gnu", *(f"--exclude={pattern}" for pattern in patterns), "."]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    archive = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape", encoding="utf-8") as members:
        return {os.fsencode(name).removeprefix(b".").removeprefix(b"/") for name in members.getnames()}


def kept_by_us(paths: list[bytes], patterns: list[str]) -> set[bytes]:
    """The paths that a scan reaches: nothing below an excluded directory."""
    exclusion = Exclusion(patterns)
    kept: set[bytes] = set()
    for path in paths:
        if (not path or path.rpartition(b"/")[0] in kept) and not exclusion.matches(path):
            kept.add(path)
    return kept


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_excludes_what_gnu_tar_excludes(tree: tuple[bytes, list[bytes]], pattern: str) -> None:
    root, paths = tree
    assert kept_by_us(paths, [pattern]) == kept_by_tar(root, [pattern])


def test_random_patterns_exclude_what_gnu_tar_excludes(tree: tuple[bytes, list[bytes]]) -> None:
    root, paths = tree
    chance = random.Random(20261121)
    alphabet = ["a", "b", "foo", "/", "*", "?", "[", "]", "!", "-", "\\", ".", "[ab]", "[!b]", "./", "^", "[a-", "é"]
    for _ in range(150):
        pattern = "".join(chance.choices(alphabet, k=chance.randint(1, 5)))
        assert kept_by_us(paths, [pattern]) == kept_by_tar(root, [pattern]), pattern


def test_several_patterns_exclude_the_union(tree: tuple[bytes, list[bytes]]) -> None:
    root, paths = tree
    patterns = ["*.c", "./a/b", "nothing/", "[[:punct:]]"]
    assert kept_by_us(paths, patterns) == kept_by_tar(root, patterns)
    assert Exclusion(patterns).idle == ("nothing/",)


def test_everything_below_an_excluded_directory_matches_too() -> None:
    assert Exclusion(["cache"]).matches(b"home/cache/x/y")
    assert not Exclusion(["cache"]).matches(b"home/caches/x")


def test_without_patterns_nothing_is_excluded() -> None:
    assert not Exclusion([]).matches(b"a")
    assert not Exclusion([]).matches(b"")


def test_a_wildcard_takes_one_byte_where_a_name_is_not_utf8() -> None:
    assert Exclusion(["./??"]).matches(b"\xff\xfe")
    assert not Exclusion(["./?"]).matches(b"\xff\xfe")
