"""Everything that an inode holds comes back at every level, on the disk's file system and on tmpfs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support.manifest import compare, make_manifest
from support.trees import edit_tree, make_tree

MEMORY = Path("/dev/shm")


@pytest.fixture(params=["disk", "memory"])
def place(request, tmp_path):
    """An empty directory on the file system of the disk, and one on tmpfs."""
    if request.param == "disk":
        yield tmp_path
        return
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("machine limit: no tmpfs here")
    directory = tempfile.mkdtemp(dir=MEMORY)
    yield Path(directory)
    shutil.rmtree(directory)


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "sealed"])
def test_a_rich_tree_comes_back_at_three_levels(agent, place, pass_file, encrypted):
    source, container = place / "rich", place / "stored"
    make_tree(source, seed=7)
    stored = ["--storage", "local", "-C", container, "-N", "rich", "--hostname", "h"]
    stored += ["--encrypt-pass-file", pass_file] if encrypted else []
    manifests = []
    for level in range(3):
        run = agent.call("backup", "-F", source, "--incremental", *stored)
        assert run.code == (0 if os.geteuid() == 0 else run.code), run.err
        manifests.append({path: entry for path, entry in make_manifest(source).items() if entry["type"] != "socket"})
        edit_tree(source, seed=level)
    for level, wanted in enumerate(manifests):
        target = place / f"out{level}"
        run = agent.call("restore", "--restore-abs-path", target, "--restore-level", level, *stored)
        assert run.code in (0, 3), run.err
        assert compare(wanted, make_manifest(target)) == []
