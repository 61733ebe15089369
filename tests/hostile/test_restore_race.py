"""The race of a whole restore: while root writes 3000 files, somebody who may write in the target exchanges its
directories for links that lead outside.

One round for each order of entries by default; ``FREEZER_RACE_TRIALS=50`` runs a hundred.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_tarball import END, directory, file, hard_link, listed, node, pax, symlink

from freezer.cmd import agent as program
from support.stored import key, local, put

FILES = 3000
TRIALS = int(os.environ.get("FREEZER_RACE_TRIALS", "1"))
PLACES = (b"dir", b"dir/deep", b"dir/deep/new")

ATTACKER = """
import os, signal, sys
target, victim = sys.argv[1:]
os.chdir(target)
swaps = 0
def end(*_):
    print(swaps, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
def swap(name, aside):
    global swaps
    os.rename(name, aside)
    os.symlink(victim, name)
    swaps += 1
def back(name, aside):
    os.unlink(name)
    os.rename(aside, name)
moves = (
    lambda: swap("dir", "aside"),
    lambda: back("dir", "aside"),
    lambda: swap("dir/deep", "dir/away"),
    lambda: back("dir/deep", "dir/away"),
    lambda: swap("dir/deep/new", "dir/deep/gone"),
    lambda: back("dir/deep/new", "dir/deep/gone"),
    lambda: os.symlink(victim + "/file", "dir/deep/0"),
    lambda: (os.unlink("dir/7"), os.symlink(victim + "/file", "dir/7")),
    lambda: (os.unlink("dir/link"), os.link(victim + "/file", "dir/link")),
)
parent = os.getppid()
while os.getppid() == parent:
    for move in moves:
        try:
            move()
        except OSError:
            pass
"""

CHAIN_ATTACKER = """
import os, signal, sys
target, victim = sys.argv[1:]
os.chdir(target)
swaps = 0
def end(*_):
    print(swaps, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    for name in os.listdir("."):
        if name.startswith("aside-"):
            continue
        try:
            os.rename(name, "aside-" + name)
            os.symlink(victim, name)
            swaps += 1
            os.unlink(name)
            os.rename("aside-" + name, name)
        except OSError:
            pass
"""


def chain() -> tuple[bytes, bytes]:
    """Two levels in our order and with our mark: the newer one has a file in a hundred, the older one the rest."""
    mark = pax((b"FREEZER.archive", b"1"))
    folders = [b"new%02d" % number for number in range(FILES // 100)]
    names = [b"%02d" % number for number in range(100)]
    levels = []
    for letters in (b"Y" + b"N" * 99, b"Y" * 100):
        parts = [mark, listed(b".", *(b"D" + folder for folder in folders))]
        for folder in folders:
            entries = list(zip(letters, names, strict=True))
            parts.append(listed(folder, *(bytes((letter,)) + name for letter, name in entries), mode=0o777))
            parts += [file(folder + b"/" + name, mode=0o666) for letter, name in entries if letter == ord("Y")]
        levels.append(b"".join(parts) + END)
    return levels[1], levels[0]


def archive(lists: bool) -> bytes:
    """3000 entries in three directories, in the order of our archives or in that of ordinary ones."""
    names = [(PLACES[number % 3], b"%d" % number) for number in range(FILES)]
    parts = []
    if lists:
        below = {PLACES[0]: b"Ddeep", PLACES[1]: b"Dnew"}
        parts.append(listed(b".", b"Ddir"))
        for place in PLACES:
            stored = [b"Y" + name for folder, name in names if folder == place]
            folders = [below[place]] if place in below else []
            parts.append(listed(place, *folders, *stored, mode=0o777))
            parts += [
                entry(folder + b"/" + name, number) for number, (folder, name) in enumerate(names) if folder == place
            ]
    else:
        parts += [directory(place, mode=0o777) for place in PLACES]
        for number, (folder, name) in enumerate(names):
            parts.append(entry(folder + b"/" + name, number))
            if number % 300 == 0:
                # More directories than stay open: the three are opened by their names again.
                parts += [directory(b"other%d" % other) for other in range(70)]
    return b"".join(parts) + END


def entry(path: bytes, number: int) -> bytes:
    if number % 20 == 7:
        return symlink(path, b"anywhere")
    if number % 20 == 8:
        return node(path, b"6", mode=0o666)
    if number % 20 == 12:
        return hard_link(path, path.rpartition(b"/")[0] + b"/%d" % (number - 3))
    return file(path, mode=0o6666)


def facts(victim: Path) -> dict[str, tuple[object, ...]]:
    """What a restore could change; the number of names, and so the ctime, is the attacker's own doing."""
    found = {}
    for path in (victim, *sorted(victim.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: an attack on root")
@pytest.mark.parametrize("lists", [True, False], ids=["incremental", "ordinary"])
def test_a_whole_restore_writes_nothing_outside_while_directories_are_exchanged(
    tmp_path: Path, lists: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    container, victim = tmp_path / "container", tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_bytes(b"precious")
    (victim / "file").chmod(0o600)
    storage = local(container)
    put(storage, key(0, 1_700_000_000, name="h_web"), data=gzip.compress(archive(lists), 1))
    storage.close()
    before = facts(victim)
    swaps = 0
    for trial in range(TRIALS):
        target = tmp_path / f"target{trial}"
        (target / "dir" / "deep" / "new").mkdir(parents=True)
        command = [sys.executable, "-c", ATTACKER, str(target), str(victim)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == "ready\n"
            words = ["-C", str(container), "-N", "web", "--hostname", "h", "--overwrite", "-q"]
            code = program.main(["restore", "--restore-abs-path", str(target), "--storage", "local", *words])
            attacker.terminate()
            swaps += int(attacker.stdout.readline())
        assert code in (0, 3)
        assert "Traceback" not in capfd.readouterr().err
        assert facts(victim) == before
        subprocess.run(["rm", "-rf", "--", str(target)], check=True)
    assert swaps > 10 * TRIALS, "the attack never got in the way"
    with capfd.disabled():
        sys.stderr.write(
            f"{TRIALS} trials, {swaps} exchanges of a directory, 0 files outside, 0 foreign files changed\n"
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: an attack on root")
def test_a_chain_is_restored_into_its_own_directories_while_they_are_exchanged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directories that are at a temporary name, for the first and for the second time, among them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    container, victim = tmp_path / "container", tmp_path / "victim"
    victim.mkdir()
    (victim / "00").write_bytes(b"precious")
    (victim / "00").chmod(0o600)
    storage = local(container)
    for level, stored in enumerate(chain()):
        put(storage, key(level, 1_700_000_000 + level, zero=1_700_000_000, name="h_web"), data=gzip.compress(stored, 1))
    storage.close()
    before = facts(victim)
    swaps = 0
    for trial in range(TRIALS):
        target = tmp_path / f"target{trial}"
        target.mkdir()
        command = [sys.executable, "-c", CHAIN_ATTACKER, str(target), str(victim)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == "ready\n"
            words = ["-C", str(container), "-N", "web", "--hostname", "h", "--overwrite", "-q"]
            code = program.main(["restore", "--restore-abs-path", str(target), "--storage", "local", *words])
            attacker.terminate()
            swaps += int(attacker.stdout.readline())
        assert code in (0, 3)
        assert "Traceback" not in capfd.readouterr().err
        assert facts(victim) == before
        subprocess.run(["rm", "-rf", "--", str(target)], check=True)
    assert swaps > 10 * TRIALS, "the attack never got in the way"


def test_the_chain_of_the_race_is_restored_whole_when_nobody_interferes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    storage = local(tmp_path / "container")
    for level, stored in enumerate(chain()):
        put(storage, key(level, 1_700_000_000 + level, zero=1_700_000_000, name="h_web"), data=gzip.compress(stored, 1))
    storage.close()
    words = ["-C", str(tmp_path / "container"), "-N", "web", "--hostname", "h", "-q"]
    target = tmp_path / "target"
    assert program.main(["restore", "--restore-abs-path", str(target), "--storage", "local", *words]) == 0
    assert len([path for path in target.rglob("*") if path.is_file()]) == FILES
    assert all(path.name[0] != "." for path in target.rglob("*"))
