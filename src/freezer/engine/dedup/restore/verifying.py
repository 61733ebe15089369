"""What was restored, read again and compared with the backup: attributes with the trees, content with the ids of its
chunks."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.browse.walking import UNREADABLE, Visit, walk
from freezer.engine.dedup.restore.contents import Contents
from freezer.errors import FreezerError, TargetError
from freezer.model.failures import Failures
from freezer.model.items import ItemFailure, printable
from freezer.progress import Progress
from freezer.repository.documents import Owners, Root
from freezer.repository.trees import Entry, Type
from freezer.tree.openat2 import open_beneath
from freezer.tree.owners import group_id, user_id
from freezer.tree.system import (
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NONBLOCK,
    device_number,
    let_go,
    raw_device,
)
from freezer.tree.xattrs import read_xattrs

_FORMATS = {
    Type.FILE: stat.S_IFREG,
    Type.DIRECTORY: stat.S_IFDIR,
    Type.LINK: stat.S_IFLNK,
    Type.FIFO: stat.S_IFIFO,
    Type.CHARACTER_DEVICE: stat.S_IFCHR,
    Type.BLOCK_DEVICE: stat.S_IFBLK,
}


class Checks(msgspec.Struct, frozen=True):
    """What is compared besides type, size and content. ``owners``: user and group, by name where this system knows it
    unless ``numeric``; ``attributes``: mode, time of change, extended attributes."""

    attributes: bool = True
    owners: bool = True
    numeric: bool = False


class Verified(msgspec.Struct):
    """How many items were compared, their bytes, and what is not as in the backup."""

    items: int = 0
    bytes: int = 0
    failures: Failures = msgspec.field(default_factory=Failures)


def verify(
    opened: Opened, root: Root, target: bytes, selection: Selection, progress: Progress, checks: Checks | None = None
) -> Verified:
    """Compare what ``selection`` chooses of a backup with what is in the directory ``target``."""
    try:
        top = os.open(target, os.O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    except OSError as error:
        raise TargetError(f"{printable(target)} cannot be verified: {os.strerror(error.errno or 0)}") from None
    try:
        verification = _Verification(opened, root, top, progress, checks or Checks())
        for visit in walk(opened, root, selection, verification.damaged):
            verification.visit(visit)
        return verification.result
    finally:
        let_go(top)


class _Verification:
    def __init__(self, opened: Opened, root: Root, top: int, progress: Progress, checks: Checks) -> None:
        self._contents = Contents(opened)
        self._owners = root.owners
        self._top = top
        self._progress = progress
        self._checks = checks
        self.result = Verified()

    def damaged(self, path: bytes, error: FreezerError) -> None:
        self._differs(path, error.message)

    def visit(self, visit: Visit) -> None:
        """Compare a directory and what is in it, but for directories."""
        self._progress.current(visit.path)
        if not visit.items and not visit.whole:
            return
        try:
            fd = open_beneath(self._top, visit.path, os.O_RDONLY | O_DIRECTORY)
        except OSError as error:
            self._differs(visit.path, error)
            return
        try:
            if visit.first and visit.whole and visit.entry is not None:
                self._guarded(visit.path, visit.entry, fd, None)
            base = visit.path + b"/" if visit.path else b""
            for entry in visit.items:
                self._guarded(base + entry.name, entry, fd, entry.name)
        finally:
            let_go(fd)

    def _guarded(self, path: bytes, entry: Entry, fd: int, name: bytes | None) -> None:
        try:
            for difference in self._item(entry, fd, name):
                self._differs(path, difference)
        except OSError as error:
            self._differs(path, error)
        except UNREADABLE as error:
            self._differs(path, error.message)
        size = entry.size if entry.type == Type.FILE else 0
        self.result.items += 1
        self.result.bytes += size
        self._progress.advance(done_items=1, done_bytes=size)

    def _differs(self, path: bytes, reason: str | OSError) -> None:
        self.result.failures.append(ItemFailure.of(path, reason))

    def _item(self, entry: Entry, directory: int, name: bytes | None) -> Iterator[str]:
        """What differs of an item of the open directory, or with the name None of the directory itself."""
        status = os.fstat(directory) if name is None else os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_IFMT(status.st_mode) != _FORMATS[Type(entry.type)]:
            yield "it is of another type than in the backup"
            return
        if self._checks.attributes:
            yield from self._attributes(entry, status)
        if entry.type == Type.FILE and name is not None:
            yield from self._file(entry, directory, name, status)
        elif entry.type == Type.LINK and name is not None:
            if os.readlink(name, dir_fd=directory) != entry.extra.link:
                yield "it links to something else than in the backup"
        elif entry.type in (Type.CHARACTER_DEVICE, Type.BLOCK_DEVICE):
            if entry.extra.device is None or raw_device(status) != device_number(*entry.extra.device):
                yield "it is another device than in the backup"
        elif entry.type == Type.DIRECTORY and self._checks.attributes:
            yield from _xattrs(entry, directory)

    def _attributes(self, entry: Entry, status: os.stat_result) -> Iterator[str]:
        mode = stat.S_IMODE(status.st_mode)
        if mode != entry.mode and entry.type != Type.LINK:
            yield f"its mode is {mode:04o}, in the backup {entry.mode:04o}"
        if status.st_mtime_ns != entry.modified:
            yield "its time of change is another than in the backup"
        owner = _owner(entry, self._owners, numeric=self._checks.numeric)
        if self._checks.owners and (status.st_uid, status.st_gid) != owner:
            yield f"it belongs to {status.st_uid}:{status.st_gid}, in the backup to {owner[0]}:{owner[1]}"

    def _file(self, entry: Entry, directory: int, name: bytes, status: os.stat_result) -> Iterator[str]:
        if status.st_size != entry.size:
            yield f"it has {status.st_size} bytes, in the backup {entry.size}"
            return
        with _opened(directory, name) as fd:
            if not self._contents.match(fd, entry):
                yield "its content is not that of the backup"
            if self._checks.attributes:
                yield from _xattrs(entry, fd)


def _owner(entry: Entry, owners: Owners, *, numeric: bool) -> tuple[int, int]:
    """Who shall own an item on this system."""
    user = None if numeric else user_id(owners.users.get(entry.user, ""))
    group = None if numeric else group_id(owners.groups.get(entry.group, ""))
    return entry.user if user is None else user, entry.group if group is None else group


def _xattrs(entry: Entry, fd: int) -> Iterator[str]:
    found, wanted = read_xattrs(fd), dict(entry.extra.xattrs)
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            yield f"its attribute {printable(name)} is not that of the backup"


@contextmanager
def _opened(directory: int, name: bytes) -> Iterator[int]:
    """A file to be read from the disk, not from memory, where the system can be told so."""
    fd = os.open(name, os.O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, dir_fd=directory)
    try:
        if sys.platform == "linux":
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        yield fd
    finally:
        let_go(fd)
