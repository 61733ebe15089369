"""What a peer is."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Step(StrEnum):
    """In the order in which they are taken."""

    FULL = "full"
    INCREMENTAL = "incremental"
    UNCHANGED = "unchanged"
    VERIFY = "verify"  # every stored byte read and checked
    RESTORE = "restore"


@dataclass(frozen=True)
class Place:
    """Where a peer works: the tree to back up, and below ``folder`` its repository, its home and its target."""

    source: Path
    folder: Path

    @property
    def store(self) -> Path:
        """All that is stored lies here."""
        return self.folder / "store"

    @property
    def home(self) -> Path:
        """Caches, logs, what the peer keeps beside the repository."""
        return self.folder / "home"

    @property
    def target(self) -> Path:
        """Where a restore writes."""
        return self.folder / "restored"

    @property
    def pass_file(self) -> Path:
        return self.folder / "passphrase"

    @property
    def secret_file(self) -> Path:
        """Random bytes, for peers that need no passphrase on a machine of their own."""
        return self.folder / "secret"


@dataclass(frozen=True)
class Command:
    """A program to run; ``environment`` is added to what every peer gets (a path, a home, the C locale)."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Plan:
    """``prepare`` makes an empty repository, unmeasured; ``restored`` is the directory that equals the source after all
    steps. A step that the peer does not have is left out."""

    steps: Mapping[Step, Command]
    restored: Path
    prepare: Command | None = None


@dataclass(frozen=True)
class Peer:
    """``plan`` gives the commands for a place. ``version`` is a command whose output names the version. Of a peer that
    no claim needs one round is enough (``often`` false)."""

    name: str
    title: str
    plan: Callable[[Place], Plan]
    version: tuple[str, ...]
    often: bool = True


def shell(line: str, *paths: Path | str) -> tuple[str, ...]:
    """A line for bash in which any failing part fails the whole; ``{}`` are replaced by ``paths``, quoted."""
    return ("bash", "-o", "pipefail", "-ec", line.format(*(shlex.quote(str(path)) for path in paths)))
