from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezer.errors import SourceError, UsageError
from freezer.model.items import ItemFailure
from freezer.tree import checksum
from freezer.tree.checksum import FILE_PREFIX, TREE_PREFIX, compute, parse, upstream_checksum
from support.random_trees import Edit, Node, apply, build, edits, trees
from support.trees import edit_tree, make_tree


def verify(path: bytes, expected: str) -> str | None:
    return checksum.verify(path, parse(expected))


def small_tree(root: Path) -> bytes:
    (root / "d").mkdir(parents=True)
    (root / "d" / "file").write_bytes(b"content")
    (root / "a").write_bytes(b"")
    (root / "link").symlink_to("d/file")
    return os.fsencode(root)


def test_the_sum_is_what_its_description_says(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")

    def of(data: bytes) -> bytes:
        return hashlib.sha256(data).hexdigest().encode()

    records = [b"d", b"", b"", b"f", b"a", of(b""), b"d", b"d", b"", b"f", b"d/file", of(b"content")]
    records += [b"l", b"link", b"d/file"]
    joined = b"".join(t + p + b"\0" + x + b"\0" for t, p, x in zip(*[iter(records)] * 3, strict=True))
    assert compute(root) == TREE_PREFIX + hashlib.sha256(joined).hexdigest()


def test_equal_trees_have_equal_sums_whatever_order_they_were_made_in(tmp_path: Path) -> None:
    names = [f"{i}-{'n' * (i % 7)}" for i in range(300)]
    for folder, order in (("one", names), ("other", sorted(names, reverse=True))):
        (tmp_path / folder).mkdir()
        for name in order:
            (tmp_path / folder / name).write_text(name)
    assert compute(os.fsencode(tmp_path / "one")) == compute(os.fsencode(tmp_path / "other"))


def test_owners_modes_and_times_do_not_count(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    before = compute(root)
    os.chmod(root + b"/a", 0o600)
    os.utime(root + b"/d/file", (1, 1))
    assert compute(root) == before


CHANGES: list[Callable[[bytes], object]] = [
    lambda root: os.truncate(root + b"/d/file", 3),
    lambda root: os.rename(root + b"/a", root + b"/b"),
    lambda root: os.unlink(root + b"/link") or os.symlink("a", root + b"/link"),
    lambda root: os.unlink(root + b"/a"),
    lambda root: os.unlink(root + b"/a") or os.mkdir(root + b"/a"),
    lambda root: os.mkdir(root + b"/new"),
    lambda root: os.mkfifo(root + b"/fifo"),
    lambda root: os.rename(root + b"/d/file", root + b"/file"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_names_types_contents_and_targets_counts(
    tmp_path: Path, change: Callable[[bytes], object]
) -> None:
    root = small_tree(tmp_path / "t")
    before = compute(root)
    change(root)
    assert compute(root) != before
    assert verify(root, before) is not None


def test_a_rich_tree_and_its_copy_agree_until_one_is_edited(tmp_path: Path) -> None:
    make_tree(tmp_path / "t", seed=1)
    make_tree(tmp_path / "u", seed=1)
    failures: list[ItemFailure] = []
    before = compute(os.fsencode(tmp_path / "t"), failures=failures)
    if os.geteuid() == 0:
        assert failures == []
        assert verify(os.fsencode(tmp_path / "u"), before) is None
    edit_tree(tmp_path / "u")
    assert verify(os.fsencode(tmp_path / "u"), before) is not None


@given(trees(), edits())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_verifies_and_equal_sums_mean_equal_trees(
    tmp_path: Path, tree: list[Node], changes: list[Edit]
) -> None:
    root = tmp_path / "t"
    shutil.rmtree(root, ignore_errors=True)
    build(root, tree)
    path = os.fsencode(root)
    before, plain_before = compute(path), _plainly(path)
    assert verify(path, before) is None
    assert verify(path, upstream_checksum(path)) is None
    apply(root, changes)
    assert (compute(path) == before) is (_plainly(path) == plain_before)


def _plainly(root: bytes) -> dict[bytes, object]:
    """What a sum covers, gathered another way."""
    seen: dict[bytes, object] = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = os.path.join(folder, name)
            state = os.lstat(path)
            content: object = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                content = Path(os.fsdecode(path)).read_bytes()
            seen[path] = (state.st_mode & 0o170000, content)
    return seen


def test_excluded_paths_do_not_count(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    without = compute(root, excluded=lambda path: path == b"d")
    shutil.rmtree(root + b"/d")
    assert compute(root) == without


def test_followed_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    os.symlink("nowhere", root + b"/dangling")
    followed = compute(root, follow_links=True)
    os.unlink(root + b"/link")
    shutil.copy(root + b"/d/file", root + b"/link")
    assert compute(root) == followed


def test_links_that_lead_in_a_circle_are_reported_and_end(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    os.symlink("..", root + b"/d/up")
    failures: list[ItemFailure] = []
    compute(root, follow_links=True, failures=failures)
    assert [failure.path for failure in failures] == ["d/up"]


def test_links_out_of_the_tree_are_never_followed_when_verifying(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    (tmp_path / "outside").mkdir()
    os.symlink("../outside", root + b"/out")
    before = compute(root)
    upstream = upstream_checksum(root)
    (tmp_path / "outside" / "new").write_text("x")
    assert verify(root, before) is None
    assert verify(root, upstream) is None


def test_what_cannot_be_read_is_left_out_and_listed(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    make_too_deep(root)
    failures: list[ItemFailure] = []
    total = compute(root, failures=failures)
    assert [failure.reason for failure in failures] == ["File name too long"]
    assert failures[0].path.startswith("x" * 250 + "/")
    assert verify(root, total) == f"consistency check: cannot read {failures[0].path}: File name too long"


def make_too_deep(root: bytes) -> None:
    """Directories within each other until the path of the last is longer than a system call takes."""
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(18):
        os.mkdir(b"x" * 250, dir_fd=descriptor)
        below = os.open(b"x" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_failure(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    os.chmod(root + b"/a", 0)
    failures: list[ItemFailure] = []
    total = compute(root, failures=failures)
    assert failures == [ItemFailure("a", "Permission denied")]
    reason = verify(root, total)
    assert reason is not None
    assert "cannot read a: Permission denied" in reason


def test_a_single_file_is_found_by_its_name(tmp_path: Path) -> None:
    for name in ("plain", "two words\n%:", "ünï"):
        source = tmp_path / "source" / name
        source.parent.mkdir(exist_ok=True)
        source.write_text("x")
        total = compute(os.fsencode(source))
        assert total.startswith(FILE_PREFIX)
        assert total.isprintable()
        target = tmp_path / f"target of {len(name)}"
        shutil.copytree(source.parent, target)
        assert verify(os.fsencode(target), total) is None
        (target / name).write_text("y")
        assert verify(os.fsencode(target), total) is not None
        (target / name).unlink()
        assert "No such file" in (verify(os.fsencode(target), total) or "")
        (target / name).symlink_to(source)
        assert verify(os.fsencode(target), total) is not None


def original(path: Path) -> str:
    """The original's sum as its description says, for a tree without links to directories."""
    running, result = hashlib.sha256(), ""
    for folder, _, files in os.walk(path):
        relative = os.path.relpath(folder, path)
        for name in (None, *files):
            text = "." if relative == "." else f"./{relative}"
            if name is not None:
                text += f"/{name}"
            full = path / text
            running.update(
                full.read_bytes() if full.is_file() and not full.is_symlink() else text.encode("unicode-escape")
            )
            entry = running.hexdigest()
            if result:
                running.update((result + entry).encode())
                result = running.hexdigest()
            else:
                result = entry
    return result


def test_the_original_s_sum_of_a_tree_is_accepted(tmp_path: Path) -> None:
    root = small_tree(tmp_path / "t")
    assert upstream_checksum(root) == original(tmp_path / "t")
    assert verify(root, original(tmp_path / "t")) is None
    (tmp_path / "t" / "a").write_text("changed")
    reason = verify(root, upstream_checksum(small_tree(tmp_path / "u")))
    assert reason is not None
    assert "depends on the order of directory entries" in reason


def test_the_original_s_sum_of_a_single_file_has_its_name_behind_it(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(b"abc")
    total = hashlib.sha256(b"abc").hexdigest() + "file.txt"
    assert upstream_checksum(os.fsencode(tmp_path / "file.txt")) == total
    assert verify(os.fsencode(tmp_path), total) is None
    (tmp_path / "file.txt").write_bytes(b"abd")
    assert verify(os.fsencode(tmp_path), total) is not None


def test_the_original_s_sum_of_an_empty_directory_has_a_name_behind_it_too(tmp_path: Path) -> None:
    total = hashlib.sha256(b".").hexdigest() + "source-folder"
    assert verify(os.fsencode(tmp_path), total) is None


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "abc",
        "z" * 64,
        TREE_PREFIX,
        TREE_PREFIX + "0" * 63,
        FILE_PREFIX + "0" * 64,
        FILE_PREFIX + "0" * 64 + ":..",
        FILE_PREFIX + "0" * 64 + ":a%2Fb",
        "0" * 64 + "..",
        "0" * 64 + "a/b",
    ],
)
def test_what_is_no_checksum_is_a_usage_error(bad: str) -> None:
    with pytest.raises(UsageError, match=r"^consistency_checksum: "):
        parse(bad)


def test_a_missing_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file or directory"):
        compute(os.fsencode(tmp_path / "missing"))


def test_blanks_around_a_given_sum_do_not_matter(tmp_path: Path) -> None:
    assert verify(os.fsencode(tmp_path), f" {compute(os.fsencode(tmp_path))}\n") is None


@given(st.text(alphabet="0123456789abcdefg:%./ frezt-sha256", max_size=120))
def test_parsing_never_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse(text)
