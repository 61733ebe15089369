"""The original's own callers of the API, each in an environment of its own that is fetched once and kept.

``python originals.py`` fetches them all and prints where they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cache import cache, environment
from support.runs import Run
from support.served import Server

HERE = Path(__file__).parent


def clients() -> Path:
    """The folder of programs of python-freezerclient 6.5.0, python-openstackclient and freezer-tempest-plugin 3.5.0."""
    requirements = HERE / "requirements-clients.txt"
    return environment(cache("interop"), requirements, "clients", importing="freezer_tempest_plugin.plugin")


def first_version() -> Path:
    """That of the last releases that speak v1: freezer 18.0.0 and python-freezerclient 6.3.0."""
    requirements = HERE / "requirements-v1.txt"
    return environment(cache("interop"), requirements, "v1", importing="freezer.scheduler.freezer_scheduler")


@dataclass(frozen=True)
class Somebody:
    """How somebody tells a program who they are: ``env``, and the project that they act for."""

    env: Mapping[str, str]
    project: str


@dataclass(frozen=True)
class Original:
    """The original's command line, ``freezer`` or ``openstack``, typed into by ``somebody``; remembers what was typed.

    Commands are named as in ``freezer``: ``session-add-job`` is ``openstack backup session add job``.
    """

    program: str
    server: Server
    somebody: Somebody
    folder: Path
    typed: set[str] = field(default_factory=set)

    def by(self, somebody: Somebody) -> Original:
        """The same program, used by somebody else."""
        return replace(self, somebody=somebody)

    def run(self, command: str, *words: object) -> Run:
        self.typed.add(command)
        named = command if self.program == "freezer" else " ".join(openstack_words(command))
        argv = [*(named.split()), *map(str, words)]
        return self.server.run(argv, self.folder, {**self.somebody.env, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"})

    def done(self, command: str, *words: object) -> str:
        """What a command that succeeds prints."""
        run = self.run(command, *words)
        assert run.code == 0, f"{command}: {run.err}{run.out}"
        return run.out

    def shown(self, command: str, *words: object) -> Any:
        """The same as a document."""
        return json.loads(self.done(command, *words, "-f", "json"))

    def refused(self, command: str, *words: object) -> str:
        """What a command says that fails."""
        run = self.run(command, *words)
        assert run.code == 1, f"{command}: {run.code} {run.out}{run.err}"
        assert "Traceback" not in run.err
        return run.err + run.out

    def file(self, document: object) -> Path:
        """A file with ``document`` in it."""
        path = self.folder / f"{len(list(self.folder.iterdir()))}.json"
        path.write_text(json.dumps(document))
        return path


def openstack_words(command: str) -> list[str]:
    """What is typed behind ``openstack`` for a command of ``freezer``."""
    kind, *rest = command.split("-")
    return ["backup", *rest] if kind == "backup" else ["backup", kind, *rest]


if __name__ == "__main__":
    print(clients())
    print(first_version())
