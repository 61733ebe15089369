"""An attacker who can write in the target exchanges directories, links and files while root restores into it.

GNU tar and others write outside the target in this race. Here it is shortened; what must hold is exact all the same:
nothing outside is created, changed or removed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restoring import attributes, leftovers, sandbox

FILES = 3000

# Runs in a process of its own, so that it is not held up by our interpreter.
ATTACKER = """
import os, sys
target, victim = sys.argv[1:]
os.chdir(target)
print("ready", flush=True)
while True:
    for move in (
        lambda: (os.rename("dir", "aside"), os.symlink(victim, "dir")),
        lambda: (os.unlink("dir"), os.rename("aside", "dir")),
        lambda: (os.rename("dir/deep", "dir/aside"), os.symlink(victim, "dir/deep")),
        lambda: (os.unlink("dir/deep"), os.rename("dir/aside", "dir/deep")),
        lambda: os.symlink(victim + "/file", "dir/deep/file"),
        lambda: (os.unlink("dir/fifo"), os.symlink(victim + "/file", "dir/fifo")),
        lambda: (os.unlink("dir/link"), os.link(victim + "/file", "dir/link")),
    ):
        try:
            move()
        except OSError:
            pass
"""


@contextmanager
def attacked(target: Path, victim: Path) -> Iterator[None]:
    command = [sys.executable, "-c", ATTACKER, str(target), str(victim)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            attacker.kill()


def facts(victim: Path) -> dict[str, tuple[object, ...]]:
    """What a restore could change; the number of names and so ctime are the attacker's own doing."""
    found = {}
    for path in (victim, *sorted(victim.iterdir())):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[path.name] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    return found


def test_nothing_outside_is_touched_while_names_are_exchanged(tmp_path: Path, resolver: str) -> None:
    victim, target = tmp_path / "victim", tmp_path / "target"
    victim.mkdir()
    for name in ("file", "link", "fifo"):
        (victim / name).write_bytes(b"precious")
    os.chmod(victim / "file", 0o600)
    (target / "dir" / "deep").mkdir(parents=True)
    before = facts(victim)
    theirs = attributes(0o6666, uid=1000, gid=1000) if os.geteuid() == 0 else attributes(0o666)
    parents = (b"dir/", b"dir/deep/", b"dir/deep/made/")
    with attacked(target, victim), sandbox(target) as box:
        for number in range(FILES):
            parent = parents[number % 3]
            kind = number // 3 % 10
            if kind == 0:
                box.symlink(parent + b"link", b"anywhere", theirs)
            elif kind == 1:
                box.fifo(parent + b"fifo", theirs)
            elif kind == 2:
                box.make_directory(parent + b"%d" % number)
                box.directory_attributes(parent + b"%d" % number, theirs)
                box.remove(parent + b"file")
            elif kind == 3:
                box.hard_link(parent + b"again", parent + b"file")
            else:
                name = (b"file", b"new", b"file%d" % number)[number % 5 % 3]
                box.write_file(parent + name, theirs, 4, [(0, b"evil")])
            if number % 300 == 0:
                # A long restore opens directories again and again.
                for other in range(70):
                    box.make_directory(b"other%d" % other)
        box.finish()
        assert box.failures, "the attack never got in the way"
    assert facts(victim) == before
    assert leftovers(target) == []


def test_a_removal_never_leaves_the_target_while_names_are_exchanged(tmp_path: Path, resolver: str) -> None:
    victim, target = tmp_path / "victim", tmp_path / "target"
    (victim / "sub").mkdir(parents=True)
    for number in range(50):
        (victim / f"file{number}").write_bytes(b"precious")
    (target / "dir" / "deep").mkdir(parents=True)
    before = facts(victim)
    with attacked(target, victim), sandbox(target) as box:
        for number in range(300):
            box.write_file(b"dir/deep/sub/file%d" % (number % 50), attributes(), 4, [(0, b"evil")])
            box.remove(b"dir/deep")
            if number % 10 == 0:
                box.remove(b"dir")
    assert facts(victim) == before
