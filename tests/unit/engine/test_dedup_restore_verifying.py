"""What a restore wrote is compared with the backup: every difference is found and named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import cast

import pytest

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.engine.dedup.restore.run import How
from freezer.engine.dedup.restore.verifying import verify
from freezer.errors import TargetError
from freezer.progress import NoProgress
from freezer.repository import trees
from freezer.repository.names import new_id
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.trees import Entry, Type
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox
from freezer.tree.system import geteuid
from support.restoring import (
    FILES,
    back_up,
    bring_back,
    entries_of,
    found_repository,
    make_source,
    opened,
    replaced,
    verified,
    with_tree,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_source(tmp_path / "source")
    return tmp_path / "source"


def test_a_good_restore_verifies(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    bring_back(repository, root, tmp_path / "restored")
    found = verify(opened(repository), root, os.fsencode(tmp_path / "restored"), Selection(), NoProgress())
    assert not found.failures
    assert found.items == FILES + 5 + 1


def test_every_difference_is_found(tmp_path: Path, source: Path) -> None:
    (source / "sparse").touch()
    os.truncate(source / "sparse", 1 << 20)
    (source / "link").symlink_to("somewhere")
    os.mkfifo(source / "fifo")
    repository = found_repository()
    root = back_up(repository, source)
    target = tmp_path / "restored"
    bring_back(repository, root, target)
    names = [f"0/{number:02}" for number in range(0, FILES, 5)]
    paths = {name: target / name for name in names}
    times = {name: path.stat().st_mtime_ns for name, path in paths.items()}

    def keep_time(name: str) -> None:
        os.utime(paths[name], ns=(0, times[name]))

    raw = paths[names[0]].read_bytes()
    paths[names[0]].write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    keep_time(names[0])
    paths[names[1]].write_bytes(b"short")
    keep_time(names[1])
    paths[names[2]].chmod(0o611)
    os.utime(paths[names[3]], ns=(0, 5))
    paths[names[4]].unlink()
    os.setxattr(paths[names[5]], "user.foreign", b"1")
    paths[names[6]].unlink()
    paths[names[6]].mkdir()
    with (target / "sparse").open("r+b") as file:
        file.seek(70_000)
        file.write(b"x")
    (target / "link").unlink()
    (target / "link").symlink_to("elsewhere")
    (target / "fifo").unlink()
    found = verified(repository, root, target)
    expected = {*names[:7], "sparse", "link", "fifo"}
    assert expected <= set(found)
    assert set(found) - expected <= {"0", "."}  # directories whose time has changed
    without = verified(repository, root, target, attributes=False, owners=False)
    assert set(without) == expected - {names[2], names[3], names[5]}


def test_a_target_that_is_gone_is_an_error_and_a_directory_a_difference(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    with pytest.raises(TargetError, match="cannot be verified"):
        verified(repository, root, tmp_path / "nowhere")
    bring_back(repository, root, tmp_path / "restored")
    shutil.rmtree(tmp_path / "restored/3")
    assert "3" in verified(repository, root, tmp_path / "restored", attributes=False)


@pytest.mark.skipif(geteuid() != 0, reason="machine limit: only root can make devices")
def test_devices_are_compared(tmp_path: Path, source: Path) -> None:
    os.mknod(source / "device", 0o020600, os.makedev(1, 3))
    repository = found_repository()
    root = back_up(repository, source)
    bring_back(repository, root, tmp_path / "restored")
    assert not verified(repository, root, tmp_path / "restored")
    (tmp_path / "restored/device").unlink()
    os.mknod(tmp_path / "restored/device", 0o020600, os.makedev(1, 5))
    assert "device" in verified(repository, root, tmp_path / "restored", attributes=False)


def test_content_that_is_not_known_is_a_difference(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    bring_back(repository, root, tmp_path / "restored")
    index, reader = opened(repository).index, opened(repository).reader
    index.drop([name for name in index.packs if name.startswith("packs/")])
    found = verify(
        Opened(repository, index, reader), root, os.fsencode(tmp_path / "restored"), Selection(), NoProgress()
    )
    assert len(found.failures) == FILES
    with_verify = bring_back(
        Opened(repository, index, reader),
        root,
        tmp_path / "restored",
        policy=Policy.IF_CHANGED,
        how=How(verify=True),
    )
    assert with_verify.files == FILES  # read again, from packs that the reader still knows


@pytest.mark.skipif(geteuid() != 0, reason="machine limit: only root can give files away")
def test_owners_are_compared_if_asked_for(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    bring_back(repository, root, tmp_path / "restored")
    os.chown(tmp_path / "restored/0/00", 12345, 12345)
    assert set(verified(repository, root, tmp_path / "restored")) == {"0/00"}
    assert not verified(repository, root, tmp_path / "restored", owners=False)


def test_a_tree_of_which_the_paths_are_too_long_is_restored(tmp_path: Path, source: Path) -> None:
    repository = found_repository()
    root = back_up(repository, source)
    (file, *_) = entries_of(repository, root, cast(bytes, entries_of(repository, root)[0].content))
    writer, depth = ChunkWriter(repository, new_id(repository.clock), opened(repository).index), 300
    entries = [replaced(file, name=b"file")]
    for _ in range(depth):
        tree = trees.write(entries, repository.keys.ids.name_hash, lambda data: writer.store(Use.TREE, data))
        entries = [Entry(b"a name that is long", Type.DIRECTORY, 0o755, geteuid(), os.getegid(), 10**18, content=tree)]
    writer.finish()
    deep = with_tree(repository, root, entries)
    result = bring_back(repository, deep, tmp_path / "restored")
    assert not result.problems()
    assert (result.files, result.directories) == (1, depth + 1)
    found = verify(opened(repository), deep, os.fsencode(tmp_path / "restored"), Selection(), NoProgress())
    assert not found.failures
    remove_deep(tmp_path / "restored")


def remove_deep(top: Path) -> None:
    """What :func:`shutil.rmtree` cannot: its paths become too long."""
    with Sandbox(top, policy=Policy.NEVER, devices=False) as box:
        assert box.remove(b"a name that is long")
