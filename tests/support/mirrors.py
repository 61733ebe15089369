"""A job file with several storages, and runs of the program with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.runs import Run


def local(container: Path) -> dict[str, object]:
    """The keys of a directory's section."""
    return {"storage": "local", "container": container}


@dataclass
class Mirror:
    """Backups of ``source`` in every storage of ``places``: name → keys of its section."""

    folder: Path
    call: Callable[..., Run]
    places: Mapping[str, Mapping[str, object]]
    source: Path = field(init=False)

    def __post_init__(self) -> None:
        self.source = self.folder / "source"
        self.source.mkdir(exist_ok=True)

    @property
    def job(self) -> Path:
        path = self.folder / "job.ini"
        lines = ["[default]", "backup_name = web", "hostname = h"]
        for name, keys in self.places.items():
            lines += [f"[storage:{name}]", *(f"{key} = {value}" for key, value in keys.items())]
        path.write_text("\n".join(lines) + "\n")
        return path

    def words(self, action: str, *more: object) -> list[object]:
        return [action, "--config", self.job, *more]

    def run(self, action: str, *more: object) -> Run:
        return self.call(*self.words(action, *more))

    def backup_words(self, *more: object) -> list[object]:
        return self.words("backup", "-F", self.source, "--incremental", *more)

    def backup(self, *more: object) -> Run:
        return self.call(*self.backup_words(*more))

    def levels(self, name: str) -> list[int]:
        """The levels in one storage, oldest first."""
        run = self.run("list", "--json", "--from-storage", name)
        if run.code and "there is no container" in run.err:
            return []
        return [row["level"] for row in sorted(run.json, key=lambda row: row["time"])]

    def ids(self, name: str) -> set[str]:
        run = self.run("list", "--json", "--from-storage", name)
        if run.code and "there is no container" in run.err:
            return set()
        return {row["id"] for row in run.json}

    def restore(self, name: str, target: Path, *more: object) -> Run:
        return self.run("restore", "--from-storage", name, "--restore-abs-path", target, *more)

    def copy(self, source: str, target: str, *more: object) -> Run:
        return self.run("copy", "--from-storage", source, "--to-storage", target, *more)


def objects(container: Path) -> dict[str, bytes]:
    """Every object of a directory, without what keeps it for a running program."""
    files = [path for path in container.rglob("*") if path.is_file() and path.stat().st_size]
    return {str(path.relative_to(container)): path.read_bytes() for path in files}
