"""Corpora are the same for everybody, look like what they stand for, and change as little as a day's work."""

from __future__ import annotations

import hashlib
import os
import zlib

import pytest
from benchmarks.corpora import CORPORA, SEED, edit, large, many, source
from benchmarks.corpora.text import SUBJECT, Author

MADE = {"source": source.make, "tiny": many.make, "large": large.make}
SCALE = {"source": 0.01, "tiny": 0.005, "large": 0.05}


def listing(folder):
    """Relative path → content's digest, modification time."""
    files = {path for path in folder.rglob("*") if path.is_file()}
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in files
    }


@pytest.fixture(params=MADE)
def name(request):
    return request.param


@pytest.fixture
def folder(tmp_path, name):
    made = tmp_path / name
    made.mkdir()
    MADE[name](made, SCALE[name], SEED)
    return made


def test_the_same_seed_makes_the_same_bytes_names_and_times(folder, name, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    MADE[name](again, SCALE[name], SEED)
    assert listing(again) == listing(folder)


def test_another_seed_makes_something_else(folder, name, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    MADE[name](other, SCALE[name], SEED + 1)
    assert not set(listing(other).values()) & set(listing(folder).values())


def test_the_same_edit_step_changes_two_equal_trees_equally(folder, name, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    MADE[name](again, SCALE[name], SEED)
    for tree in (folder, again):
        CORPORA[name].change(tree, 1)
    assert listing(again) == listing(folder)


def test_times_have_nanoseconds_and_no_two_files_share_one(folder):
    times = [time for _, time in listing(folder).values()]
    assert len(set(times)) == len(times)
    assert sum(time % 1_000_000_000 == 0 for time in times) <= 1


@pytest.mark.parametrize("name", ["source", "tiny"], indirect=True)
def test_an_edit_step_of_a_tree_touches_about_one_file_in_a_hundred(folder):
    before = listing(folder)
    directories = {path for path in folder.rglob("*") if path.is_dir()}
    edit.change_tree(folder, 1)
    after = listing(folder)
    touched = {entry for entry in after.values() if entry not in before.values()}
    gone = {entry for entry in before.values() if entry not in after.values()}
    assert 0.01 * len(before) <= len(touched) <= 0.01 * len(before) + 3
    assert len(gone) >= len(touched)  # each change, and the removals
    renamed = {path for path in folder.rglob("*") if path.is_dir()} - directories
    assert len(renamed) >= 1


@pytest.mark.parametrize("name", ["source", "tiny"], indirect=True)
def test_two_edit_steps_of_one_tree_differ(folder):
    edit.change_tree(folder, 1)
    once = listing(folder)
    edit.change_tree(folder, 2)
    assert listing(folder) != once


@pytest.mark.parametrize("name", ["large"], indirect=True)
def test_an_edit_step_of_large_files_leaves_most_bytes_as_they_were(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    edit.change_large(folder, 1)
    for path in folder.iterdir():
        old, new = before[path.name], path.read_bytes()
        assert new != old
        assert len(old) <= len(new) <= len(old) * 1.02
        if path.suffix != ".bin":
            same = sum(old[at : at + 4096] == new[at : at + 4096] for at in range(0, len(old), 4096))
            assert 0.8 < same * 4096 / len(old) < 1


@pytest.mark.parametrize("name", ["large"], indirect=True)
def test_large_files_compress_as_media_databases_and_disks_do(folder):
    ratio = {path.name: path.stat().st_size / len(zlib.compress(path.read_bytes())) for path in folder.iterdir()}
    assert ratio["media.bin"] < 1.01
    assert 1.5 < ratio["database.db"] < 5
    assert 1.5 < ratio["disk.raw"] < 5
    assert os.path.getsize(folder / "disk.raw") == os.path.getsize(folder / "database.db")


def test_text_compresses_like_source_text():
    author = Author(SEED)
    text = b"".join(author.function() for _ in range(500)).replace(SUBJECT, b"thing")
    assert 3 < len(text) / len(zlib.compress(text)) < 5
