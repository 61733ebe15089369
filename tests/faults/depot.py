"""A world whose container is a repository, opened with a machine secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grounds import Ground, on_disk
from world import World, call

from freezer.repository.access import founding
from freezer.repository.names import PREFIX
from support.manifest import make_manifest
from support.runs import Run

PACKS = ("packs", "meta")
DERIVED = ("index",)


@dataclass
class Depot(World):
    """As :class:`World`; ids of backups are those of their attempts. ``made``: whether the repository is. ``at``: its
    container, if that is not a directory of its own."""

    made: bool = True
    at: Ground | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ground = self.at or on_disk(self.container)
        secret = self.folder / "secret"
        secret.write_bytes(bytes(range(32)))
        secret.chmod(0o600)
        self.options = ["--machine-secret-file", secret, *self.options]
        if self.made:
            self.call("init", *self.ground.founding)

    @property
    def place(self) -> Sequence[object]:
        return self.ground.words

    @property
    def objects(self) -> Path:
        """Where the objects of the repository are, if in a directory of this machine."""
        return self.container / PREFIX

    def call(self, action: str, *words: object) -> Run:
        """An action that has to succeed."""
        run = call(action, *self.stored(*words))
        assert run.code == 0, run.err
        return run

    def backup_words(self, *words: object) -> list[str]:
        words = ("--pack-size", "1M", *words)
        return ["backup", "--engine", "dedup", "-F", str(self.source), "--nosync", *self.stored(*words)]

    def prune_words(self) -> list[str]:
        """A prune that tolerates nothing."""
        return ["prune", *self.stored("--max-unused", "0%")]

    def check_words(self, *words: str) -> list[str]:
        """A check of everybody's backups, not only of our own."""
        return ["check", *(str(word) for word in (*self.place, *self.options, *words))]

    def exists(self) -> bool:
        return founding.exists(self.ground.behind)

    def listed(self) -> set[str]:
        if not self.exists():
            return set()
        return {row["id"] for row in self.call("list", "--json").json}

    def oldest_first(self, ids: Iterable[str]) -> list[str]:
        return sorted(ids)

    def backup(self, *words: object) -> str:
        """As for a world. Where markers decide, it may make a backup, too, of what a dead run had begun: that is owed
        as well, and the source has to be what it was then."""
        before = self.listed()
        run = call(*self.backup_words("--json", *words))
        assert run.code == 0, run.err
        made: str = run.json["dedup"]["backup"]
        new = self.listed() - before
        assert new == {made} or (self.ground.markers and made in new)
        self.owed.update(dict.fromkeys(new, make_manifest(self.source)))
        return made

    def forget(self, ids: Iterable[str]) -> None:
        """Let these backups go; nobody owes them any more."""
        for id_ in sorted(ids):
            self.call("forget", "--id", id_)
            del self.owed[id_]

    def names(self, *folders: str) -> list[str]:
        """The objects in some folders."""
        return [info.name for folder in folders for info in self.ground.objects(folder)]

    def garbage(self) -> list[str]:
        """What is left after everything was forgotten and pruned away, though nobody needs it. To be called last."""
        self.forget(self.listed())
        call(*self.prune_words())
        return self.names(*PACKS, *DERIVED)
