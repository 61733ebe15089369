"""What a power cut may leave of a directory: a record of everything that was done to it, and the states in which a file
system may be that loses power at some point of that.

The file system is a mean one. A write is on the medium for sure once its file was synchronised, and what happened to a
name once its folder was; everything else is, or is not, or in part, whatever came before or after it. A name that is
moved is never in both places, nor in none.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TOP = 0
"""The number of the directory itself; every file and folder has one."""


@dataclass(frozen=True)
class Write:
    """``data`` was written to a file at ``offset``."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    """A file has ``size`` bytes from now on."""

    file: int
    size: int


@dataclass(frozen=True)
class Name:
    """``name`` in ``folder`` means ``what`` (None: nothing) from now on. ``before``: folder and name that it had until
    now, if it was moved."""

    folder: int
    name: bytes
    what: int | None
    before: tuple[int, bytes] | None = None


@dataclass(frozen=True)
class Sync:
    """All that was done to a file, or to the names in a folder, is on the medium."""

    what: int


@dataclass(frozen=True)
class Said:
    """Somebody was told something."""

    told: str
    about: object = None


Event = Write | Cut | Name | Sync | Said


@dataclass
class Record:
    """What happened, in order. ``folders`` are the numbers that are folders'."""

    events: list[Event] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {TOP})

    def rebuild(self, end: int, there: Path, kept: Callable[[], float]) -> None:
        """Make ``there`` what a power cut before event ``end`` may have left: of everything that was not on the medium,
        the share that ``kept`` says each time; what is not divisible is there if that is at least a half."""
        names: dict[int, dict[bytes, int]] = {number: {} for number in self.folders}
        contents: dict[int, bytearray] = {}
        for number, event in enumerate(self.events[:end]):
            share = 1.0 if self._is_safe(number, end) else kept()
            if isinstance(event, Write):
                content = contents.setdefault(event.file, bytearray())
                data = event.data[: round(len(event.data) * share)]
                if data:
                    content.extend(bytes(max(0, event.offset - len(content))))
                    content[event.offset : event.offset + len(data)] = data
            elif isinstance(event, Cut) and share >= 0.5:
                content = contents.setdefault(event.file, bytearray())
                del content[event.size :]
                content.extend(bytes(event.size - len(content)))
            elif isinstance(event, Name) and share >= 0.5:
                if event.before is not None:
                    names[event.before[0]].pop(event.before[1], None)
                if event.what is None:
                    names[event.folder].pop(event.name, None)
                else:
                    names[event.folder][event.name] = event.what
        self._make(TOP, os.fsencode(there), names, contents)

    def _is_safe(self, number: int, end: int) -> bool:
        event = self.events[number]
        if isinstance(event, Name):
            what = event.folder
        elif isinstance(event, Write | Cut):
            what = event.file
        else:
            return True
        return any(later == Sync(what) for later in self.events[number:end])

    def _make(
        self, folder: int, path: bytes, names: dict[int, dict[bytes, int]], contents: dict[int, bytearray]
    ) -> None:
        os.mkdir(path, 0o700)
        for name, number in names[folder].items():
            below = os.path.join(path, name)
            if number in self.folders:
                self._make(number, below, names, contents)
            else:
                Path(os.fsdecode(below)).write_bytes(contents.get(number, b""))


class Recorder:
    """Notes what this process does below the empty directory ``top``, by whichever thread, one thing at a time."""

    def __init__(self, top: Path) -> None:
        self.record = Record()
        self._top = os.fsencode(top)
        self._numbers: dict[bytes, int] = {self._top: TOP}
        self._opened: dict[int, tuple[int, int]] = {}  # descriptor: number, where the next write goes
        self._lock = threading.RLock()
        self._next = TOP

    def say(self, told: str, about: object = None) -> None:
        self.record.events.append(Said(told, about))

    @contextmanager
    def recording(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "close", "write", "lseek", "ftruncate", "fsync", "mkdir", "rmdir", "unlink", "link"):
                patch.setattr(os, name, self._noting(getattr(os, name), getattr(self, f"_{name}")))
            for name in ("rename", "replace"):
                patch.setattr(os, name, self._noting(getattr(os, name), self._rename))
            patch.setattr(
                os, "supports_dir_fd", os.supports_dir_fd | {os.open, os.mkdir, os.unlink, os.link, os.rename}
            )
            yield

    def _noting(self, call: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def noted(*words: Any, **options: Any) -> Any:
            with self._lock:
                result = call(*words, **options)
                note(result, *words)
                return result

        return noted

    def _open(self, fd: int, path: Any, flags: int, *_mode: int) -> None:
        self._opened.pop(fd, None)
        if not self._is_ours(path):
            return
        if flags & os.O_CREAT and path not in self._numbers:
            self._named(path, self._new())
        if path in self._numbers:
            self._opened[fd] = self._numbers[path], 0

    def _close(self, _result: None, fd: int) -> None:
        self._opened.pop(fd, None)

    def _write(self, written: int, fd: int, data: Any) -> None:
        if fd in self._opened:
            number, offset = self._opened[fd]
            self.record.events.append(Write(number, offset, bytes(memoryview(data).cast("B")[:written])))
            self._opened[fd] = number, offset + written

    def _lseek(self, offset: int, fd: int, *_where: int) -> None:
        if fd in self._opened:
            self._opened[fd] = self._opened[fd][0], offset

    def _ftruncate(self, _result: None, fd: int, size: int) -> None:
        if fd in self._opened:
            self.record.events.append(Cut(self._opened[fd][0], size))

    def _fsync(self, _result: None, fd: int) -> None:
        if fd in self._opened:
            self.record.events.append(Sync(self._opened[fd][0]))

    def _mkdir(self, _result: None, path: Any, *_mode: int) -> None:
        if self._is_ours(path):
            number = self._new()
            self.record.folders.add(number)
            self._named(path, number)

    def _rmdir(self, _result: None, path: Any) -> None:
        self._unlink(None, path)

    def _unlink(self, _result: None, path: Any) -> None:
        if self._is_ours(path):
            self._named(path, None)

    def _link(self, _result: None, old: Any, new: Any) -> None:
        if self._is_ours(new):
            self._named(new, self._numbers[old])

    def _rename(self, _result: None, old: Any, new: Any) -> None:
        if not self._is_ours(new):
            return
        number = self._numbers[old]
        before = self._numbers[os.path.dirname(old)], os.path.basename(old)
        self._named(new, number, before)
        for path in [path for path in self._numbers if path == old or path.startswith(old + b"/")]:
            self._numbers[new + path[len(old) :]] = self._numbers.pop(path)

    def _named(self, path: bytes, what: int | None, before: tuple[int, bytes] | None = None) -> None:
        folder = self._numbers[os.path.dirname(path)]
        self.record.events.append(Name(folder, os.path.basename(path), what, before))
        if what is None:
            self._numbers.pop(path)
        else:
            self._numbers[path] = what

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, bytes) and (path == self._top or path.startswith(self._top + b"/"))


def shares(chance: random.Random) -> Sequence[tuple[str, Callable[[], float]]]:
    """How much stays of what was not on the medium: nothing, everything, or something of it by chance."""
    return [
        ("nothing", lambda: 0.0),
        ("everything", lambda: 1.0),
        ("something", chance.random),
        ("most", lambda: min(1.0, 4 * chance.random())),
        ("little", lambda: max(0.0, 4 * chance.random() - 3)),
    ]
