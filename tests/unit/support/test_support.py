from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from support import CONTAINERS
from support.manifest import compare, load_manifest, make_manifest
from support.random_trees import Edit, Node, apply, build, edits, trees
from support.trees import edit_tree, make_tree


def test_a_manifest_has_the_shape_of_the_stored_ones(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    made = make_manifest(tmp_path / "t")
    stored = load_manifest(CONTAINERS / "upstream-tar-gzip-none" / "source-level0.json")

    def keys(manifest: dict[str, dict[str, object]]) -> dict[object, set[str]]:
        by_type: dict[object, set[str]] = {}
        for entry in manifest.values():
            by_type.setdefault(entry["type"], set()).update(entry)
        return by_type

    for kind, seen in keys(stored).items():
        assert seen <= keys(made)[kind], kind


def test_a_manifest_survives_json(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    made = make_manifest(tmp_path / "t")
    (tmp_path / "m.json").write_text(json.dumps(made))
    assert compare(made, load_manifest(tmp_path / "m.json"), ignore=()) == []


def test_the_same_seed_makes_the_same_tree_and_the_same_edits(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_tree(tmp_path / name, seed=3)
    assert compare(make_manifest(tmp_path / "one"), make_manifest(tmp_path / "other"), ignore=()) == []
    for name in ("one", "other"):
        edit_tree(tmp_path / name, seed=4)
        edit_tree(tmp_path / name, seed=5)
    one, other = make_manifest(tmp_path / "one"), make_manifest(tmp_path / "other")
    assert compare(one, other, ignore=("mtime_ns", "alloc")) == []


def test_the_rich_tree_has_every_type_and_edits_change_many_things(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    before = make_manifest(tmp_path / "t")
    types = {"file", "dir", "symlink", "fifo"}
    assert types <= {entry["type"] for entry in before.values()}
    assert any("hardgroup" in entry for entry in before.values())
    assert any(str(entry["mtime_ns"]).startswith("-") for entry in before.values())
    sparse = before["data/sparse"]
    assert sparse["alloc"] < sparse["size"]
    edit_tree(tmp_path / "t")
    differences = compare(before, make_manifest(tmp_path / "t"))
    assert len(differences) > 50
    for word in ("is missing", "should not be there", ": mode", ": sha256", ": target", ": type", ": hardgroup"):
        assert any(word in line for line in differences), word


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("mode", "0o600", "'a': mode should be '0o644' and is '0o600'"),
        ("mtime_ns", 7_000_000_000, "'a': mtime_ns should be 5000000001 and is 7000000000"),
        ("size", None, "'a': size should be 3 and is None"),
    ],
)
def test_differences_are_sentences(key: str, value: object, sentence: str) -> None:
    expected = {"a": {"type": "file", "mode": "0o644", "mtime_ns": 5_000_000_001, "size": 3}}
    got = {"a": {**expected["a"], key: value}}
    assert compare(expected, got) == [sentence]
    assert compare(expected, got, ignore=(key,)) == []
    assert compare(expected, {}) == ["'a' (file) is missing"]
    assert compare({}, got) == ["'a' (file) should not be there"]


def test_whole_seconds_round_down_also_before_1970() -> None:
    def at(time: int) -> dict[str, dict[str, object]]:
        return {"a": {"type": "dir", "mtime_ns": time}}

    assert compare(at(-1), at(-1_000_000_000), whole_seconds=True) == []
    assert compare(at(999_999_999), at(0), whole_seconds=True) == []
    assert compare(at(-1), at(0), whole_seconds=True) != []


@given(trees(), edits())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_trees_are_made_alike_twice(tmp_path: Path, tree: list[Node], changes: list[Edit]) -> None:
    manifests = []
    for name in ("one", "other"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        build(tmp_path / name, tree)
        apply(tmp_path / name, changes)
        manifests.append(make_manifest(tmp_path / name))
    assert compare(*manifests, ignore=("mtime_ns", "alloc")) == []


SAMPLES = sorted(path.name for path in CONTAINERS.iterdir() if path.is_dir())


def test_the_readme_names_every_sample_container() -> None:
    readme = (CONTAINERS / "README.md").read_text()
    assert len(SAMPLES) == 9
    assert [name for name in SAMPLES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("container", SAMPLES)
def test_every_sample_container_is_described_at_three_levels(container: str) -> None:
    folder = CONTAINERS / container
    assert (folder / "store").is_dir()
    for level in range(3):
        assert len(load_manifest(folder / f"source-level{level}.json")) > 90
    assert (folder / "pass.txt").exists() is container.endswith("-enc")
