"""Power cuts: does every acknowledged backup survive one?

A User-Mode-Linux kernel (Debian: ``user-mode-linux``) runs backups and removals of one engine, one after the other, on
an ext4 disk of its own. After a random time the whole kernel is killed, and its page cache with it. The disk is checked
and mounted by the host; then every backup that was acknowledged must restore exactly, everything listed must pass
``check --read-data``, and the next backup must work. What is acknowledged is told to the host through hostfs, outside
of the disk that loses power.

``--without-fsync`` runs the same with fsync(2) made a no-op, to show that the rig notices. Needs root (loop mount).
It models the loss of everything that was not synchronised; not disks that lie, nor torn sectors.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KERNEL = "linux.uml"
FILES = 30
KEEP = 5
DISK_SIZE = 96 << 20
BOOT_LIMIT = 90.0
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/disk
mount /dev/ubda /mnt/disk || exit 1
exec {python} -B {script} workload --engine {engine} {flags} /mnt {acks}
"""


@dataclass(frozen=True)
class Engine:
    """``making`` are words of a backup, ``forget`` the action that lets backups go by rules. ``repository``: there has
    to be one first, which a secret opens, and space is given back by a prune."""

    making: Sequence[str]
    forget: str
    repository: bool = False


ENGINES = {
    "tar": Engine(("--max-level", "3"), "admin"),
    "dedup": Engine(("--engine", "dedup", "--pack-size", "1M", "--allow-empty-source"), "forget", repository=True),
}


def content(round_: int) -> dict[str, bytes]:
    """The source of round ``round_`` (name → bytes); about a quarter of the files change from one to the next."""
    return {f"file{number:02}": _file(number, round_) for number in range(FILES)}


def _file(number: int, round_: int) -> bytes:
    version = next(version for version in range(round_, -1, -1) if not version or _dice(number, version) % 4 == 0)
    size = _dice(number, version, "size") % 60_000
    return hashlib.shake_128(f"{number} {version}".encode()).digest(size)


def _dice(*of: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(of).encode()).digest()[:4], "big")


def agent(*words: object) -> tuple[int, object]:
    """Exit code and JSON document of one run of the program, in this process."""
    from freezer.cmd.agent import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words), "--json"])
    if code:
        print(f"{words[0]} ended with {code}: {err.getvalue().strip()}", flush=True)
    return code, json.loads(out.getvalue() or "null")


def stored(container: Path, engine: Engine) -> Sequence[object]:
    words = ("--storage", "local", "-C", container, "-N", "web", "--hostname", "h")
    return (*words, "--machine-secret-file", _secret(container)) if engine.repository else words


def _secret(container: Path) -> Path:
    """What opens the repository, on no disk that loses power."""
    path = container.parents[1] / "secret"
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(bytes(range(32)))
    return path


def workload(top: Path, acks: Path, engine: Engine, *, without_fsync: bool) -> None:
    """Inside the kernel to be killed: back up and remove until the end, and tell the host of everything done."""
    if without_fsync:
        os.fsync = lambda _fd: None
    told = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_SYNC)

    def tell(kind: str, value: object) -> None:
        os.write(told, json.dumps([kind, value]).encode() + b"\n")

    container, source = top / "disk" / "container", top / "source"
    source.mkdir()
    tell("begins", 0)
    if engine.repository:
        code, _ = agent("init", *stored(container, engine))
        tell("failed" if code else "made", code)
    for round_ in range(10_000):
        for name, data in content(round_).items():
            if not (source / name).exists() or (source / name).read_bytes() != data:
                (source / name).write_bytes(data)
        before = _listed(container, engine) if round_ else set()
        code, _ = agent("backup", "-F", source, *engine.making, *stored(container, engine))
        if code:
            tell("failed", round_)
            return
        [made] = _listed(container, engine) - before
        tell("backup", [made, round_])
        if round_ % 4 == 3:
            _remove(container, engine, tell)


def _listed(container: Path, engine: Engine) -> set[str]:
    _, rows = agent("list", *stored(container, engine))
    assert isinstance(rows, list)
    return {row["id"] for row in rows}


def _remove(container: Path, engine: Engine, tell: Callable[[str, object], None]) -> None:
    words = (engine.forget, "--keep-last", KEEP, *stored(container, engine))
    _, plan = agent(*words, "--dry-run")
    assert isinstance(plan, dict)
    tell("may go", [removal["backup"] for removal in plan["remove"]])
    code, _ = agent(*words)
    if not code and engine.repository:
        code, _ = agent("prune", "--max-unused", "0%", *stored(container, engine))
    tell("removed" if code == 0 else "failed", code)


def cut(folder: Path, after: float, engine: str, *, without_fsync: bool) -> None:
    """One life of the kernel: start, wait for its first word, let it work for ``after`` seconds, kill it."""
    disk, acks, init = folder / "disk", folder / "acks", folder / "init"
    disk.unlink(missing_ok=True)
    acks.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(DISK_SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    flags = "--without-fsync" if without_fsync else ""
    script = Path(__file__).resolve()
    init.write_text(INIT.format(python=sys.executable, script=script, engine=engine, flags=flags, acks=acks))
    init.chmod(0o755)
    command = [KERNEL, "mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "con=null"]
    command += [f"ubda={disk}", f"init={init}", "con0=null,fd:1"]
    with (folder / "console").open("wb") as console:
        kernel = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
        )
        try:
            limit = time.monotonic() + BOOT_LIMIT
            while not acks.exists() or not acks.stat().st_size:
                if kernel.poll() is not None or time.monotonic() > limit:
                    raise SystemExit(f"the kernel did not start:\n{(folder / 'console').read_text('utf-8', 'replace')}")
                time.sleep(0.02)
            time.sleep(after)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(kernel.pid, signal.SIGKILL)
            kernel.wait()
    _wait_until_free(disk)


def _wait_until_free(disk: Path) -> None:
    """Until the last process of the dead kernel, which locks its disk, is gone."""
    limit = time.monotonic() + 10
    with disk.open("r+b") as file:
        while True:
            try:
                return fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > limit:
                    raise SystemExit("processes of the killed kernel are still there") from None
            time.sleep(0.05)


@contextlib.contextmanager
def mounted(disk: Path, place: Path) -> Iterator[None]:
    """``disk`` after the journal was replayed and the file system checked."""
    checked = subprocess.run(["e2fsck", "-fy", disk], capture_output=True, text=True, check=False)
    if checked.returncode > 1:
        raise SystemExit(f"the disk is beyond repair:\n{checked.stdout}")
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", disk, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def verify(folder: Path, engine: Engine) -> tuple[int, int, list[str]]:
    """How many backups were acknowledged and not given up, removals done, and what is wrong."""
    told = [json.loads(line) for line in (folder / "acks").read_text().splitlines() if line.endswith("]")]
    owed = {id_: round_ for kind, value in told if kind == "backup" for id_, round_ in [value]}
    for kind, value in told:
        if kind == "may go":
            owed = {id_: round_ for id_, round_ in owed.items() if id_ not in value}
    wrong = [f"an operation failed: {value}" for kind, value in told if kind == "failed"]
    removals = sum(kind == "removed" for kind, _ in told)
    container = folder / "mnt" / "container"
    with mounted(folder / "disk", folder / "mnt"):
        made = any(kind == "made" for kind, _ in told)
        if engine.repository and not made and agent("init", *stored(container, engine))[0]:
            made = agent("list", *stored(container, engine))[0] == 0  # it was made, but could not say so
            wrong += [] if made else ["there is half a repository, and none can be made"]
        if container.exists() or owed:
            wrong += _wrong(folder, container, engine, owed)
    return len(owed), removals, wrong


def _wrong(folder: Path, container: Path, engine: Engine, owed: dict[str, int]) -> Iterator[str]:
    words = stored(container, engine)
    listed = _listed(container, engine)
    yield from (f"{id_} was acknowledged and is not listed" for id_ in sorted(owed.keys() - listed))
    if (listed or not engine.repository) and agent("check", "--read-data", *words)[0]:
        yield "check --read-data finds damage"
    for id_ in sorted(owed.keys() & listed):
        out = folder / "out"
        code, _ = agent("restore", "--restore-abs-path", out, "--restore-backup-id", id_, *words)
        got = {path.name: path.read_bytes() for path in out.iterdir()} if out.exists() else {}
        if code or got != content(owed[id_]):
            yield f"{id_} does not restore (exit {code})"
        shutil.rmtree(out, ignore_errors=True)
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "file").write_text("next")
    if agent("backup", "-F", source, *engine.making, *words)[0]:
        yield "the next backup fails"
    if agent("check", "--read-data", *words)[0]:
        yield "check --read-data finds damage after the next backup"
    shutil.rmtree(source)


def sweep(runs: int, longest: float, seed: int, engine: str, *, without_fsync: bool) -> int:
    """All runs; the exit code."""
    chance = random.Random(seed)
    bad = backups = removed = 0
    with tempfile.TemporaryDirectory(prefix="freezer-power-cut-") as name:
        folder = Path(name)
        os.environ["HOME"] = name  # what this machine remembers of the last repository is none of the next one's
        for run in range(1, runs + 1):
            after = chance.uniform(0.3, longest)
            cut(folder, after, engine, without_fsync=without_fsync)
            owed, removals, wrong = verify(folder, ENGINES[engine])
            backups, removed, bad = backups + owed, removed + removals, bad + bool(wrong)
            print(f"run {run}: cut after {after:.1f} s: {owed} backups acknowledged, {removals} removals", flush=True)
            for line in wrong:
                print(f"  {line}", flush=True)
    print(
        f"{runs} power cuts, {backups} acknowledged backups, {removed} removals, {bad} runs with losses (seed {seed})"
    )
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-fsync", action="store_true", help="make fsync(2) do nothing")
    commands = parser.add_subparsers(dest="command", required=True)
    many = commands.add_parser("sweep")
    many.add_argument("--runs", type=int, default=20)
    many.add_argument("--longest", type=float, default=12.0, help="seconds of work before the power goes, at most")
    many.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    inside = commands.add_parser("workload")
    for each in (many, inside):
        each.add_argument("--without-fsync", action="store_true", default=argparse.SUPPRESS)
        each.add_argument("--engine", choices=ENGINES, default="tar")
    inside.add_argument("top", type=Path)
    inside.add_argument("acks", type=Path)
    options = parser.parse_args()
    if options.command == "workload":
        workload(options.top, options.acks, ENGINES[options.engine], without_fsync=options.without_fsync)
        return 0
    return sweep(options.runs, options.longest, options.seed, options.engine, without_fsync=options.without_fsync)


if __name__ == "__main__":
    sys.exit(main())
