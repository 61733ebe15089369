"""The run directory of one stint: its files, and how each becomes durable."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from freezer.decoding import json_decoder
from freezer.durable import sync_folder
from freezer.errors import DamagedError, FreezerError, StorageFull
from freezer.model.run_reports import Failure, Progress
from freezer.stint.brief import Brief
from freezer.stint.ending import Ending
from freezer.stint.identity import Identity

T = TypeVar("T")

SPACE = 1024 * 1024
"""Bytes that are kept free for what the agent says when it ends, so that a full disk cannot make it unsaid."""

_BRIEF, _AGENT, _ENDING, _PROGRESS = "brief.json", "agent.json", "ending.json", "progress.json"
_FAILURES = "failures.jsonl"
_CONFIG, _VARIABLES, _SPACE = "config", "variables.json", "space"


class Folder:
    """A run directory at ``path``, which exists."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def make(cls, path: str, brief: Brief, config: str, variables: dict[str, str]) -> Folder:
        """A new one with all that an agent needs to begin. :class:`StorageFull` if what it will say had no room."""
        try:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            os.mkdir(path, 0o700)
            made = cls(path)
            made._keep_space()
            made._write(_CONFIG, config.encode("utf-8", "surrogateescape"))
            made._write(_VARIABLES, msgspec.json.encode(variables))
            made._write(_BRIEF, msgspec.json.encode(brief))
            sync_folder(path)
            sync_folder(os.path.dirname(path))
        except OSError as error:
            hint = "it needs 1 MiB for each action that begins"
            raise StorageFull(f"{path} cannot be made: {error.strerror}", hint=hint) from None
        return made

    @property
    def log(self) -> str:
        """Where the agent's words go."""
        return self.at("log")

    @property
    def alive(self) -> str:
        """What is locked as long as the agent lives."""
        return self.at("alive")

    @property
    def config(self) -> str:
        """The options, as a job file."""
        return self.at(_CONFIG)

    def at(self, name: str) -> str:
        """The path of a file."""
        return os.path.join(self.path, name)

    def brief(self) -> Brief:
        """What to do. FreezerError if it is not there or cannot be read: then nothing has been done."""
        found = self._read(_BRIEF, Brief)
        if found is None:
            raise FreezerError(f"{self.path} is no run directory: it has no {_BRIEF}")
        return found

    def variables(self) -> dict[str, str]:
        """The variables of the environment that only the agent itself may have."""
        return self._read(_VARIABLES, dict[str, str]) or {}

    def forget_secrets(self) -> None:
        """Remove what may hold secrets. May be done several times."""
        for name in (_CONFIG, _VARIABLES):
            self._remove(name)

    def enter(self, identity: Identity | None) -> None:
        """This process begins: from now on nobody can say that nothing has been done."""
        self._write(_AGENT, msgspec.json.encode(identity))
        sync_folder(self.path)

    def entered(self) -> bool:
        """Whether an agent has begun."""
        return os.path.exists(self.at(_AGENT))

    def agent(self) -> Identity | None:
        """Which process has begun; None if none has, or nobody knows which."""
        return self._read(_AGENT, Identity | None)  # type: ignore[arg-type]

    def end(self, ending: Ending) -> None:
        """Write down what became of it, to last. The first word counts."""
        if self.ending() is not None:
            return
        self._remove(_SPACE)
        self._write(_ENDING, msgspec.json.encode(ending))
        sync_folder(self.path)

    def ending(self) -> Ending | None:
        """What became of it, if anything is written down."""
        return self._read(_ENDING, Ending)

    def show(self, progress: Progress) -> None:
        """How far it is. Need not last."""
        self._replace(_PROGRESS, msgspec.json.encode(progress), durable=False)

    def progress(self) -> Progress | None:
        """How far it is, if it has said so."""
        try:
            return self._read(_PROGRESS, Progress)
        except DamagedError:
            return None  # it did not last

    def fail(self, failure: Failure) -> None:
        """An item is left out. Need not last: what becomes of it is said again in the end."""
        with open(self.at(_FAILURES), "ab", buffering=0) as file:
            file.write(msgspec.json.encode(failure) + b"\n")

    def failures(self, offset: int) -> tuple[list[Failure], int]:
        """The items that were left out, after the first ``offset`` bytes of what is said of them; where that ends."""
        try:
            with open(self.at(_FAILURES), "rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], offset
        lines = data[: data.rfind(b"\n") + 1]
        return [json_decoder(Failure).decode(line) for line in lines.splitlines()], offset + len(lines)

    def _keep_space(self) -> None:
        descriptor = os.open(self.at(_SPACE), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if sys.platform == "linux":
                os.posix_fallocate(descriptor, 0, SPACE)
        finally:
            os.close(descriptor)

    def _write(self, name: str, data: bytes) -> None:
        self._replace(name, data, durable=True)

    def _replace(self, name: str, data: bytes, *, durable: bool) -> None:
        new = self.at(f"{name}.new")
        with _opened(new) as descriptor:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            if durable:
                os.fsync(descriptor)
        os.replace(new, self.at(name))

    def _read(self, name: str, type: type[T]) -> T | None:
        try:
            with open(self.at(name), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamagedError(f"{self.at(name)} cannot be read: {error.strerror}") from None
        try:
            return json_decoder(type).decode(data)
        except msgspec.DecodeError:
            raise DamagedError(f"{self.at(name)} is not what was written there") from None

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.at(name))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
