"""The whole program as processes of its own, in containers that are on a server."""

from __future__ import annotations

import random
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from support import trees
from support.manifest import compare, make_manifest

_AROUND = """
import resource, subprocess, sys
assert subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


class Reachable(Protocol):
    """A server whose files are this machine's."""

    def words(self) -> tuple[str, ...]:
        """The agent's options that lead there."""
        ...

    def environment(self) -> dict[str, str]:
        """The variables that an agent needs for it."""
        ...


@dataclass(frozen=True)
class OnServer:
    """Runs ``freezer-agent`` on a container of the server. ``secret`` is never to be seen in what it prints."""

    server: Reachable
    folder: Path
    secret: str | None = None

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def container(self) -> Path:
        return self.folder / "container"

    def fill(self) -> OnServer:
        """Make the source."""
        trees.make_tree(self.source, 1)
        return self

    def command(self, action: str, *words: object) -> list[str]:
        stored = [*self.server.words(), "-C", self.container, "-N", "web", "--hostname", "h"]
        return [sys.executable, "-m", "freezer.cmd.agent", action, *map(str, [*stored, *words])]

    def start(self, action: str, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(action, *words),
            env=self.server.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, action: str, *words: object) -> str:
        """What it prints; it must succeed."""
        child = self.start(action, *words)
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        assert self.secret is None or self.secret not in out + err
        return out

    def backup(self, *words: object) -> None:
        time.sleep(1.0 - time.time() % 1)  # a second of its own
        self.run("backup", "-F", self.source, "--incremental", *words)

    def restored_is(self, wanted: Any, *words: object) -> None:
        target = self.folder / "target"
        self.run("restore", "--restore-abs-path", target, *words)
        assert compare(wanted, make_manifest(target)) == []
        shutil.rmtree(target)

    def peak(self, action: str, *words: object) -> int:
        """MiB of memory that a run takes at most."""
        command = [sys.executable, "-c", _AROUND, *self.command(action, *words)]
        return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=self.server.environment()).stdout)

    def levels_come_back(self) -> None:
        """Store three levels and restore each."""
        states = []
        for level in range(3):
            if level:
                trees.edit_tree(self.source, level + 1)
            states.append(make_manifest(self.source))
            self.backup()
        times = sorted(int(path.name.split("_")[1]) for path in self.container.glob("metadata/tar/h_web/*/*"))
        assert len(times) == 3
        for state, made in zip(states, times, strict=True):
            date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made))
            self.restored_is(state, "--restore-from-date", date)
        self.run("check", "--read-data")
        assert not list(self.container.rglob(".freezer-tmp-*"))

    def survives_kills(self, kills: int, chance: random.Random) -> int:
        """Kill so many backups, each followed by a check and a backup that need no help; how many were hit before they
        had ended."""
        (self.source / "large").write_bytes(chance.randbytes(4 << 20))
        self.backup()
        began = time.monotonic()
        self.run("backup", "-F", self.source)
        longest = 1.1 * (time.monotonic() - began)
        hit = 0
        for turn in range(kills):
            (self.source / "changing").write_text(str(turn))
            child = self.start("backup", "-F", self.source)
            time.sleep(chance.uniform(0.1, longest))
            child.kill()
            hit += child.wait() != 0
            child.communicate()
            self.run("check", "--read-data")
            self.backup()
        self.restored_is(make_manifest(self.source))
        for path in self.container.glob("metadata/tar/h_web/*/*"):
            assert (path / "metadata").exists(), path
        return hit

    def keeps_two_apart(self) -> None:
        """Two agents at once on one name: each has its backup, or says why not."""
        self.backup()
        (self.source / "large").write_bytes(secrets.token_bytes(6 << 20))
        children = [self.start("backup", "-F", self.source, "--incremental") for _ in range(2)]
        ends = [(child.communicate(timeout=120)[1], child.returncode) for child in children]
        assert 0 in [code for _, code in ends], ends
        for said, code in ends:
            assert code == 0 or "another process is working on it" in said or "in the same second" in said
        self.run("check", "--read-data")
        self.restored_is(make_manifest(self.source))


def kill_in_several(worlds: Sequence[OnServer], kills: int, chance: random.Random, counted: Counter[str]) -> None:
    """So many kills in each container, in all at once: most of the time goes by until a dead run is taken for dead."""
    chances = [random.Random(chance.random()) for _ in worlds]
    with ThreadPoolExecutor(len(worlds)) as pool:
        hit = list(pool.map(lambda each: each[0].survives_kills(kills, each[1]), zip(worlds, chances, strict=True)))
    counted["kills"] += kills * len(worlds)
    counted["hit a running backup"] += sum(hit)


def refused(*words: object, env: Mapping[str, str] | None = None) -> str:
    """What ``freezer-agent list`` says of words that make no sense."""
    command = [sys.executable, "-m", "freezer.cmd.agent", "list", "-C", "x", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def each_of_two_is_kept_or_says_so(
    call: Callable[..., Any], process: Callable[..., Any], words: Sequence[object], folder: Path
) -> None:
    """Two agents at once on one name of a storage that keeps nobody out: what one calls stored is there, and nothing
    else. ``words`` lead to an empty container."""
    sources = [folder / secrets.token_hex(4) for _ in range(2)]
    for source in sources:
        source.mkdir()
        (source / "file").write_bytes(secrets.token_bytes(200_000))
    agents = [process("backup", "-F", source, *words) for source in sources]
    said = [child.communicate(timeout=100)[1] for child in agents]
    kept = {
        (source / "file").read_bytes() for source, child in zip(sources, agents, strict=True) if not child.returncode
    }
    for text, child in zip(said, agents, strict=True):
        assert child.returncode == 0 or "in the same second" in text, text
    found = set()
    for row in call("list", "--json", *words).json:
        target = folder / secrets.token_hex(4)
        run = call("restore", "--restore-abs-path", target, "--restore-backup-id", row["id"], *words)
        assert run.code == 0, run.err
        found.add((target / "file").read_bytes())
    assert found == kept
