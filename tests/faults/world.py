"""What the fault tests share: a source that changes, a container, runs of the program, and an oracle.

The *oracle* (:attr:`World.owed`) knows every backup that was acknowledged, and the tree it was made of; it lives
outside of the container. :func:`settle` looks at the container after something went wrong and says what is not as
promised.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from freezer.cmd import agent as program
from support.manifest import Manifest, compare, make_manifest
from support.runs import Run
from support.served import TIME_LIMIT, Hung

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass
class World:
    """One source, one container and what is owed: the id of each acknowledged backup, and its source's manifest."""

    folder: Path
    options: Sequence[object] = ()
    owed: dict[str, Manifest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source.mkdir(parents=True)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def container(self) -> Path:
        return self.folder / "container"

    @property
    def place(self) -> Sequence[object]:
        """The words that lead to the container."""
        return ("--storage", "local", "-C", self.container)

    def stored(self, *words: object) -> list[str]:
        """The words that lead to the container and the set."""
        return [str(word) for word in (*self.place, "-N", "web", "--hostname", "h", *self.options, *words)]

    def backup_words(self, *words: object) -> list[str]:
        # sync(2) cannot fail, and would wait for whatever else this machine has to write.
        return ["backup", "-F", str(self.source), "--nosync", *self.stored("--max-level", "3", *words)]

    def restore_words(self, target: Path, *words: object) -> list[str]:
        return ["restore", "--restore-abs-path", str(target), *self.stored(*words)]

    def exists(self) -> bool:
        """Whether there is anything yet that a backup can be in."""
        return self.container.exists()

    def listed(self) -> set[str]:
        """The ids of the backups that there are, as anybody can list them."""
        if not self.exists():
            return set()
        run = call("list", *self.place, "--json")
        assert run.code == 0, run.err
        return {row["id"] for row in run.json}

    def oldest_first(self, ids: Iterable[str]) -> list[str]:
        return sorted(ids, key=age)

    def backup(self, *words: object) -> str:
        """Make a backup that has to succeed; its id."""
        before = self.listed()
        run = call(*self.backup_words(*words))
        assert run.code == 0, run.err
        [made] = self.listed() - before
        self.owed[made] = make_manifest(self.source)
        return made


def call(*words: object) -> Run:
    """The program in this process; :class:`Hung` if it does not come back."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _time_limit():
        code = program.main([str(word) for word in words])
    return Run(code, out.getvalue(), err.getvalue())


def start(words: Sequence[str], *options: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """The program as a process of its own, imported and about to begin (``options`` are the launcher's)."""
    command = [*prefix, sys.executable, "-B", str(LAUNCHER), *options, "--", *words]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = child.stdout.readline()
    if ready != "ready\n":
        child.kill()
        raise AssertionError(f"the launcher did not start: {child.communicate()[1]}")
    return child


def go(child: subprocess.Popen[str]) -> None:
    """Let a started program begin."""
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def finish(child: subprocess.Popen[str]) -> Run:
    """How a process ended; :class:`Hung` if it does not."""
    try:
        out, err = child.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise Hung from None
    return Run(child.returncode, out, err)


def change(source: Path, chance: random.Random, size: int = 30_000, files: int = 24) -> None:
    """Write, rename and delete some of the source's files (up to ``size`` bytes each); the first time, make them."""
    for number in range(files):
        path = source / f"folder{number % 4}" / f"file{number:02}"
        path.parent.mkdir(exist_ok=True)
        dice = chance.random()
        if not path.exists() or dice < 0.25:
            path.write_bytes(chance.randbytes(chance.randrange(1, size)))
        elif dice < 0.35:
            path.unlink()
        elif dice < 0.45:
            path.rename(path.with_name(f"renamed{number:02}"))


def settle(world: World, *, may_be_new: bool = True, read_all: bool = False) -> list[str]:
    """What is wrong with the container now.

    Everything owed must be listed; one backup more may be, if it is complete: a run may have died between its commit
    and its word. It is owed from now on. ``read_all``: every byte is read and everything restored, otherwise only the
    newest is.
    """
    listed = world.listed()
    wrong = [f"{id_} was acknowledged and is gone" for id_ in sorted(world.owed.keys() - listed)]
    new = listed - world.owed.keys()
    if len(new) > (1 if may_be_new else 0):
        wrong.append(f"listed, but never made: {sorted(new)}")
    for id_ in new:
        world.owed[id_] = make_manifest(world.source)
    if not world.exists():
        return wrong
    checked = call("check", *world.stored(*(["--read-data"] if read_all else [])))
    if checked.code and (listed or "there is no backup" not in checked.err):
        wrong.append(f"check: {checked.err}")
    for id_ in world.oldest_first(listed)[0 if read_all else -1 :]:
        wrong += restored(world, id_)
    return wrong


def restored(world: World, id_: str, *, ignore_exit: bool = False) -> list[str]:
    """How what ``id_`` restores differs from what it was made of."""
    target = world.folder / "restored"
    run = call(*world.restore_words(target, "--restore-backup-id", id_))
    try:
        if run.code and not ignore_exit:
            return [f"{id_} does not restore: {run.err}"]
        return [f"{id_}: {line}" for line in compare(world.owed[id_], make_manifest(target))]
    finally:
        shutil.rmtree(target, ignore_errors=True)


def age(id_: str) -> tuple[int, int]:
    """Sorts ids (NAME_TIME_LEVEL) by time."""
    *_, time, level = id_.split("_")
    return int(time), int(level)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def ring(_number: int, _frame: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def temporaries(container: Path) -> list[str]:
    """What dead writers left."""
    return [name for _, folders, files in os.walk(container) for name in (*folders, *files) if "freezer-tmp" in name]
