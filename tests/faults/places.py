"""Where the operating system can refuse something: the system calls of a run, and what is injected there.

A *call* is one system call of a run under strace(1) about something below its source, container, target or home
directory, or about its secret. A *place* is what calls have in common that the program cannot tell apart: the system
call, what kind of thing it is about (its path with digits left out), and the lines of our code that led to it, from the
innermost outwards. It does not matter how often a loop goes round or how deep a recursion is; the same function called
for two reasons is two places. Sweeps try every place once, at one of its calls, with every error of :func:`faults_at`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WHERE = ("source", "container", "target", "home", "secret")
TRACED = "%file,%desc"
HARMLESS = {
    "ioctl": "asks whether something is a terminal; files answer so with an error",
    "fadvise64": "is advice",
    "mmap": "is not used for stored things",
    "getcwd": "is about the shell that started us",
    "chdir": "is not called by us",
    "execve": "is not called by us",
}
"""System calls that are left out, with the reason."""

WRITING = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range")
SYNCING = ("fsync", "fdatasync", "syncfs", "sync_file_range")
NAMING = ("mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mknodat")
REMOVING = ("unlink", "unlinkat", "rmdir")
CHANGING = (
    *("fchmod", "fchmodat", "chmod", "fchown", "fchownat", "lchown", "utimensat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
_DATA = {"read", "pread64", "readv", "preadv", *WRITING}
_ONLY = {"close": ("ENOSPC", "EDQUOT", "EIO"), "flock": ("ENOLCK",), "fcntl": ("EMFILE",)}
_FULL = ("ENOSPC", "EDQUOT")
_DENIED = ("EACCES", "EPERM", "EROFS")


@dataclass(frozen=True)
class Moment:
    """The ``number``-th ``call`` about ``path`` (what ``strace -P`` wants: a path, or a name given with a folder)."""

    call: str
    path: str
    number: int

    def fault(self, error: str) -> list[str]:
        """Words for strace(1). An ``error`` such as ``EIO+`` stays for all later calls about this path."""
        trace, inject = f"trace={self.call}", f"inject={self.call}:error={error.rstrip('+')}:when={self.number}"
        return ["-P", self.path, "-e", trace, "-e", inject + ("+" if error.endswith("+") else "")]


@dataclass(frozen=True)
class Place:
    """See above; ``creates``: open(2) was asked to make what it opens."""

    call: str
    kind: str
    lines: tuple[str, ...]
    creates: bool

    def __str__(self) -> str:
        return f"{self.call} {self.kind} at {' < '.join(self.lines[:4]) or 'the end'}"


def faults_at(place: Place) -> tuple[tuple[str, ...], ...]:
    """What a place may answer; one group is what the program is to treat alike, so one of it will do."""
    call = place.call
    if call in _ONLY:
        return (_ONLY[call],)
    if call in WRITING or call in SYNCING:
        return (_FULL, ("EIO",), ("EIO+",))
    if call in NAMING or place.creates:
        return (_FULL, ("EIO",), _DENIED)
    if call in REMOVING or call in CHANGING:
        return (("EIO",), _DENIED)
    return (("EIO", "ESTALE"), ("EIO+", "EACCES+"))


def places(log: Path, stacks: Path, world: Path) -> dict[Place, list[Moment]]:
    """Every place that a trace shows, with its calls. ``stacks`` is what ``launcher.py --places`` wrote."""
    lines_of: list[Sequence[str]] = [json.loads(line) for line in stacks.read_text().splitlines()]
    found: defaultdict[Place, list[Moment]] = defaultdict(list)
    here: dict[str, Sequence[str]] = {}
    for thread, moment, path, line in _calls(log):
        if path.startswith("@"):
            here[thread] = lines_of[int(path[1:])]
        elif (kind := _kind(path, world)) and moment.call not in HARMLESS:
            place = Place(moment.call, kind, tuple(here.get(thread, ())), "O_CREAT" in line)
            found[place].append(moment)
    return found


def _calls(log: Path) -> Iterator[tuple[str, Moment, str, str]]:
    """Thread, moment, whole path and line of every call that is about something that has a path."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+) +(\w+)\((.*)", line)
        if match is None:
            continue
        thread, call, rest = match.groups()
        opened = re.findall(r"\d+<(/[^>]*)>", rest)
        named = [] if call in _DATA else re.findall(r'"([^"]*)"', rest)[:2]
        about = {path for path in (*opened, *named) if path and "\\" not in path}
        seen.update(
            (call, path) for path in about
        )  # as `strace -P` counts them: a call about two paths counts for both
        path = named[0] if named and named[0] else opened[0] if opened else ""
        if path in about:
            folder = opened[0] if opened else "" if path.startswith("@") else "/"
            yield thread, Moment(call, path, seen[call, path]), os.path.join(folder, path), line


def _kind(path: str, world: Path) -> str | None:
    """``path`` below ``world`` with digits left out; None if it is none of ours."""
    inside = path.removeprefix(f"{world}/")
    if inside == path or inside.partition("/")[0] not in WHERE:
        return None
    return re.sub(r"\d+", "#", inside)
