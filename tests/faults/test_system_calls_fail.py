"""The operating system refuses: every system call about the source, the container and the target, one after the other.

A first run under strace(1) shows which calls there are; then each is made to fail in a run of its own. The outcome is
always one of three: complete and exact; partial, with every item named and exit code 3; failed, with one clear line and
nothing visible. And the next run needs no help.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from stage import SCENARIOS, Scenario, Stage
from world import Run, Trials, World, change, finish, go, settle, start

from support.manifest import make_manifest

WRITING = (
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "link",
    "linkat",
    "unlink",
)
CREATING = ("openat", "openat2")
LOOKING = (
    *(
        "read",
        "readv",
        "pread64",
        "getdents64",
        "newfstatat",
        "readlinkat",
        "flistxattr",
        "listxattr",
        "flock",
        "lseek",
    ),
    *("fchmod", "fchown", "utimensat", "unlinkat", "rmdir", "readlink"),
)
TRACED = ",".join((*WRITING, *CREATING, *LOOKING))
ERRORS = {
    "write": ("ENOSPC", "EIO", "EDQUOT", "EACCES"),
    "create": ("ENOSPC", "EACCES", "EIO"),
    "look": ("EIO", "EACCES"),
}
PLACES = ("source", "container", "target")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@dataclass(frozen=True)
class Moment:
    """The ``number``-th ``call`` about ``path`` (what ``strace -P`` wants: a path, or a name given with a folder)."""

    call: str
    path: str
    number: int

    def fault(self, error: str) -> list[str]:
        trace, inject = f"trace={self.call}", f"inject={self.call}:error={error}:when={self.number}"
        return ["-P", self.path, "-e", trace, "-e", inject]

    @property
    def errors(self) -> tuple[str, ...]:
        return ERRORS["write" if self.call in WRITING else "create" if self.call in CREATING else "look"]


def traced(stage: Stage, log: Path, *options: str) -> Run:
    """A run under strace, with all names predictable."""
    log.unlink(missing_ok=True)
    prefix = ["strace", "-f", "-y", "-qq", "--seccomp-bpf", "-s", "300", "-o", str(log), *options]
    child = start(stage.argv, "--time", str(int(time.time()) // 100_000 * 100_000 + 200_000), prefix=prefix)
    go(child)
    return finish(child)


def moments(log: Path, world: World) -> Iterator[Moment]:
    """Every call that is about something below the source, the container or the target."""
    seen: Counter[tuple[str, str]] = Counter()
    ours = tuple(str(world.folder / place) for place in PLACES)
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"\d+ +(\w+)\((.*)", line)
        if match is None or not any(place in line for place in ours):
            continue
        call, rest = match.groups()
        opened = re.match(r"\d+<([^>]*)>", rest)
        named = re.search(r'"([^"]*)"', rest) if call not in ("write", "read", "pwrite64", "pread64", "readv") else None
        path = named[1] if named is not None and named[1] else opened[1] if opened is not None else ""
        if path and "\\" not in path:
            seen[call, path] += 1
            yield Moment(call, path, seen[call, path])


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["first backup", "increment", "backup and removal", "restore"])
def test_any_system_call_may_fail(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str], scenario: str
) -> None:
    stage = Stage(tmp_path, SCENARIOS[scenario], files=5)
    log = tmp_path / "strace.log"
    stage.reset()
    first = traced(stage, log, "-e", f"trace={TRACED}")
    assert first.code == 0, first.err
    every = [(moment, error) for moment in moments(log, stage.world) for error in moment.errors]
    assert len(every) > 100
    for moment, error in chance.sample(every, trials(4, min(len(every), 400))):
        print(f"{scenario}: {moment} {error}")
        stage.reset()
        run = traced(stage, log, *moment.fault(error))
        struck = "(INJECTED)" in log.read_text()
        outcome = stage.judge(run)
        counted[f"{error}: {outcome}" if struck else "not reached"] += 1
    counted["calls"] = len(every)


@needs_strace
def test_a_directory_that_cannot_be_given_its_mode_is_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    run = traced(stage, tmp_path / "strace.log", *Moment("fchmod", str(stage.target / "folder0"), 1).fault("EPERM"))
    assert run.code == 3
    assert "folder0: mode 0755 not set: Operation not permitted" in run.err


@needs_strace
def test_a_target_whose_attributes_cannot_be_read_is_named(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    run = traced(stage, tmp_path / "strace.log", *Moment("flistxattr", str(stage.target), 1).fault("EACCES"))
    assert run.code not in (0, 3)
    assert f"cannot restore to {stage.target}: Permission denied" in run.err


@needs_strace
def test_a_new_directory_that_cannot_be_opened_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    moment = Moment("openat", ".freezer-tmp-0000000000000002", 1)
    run = traced(stage, tmp_path / "strace.log", *moment.fault("EACCES"))
    assert run.code == 3
    assert "Permission denied" in run.err
    assert list(stage.target.rglob(".freezer-tmp-*")) == []


@pytest.mark.parametrize("action", ["backup", "restore"])
def test_short_reads_and_writes_change_nothing(tmp_path: Path, action: str) -> None:
    stage = Stage(tmp_path, Scenario(action, 1), files=12)
    stage.reset()
    child = start(stage.argv, "--short")
    go(child)
    assert stage.judge(finish(child)) == "exit 0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=60", "none", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"machine limit: cannot mount a small file system: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_backup_that_does_not_fit_leaves_the_container_as_it_was(small_disk: Path, chance: random.Random) -> None:
    world = World(small_disk.parent / "world", ["-M", "16K"])
    world.container.symlink_to(small_disk)
    change(world.source, chance, size=20_000)
    world.backup()
    before = {path: path.stat().st_size for path in small_disk.rglob("*") if path.is_file()}
    (world.source / "large").write_bytes(chance.randbytes(2 << 20))
    child = start(world.backup_words())
    go(child)
    run = finish(child)
    assert run.code == 1
    assert run.told_clearly()
    assert "No space left on device" in run.errors[0]
    assert {path: path.stat().st_size for path in small_disk.rglob("*") if path.is_file()} == before
    (world.source / "large").unlink()
    world.backup()
    assert settle(world, may_be_new=False, read_all=True) == []


def test_a_restore_that_does_not_fit_says_so_and_works_once_there_is_room(
    tmp_path: Path, small_disk: Path, chance: random.Random
) -> None:
    world = World(tmp_path / "world")
    (world.source / "large").write_bytes(chance.randbytes(600_000))
    world.backup()
    (small_disk / "ballast").write_bytes(bytes(700_000))
    target = small_disk / "target"
    child = start(world.restore_words(target))
    go(child)
    run = finish(child)
    assert run.code == 1
    assert run.told_clearly()
    assert "No space left on device" in run.errors[0]
    assert not (target / "large").exists()
    (small_disk / "ballast").unlink()
    child = start(world.restore_words(target, "--overwrite"))
    go(child)
    assert finish(child).code == 0
    assert make_manifest(target) == make_manifest(world.source)
