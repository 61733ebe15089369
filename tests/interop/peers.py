"""The two programs of these tests, each working on a container."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.runs import Run
from support.served import Server


@dataclass(frozen=True)
class Program:
    """One of the two programs, working on one backup name in one container. Both understand the same words."""

    name: str
    server: Server
    home: Path
    container: Path
    words: tuple[str, ...] = ("-N", "web", "--hostname", "h")
    env: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def call(self, *words: object) -> Run:
        """Run it with exactly these words."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("FREEZER_", "OS_"))}
        env |= {"HOME": str(self.home), "PYTHONWARNINGS": "ignore"} | self.env
        return self.server.run([str(word) for word in words], self.home, env)

    def act(self, action: str, *words: object) -> Run:
        stored = ("--storage", "local", "-C", self.container, *self.words)
        return self.call("--action", action, *stored, *words)

    def backup(self, source: Path, *words: object) -> Run:
        """A backup that must succeed, in a second of its own: dates select backups by whole seconds."""
        times = [made for _, made in self.keys()]
        time.sleep(max(0.0, max(times, default=0) + 1.01 - time.time()))
        run = self.act("backup", "-F", source, "--nosync", *words)
        assert run.code == 0, f"{self.name}: {run.err or run.out}"
        return run

    def restore(self, target: Path, *words: object) -> Run:
        """A restore that must succeed."""
        run = self.act("restore", "--restore-abs-path", target, *words)
        assert run.code == 0, f"{self.name}: {run.err or run.out}"
        return run

    def on(self, container: Path, *words: str, **env: str) -> Program:
        """The same program on another container, with other names (``words``) or environment."""
        return replace(self, container=container, words=words or self.words, env=self.env | env)

    def keys(self) -> list[tuple[int, int]]:
        """Level and time of every backup in the container, in the order they were made."""
        names = [path.parent.name.split("_") for path in self.container.glob("metadata/tar/*/*/*/metadata")]
        return sorted(((int(level), int(made)) for level, made in names), key=lambda key: (key[1], key[0]))

    def levels(self) -> list[int]:
        return [level for level, _ in self.keys()]
