"""Each program restores every level that the other has written: edits, deletions, renames, links, types, odd names."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import gentle
import pytest
from peers import Program

from freezer.clock import utc_text
from support import trees
from support.manifest import Manifest, compare, make_manifest

LEVELS = 4
LOST = ("alloc", "xattrs")  # by GNU tar as the original calls it; and fractions of seconds
UNPACK = {"gzip": "zcat", "bzip2": "bzcat", "xz": "xzcat"}


def cipher_words(cipher: str, pass_file: Path) -> list[object]:
    return ["--encrypt-pass-file", pass_file] if cipher else []


def assert_same(wanted: Manifest, target: Path, what: str) -> None:
    """The tree at ``target`` is ``wanted``, as far as GNU tar keeps it. Removes the tree."""
    differences = compare(wanted, make_manifest(target), ignore=LOST, whole_seconds=True)
    assert not differences, "\n".join([what, *differences])
    shutil.rmtree(target)


@pytest.mark.parametrize("cipher", ["", "aes-256-cfb"], ids=["plain", "cfb"])
@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_each_restores_every_level_of_the_other(
    ours: Program, upstream: Program, codec: str, cipher: str, pass_file: Path, tmp_path: Path
) -> None:
    key = cipher_words(cipher, pass_file)
    by_ours, by_upstream = tmp_path / "by-ours", tmp_path / "by-upstream"
    source = tmp_path / "source"
    trees.make_tree(source, 1)
    states = []
    for level in range(LEVELS):
        if level:
            trees.edit_tree(source, level + 1)
        states.append(make_manifest(source))
        words = ["--incremental", "--compression", codec, *key]
        ours.on(by_ours).backup(source, *words, *(["--encryption", cipher] if cipher else []))
        upstream.on(by_upstream).backup(source, *words)
    assert ours.on(by_ours).levels() == ours.on(by_upstream).levels() == list(range(LEVELS))
    for reader, container in ((upstream, by_ours), (ours, by_upstream)):
        program = reader.on(container)
        for state, (level, time) in zip(states, program.keys(), strict=True):
            program.restore(tmp_path / "out", "--restore-from-date", utc_text(time), *key)
            assert_same(state, tmp_path / "out", f"{program} restores level {level}")


def alternate(turns: list[Program], source: Path, edit: Callable[[Path, int], None], *key: object) -> list[Manifest]:
    """Levels 0 to 4 of ``source``, the programs taking turns; what was there each time."""
    states = []
    for level in range(5):
        if level:
            edit(source, level)
        states.append(make_manifest(source))
        # a chain keeps its cipher, so only where ours begins it must it be told
        begin = ["--encryption", "aes-256-cfb"] if key and level == 0 and turns[0].name == "ours" else []
        turns[level % 2].backup(source, "--incremental", *key, *begin)
    assert turns[0].levels() == [0, 1, 2, 3, 4]
    return states


@pytest.mark.parametrize("first", ["ours", "upstream"])
@pytest.mark.parametrize("cipher", ["", "aes-256-cfb"], ids=["plain", "cfb"])
def test_a_chain_alternates_between_the_programs_and_both_restore_every_level(
    ours: Program, upstream: Program, tar_folder: Path, first: str, cipher: str, pass_file: Path, tmp_path: Path
) -> None:
    upstream = upstream.on(upstream.container, PATH=f"{tar_folder}:{os.environ['PATH']}")
    key = cipher_words(cipher, pass_file)
    source = tmp_path / "source"
    gentle.make_tree(source)
    turns = [ours, upstream] if first == "ours" else [upstream, ours]
    states = alternate(turns, source, gentle.edit_tree, *key)
    for program in (ours, upstream):
        for state, (level, time) in zip(states, program.keys(), strict=True):
            program.restore(tmp_path / "out", "--restore-from-date", utc_text(time), *key)
            assert_same(state, tmp_path / "out", f"{program} restores level {level}")


@pytest.mark.parametrize("first", ["ours", "upstream"])
def test_we_restore_alternating_chains_even_where_the_original_cannot(
    ours: Program, upstream: Program, first: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 1)
    turns = [ours, upstream] if first == "ours" else [upstream, ours]
    states = alternate(turns, source, trees.edit_tree)
    for state, (level, time) in zip(states, ours.keys(), strict=True):
        ours.restore(tmp_path / "out", "--restore-from-date", utc_text(time))
        assert_same(state, tmp_path / "out", f"ours restores level {level}")


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz"])
def test_gnu_tar_alone_restores_every_level(ours: Program, tar_folder: Path, codec: str, tmp_path: Path) -> None:
    tar = tar_folder / "tar"
    quiet = ["--warning=no-unknown-keyword", "--warning=no-timestamp"]
    by_hand = [tar, "--listed-incremental=/dev/null", "-x", *quiet, "-f", "-", "-C"]
    as_upstream = [tar, "--incremental", "--extract", "--ignore-zeros", "--warning=none", "--overwrite", "--directory"]
    targets = {tmp_path / "by-hand": by_hand, tmp_path / "as-upstream": as_upstream}
    source = tmp_path / "source"
    trees.make_tree(source, 1)
    for level in range(LEVELS):
        if level:
            trees.edit_tree(source, level + 1)
        ours.backup(source, "--incremental", "--compression", codec)
        data = max(ours.container.glob(f"data/tar/h_web/*/{level}_*/data"))
        for target, command in targets.items():
            target.mkdir(exist_ok=True)
            with subprocess.Popen([UNPACK[codec], data], stdout=subprocess.PIPE) as unpacked:
                done = subprocess.run([*command, target], stdin=unpacked.stdout, capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, b"")
            differences = compare(make_manifest(source), make_manifest(target), ignore=LOST, whole_seconds=True)
            assert differences == []
