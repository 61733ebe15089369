"""What a repository with many backups costs: ``python -m benchmarks.dedup_scale 10000`` (backups), wall and CPU time.

One backup an hour is made up, back from now: announcement, root and decision of each, sealed, signed and chained as
they must be, all with the same small tree. Then the program is run on it as anybody runs it, with an empty cache and
with a full one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from freezer.clock import SystemClock
from freezer.repository import trees
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.documents import Attempt, Decision, Owners, Root, Source, Summary, Verdict
from freezer.repository.ids import digest
from freezer.repository.index import Index
from freezer.repository.keys.agents import Agent
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.trees import Entry
from freezer.secret import Secret
from freezer.storage.local import LocalStorage
from freezer.testing.clock import FakeClock

SECRET = bytes(32)
HOUR = 3600
_NANO = 1_000_000_000
_ROUNDS = 3
_RULES = (
    "--keep-hourly",
    "48",
    "--keep-daily",
    "14",
    "--keep-weekly",
    "8",
    "--keep-monthly",
    "24",
    "--keep-yearly",
    "5",
)
ACTIONS = {
    "list": ("list",),
    "list --json": ("list", "--json"),
    "forget --dry-run": ("forget", "--dry-run", *_RULES),
    "backup": ("backup", "--engine", "dedup", "--nosync", "-F", "{source}"),
}


class Took(msgspec.Struct, frozen=True):
    """What a run of the program cost: seconds by the clock and of the processor; what it printed."""

    wall: float
    cpu: float
    out: bytes


def make(folder: Path, backups: int) -> None:
    """A repository of so many backups in ``folder/container``, and what is needed to use it."""
    source = folder / "source"
    source.mkdir()
    (source / "file").write_text("content")
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    clock = SystemClock()
    storage = LocalStorage(str(folder / "container"), clock=clock)
    repository = founding.init(storage, clock, Plan(Opener(Secret(SECRET), machine=True)))
    repository.agent = agent = Agent.new(new_id(clock))
    repository.admit(agent, ["h"])
    now = FakeClock(clock.now() - backups * HOUR)
    writer = ChunkWriter(repository, new_id(now), Index())
    content = writer.store(Use.CONTENT, b"content")
    entry = Entry(b"file", 1, 0o644, 0, 0, 0, 7, content)
    tree = writer.store(Use.TREE, msgspec.msgpack.encode(trees.Leaf([entry])))
    written = writer.finish()
    objects = folder / "container" / PREFIX
    for name in (Folder.ATTEMPTS, Folder.ROOTS, Folder.COMMITS):
        (objects / name).mkdir(exist_ok=True)

    def put(kind: Kind, name: str, document: Attempt | Root | Decision) -> bytes:
        raw = repository.pack_object(kind, name, document)
        (objects / name).write_bytes(raw)  # not through the storage, which would wait for the disk every time
        return raw

    previous = b""
    for number in range(backups):
        now.sleep(HOUR)
        id, started = new_id(now), int(now.now() * _NANO)
        put(Kind.ATTEMPT, Folder.ATTEMPTS + id, Attempt(agent.id, "h", "web", started))
        sources, needs = [Source(b"/srv/web", tree)], sorted(written.needs)
        root = Root(id, "h", "web", started, sources, needs, written.parts, [], Owners({}, {}))
        raw = put(Kind.ROOT, Folder.ROOTS + id, root)
        summary = Summary("h", "web", started, started + _NANO, [], [b"/srv/web"], 1, 1, 7, 500, 0, True)
        name = Folder.COMMITS + id
        decision = Decision(Verdict.COMMIT, id, started, digest(raw), previous, number, summary)
        previous = name.encode() + digest(put(Kind.DECISION, name, decision))


def run(folder: Path, words: Sequence[str]) -> Took:
    """An action of the program on the repository in ``folder``, as a process of its own."""
    place = ["--storage", "local", "-C", str(folder / "container"), "-N", "web", "--hostname", "h"]
    action, *rest = (word.format(source=folder / "source") for word in words)
    program = Path(sys.executable).with_name("freezer-agent")
    command = [str(program), action, *place, "--machine-secret-file", str(folder / "secret"), *rest]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    begun, before = time.monotonic(), os.times()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment | {"HOME": str(home)})
    wall, after = time.monotonic() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall, cpu, done.stdout)


def forget_caches(folder: Path) -> None:
    shutil.rmtree(folder / "home" / ".cache", ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backups", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.monotonic()
        make(folder, arguments.backups)
        print(f"{arguments.backups} backups, made up in {time.monotonic() - begun:.0f} s; seconds by the clock (CPU)")
        for action, words in ACTIONS.items():
            forget_caches(folder)
            cold = run(folder, words)
            warm = min((run(folder, words) for _ in range(_ROUNDS)), key=lambda took: took.wall)
            print(
                f"  {action:18} empty cache {cold.wall:6.2f} ({cold.cpu:.2f})   full {warm.wall:6.2f} ({warm.cpu:.2f})"
            )


if __name__ == "__main__":
    main()
