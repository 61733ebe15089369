"""The directories of a restore: each opened beneath the target without following a link, and remembered by identity.

A directory that this run makes has a temporary name at first, and its own as soon as another directory is needed: one
rename for all files that are written one after the other into it, instead of one each, and yet none of them has its
final path before it is whole. It is *staged* until then, and may be staged again while no directory is in it.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from freezer.decoding import msgpack_decoder
from freezer.spill.table import Table
from freezer.tree.openat2 import open_beneath
from freezer.tree.system import O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, geteuid, let_go
from freezer.tree.xattrs import ACCESS_ACL, DEFAULT_ACL, drop_xattr, read_xattrs

OPEN_AT_ONCE = 64
"""Directory descriptors that are kept open; a depth-first restore needs few and a sorted one hardly more."""

TEMPORARY = b".freezer-tmp-"
"""How the names of what is not finished begin."""

_NO_DIRECTORIES = 2
"""The link count of a directory without directories, but on file systems that do not count them (where it is 1)."""

Report = Callable[[bytes, OSError], object]

_FLAGS = os.O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Directory:
    """An open directory.

    ``made``: this run made it, with mode 0700, so nobody else has anything in it. ``inherits_acl``: what is created
    in it gets an ACL that nobody asked for. ``owner``: user and group that own what is created in it, if that is known.
    """

    fd: int
    device: int
    made: bool
    inherits_acl: bool
    owner: tuple[int, int] | None = None


class Known(NamedTuple):
    """What a directory was when this run first saw it: identity, whether this run made it, its time of change."""

    device: int
    inode: int
    made: bool
    mtime_ns: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgpack_decoder(Known).decode


def temporary_name() -> bytes:
    """A name that nobody can guess, for something unfinished."""
    return TEMPORARY + os.urandom(8).hex().encode()


def path_fault(path: bytes) -> str | None:
    """Why ``path`` is no path below the target, or None."""
    if path.startswith(b"/"):
        return "unsafe path: it is absolute"
    if b"\0" in path:
        return "unsafe path: it contains a NUL byte"
    for part in path.split(b"/"):
        if part in (b"", b".", b".."):
            return f"unsafe path: it contains {f'the part {part.decode()!r}' if part else 'an empty part'}"
    return None


class Directories:
    """Opens and makes directories below one root; paths are relative to it, ``b""`` is the root.

    Failures are OSErrors; one without ``errno`` says in words what is wrong with a path. ``report`` is told of a staged
    directory that could not get its name.
    """

    def __init__(self, root_fd: int, *, made: bool) -> None:
        status = os.fstat(root_fd)
        made = made and _is_private(status)
        inherits_acl = _has_default_acl(root_fd)
        if made and inherits_acl:
            drop_xattr(root_fd, DEFAULT_ACL)
            drop_xattr(root_fd, ACCESS_ACL)
        self.root = Directory(root_fd, status.st_dev, made, not made and inherits_acl)
        self._known = Table()
        self._known.put(b"", _encode(Known(status.st_dev, status.st_ino, made, status.st_mtime_ns)))
        self._open: OrderedDict[bytes, Directory] = OrderedDict()
        self._recent_path = b""
        self._recent = self.root
        self._staged: tuple[bytes, bytes, Directory] | None = None
        self.report: Report = lambda _path, _error: None

    def is_staged(self, directory: Directory) -> bool:
        """Whether ``directory`` is the one that has its temporary name still."""
        return self._staged is not None and self._staged[2] is directory

    def staged_at(self, path: bytes) -> Directory | None:
        """The directory at ``path`` if it is the one that has its temporary name still."""
        return self._staged[2] if self._staged is not None and self._staged[0] == path else None

    def settle(self) -> None:
        """Give the staged directory its name."""
        if self._staged is None:
            return
        path, temporary, _ = self._staged
        self._staged = None
        parent, _, name = path.rpartition(b"/")
        try:
            above = self.open(parent).fd
            os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
        except OSError as error:
            self.forget(path)
            reason = f"what was restored is in {os.fsdecode(temporary)}: {error.strerror or error}"
            self.report(path, OSError(reason))

    def stage_again(self, path: bytes) -> Directory | None:
        """Give the directory at ``path`` a temporary name once more; None, and nothing happens, unless this run made it
        and no directory is known to be in it (whatever is in it is out of place as long)."""
        directory = self.open(path)
        if not directory.made or not path:
            return None
        status = os.fstat(directory.fd)
        if status.st_nlink != _NO_DIRECTORIES:
            return None
        parent, _, name = path.rpartition(b"/")
        above = self.open(parent).fd
        temporary = temporary_name()
        os.rename(name, temporary, src_dir_fd=above, dst_dir_fd=above)
        try:
            is_it = os.path.samestat(os.stat(temporary, dir_fd=above, follow_symlinks=False), status)
        except BaseException:
            os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
            raise
        if not is_it:
            # Somebody else has put something in its place, and shall find it there.
            os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
            return None
        self._staged = path, temporary, directory
        self._recent_path, self._recent = path, directory
        return directory

    def open(self, path: bytes) -> Directory:
        """The directory at ``path``, which exists; valid until :data:`OPEN_AT_ONCE` others have been opened."""
        if path == self._recent_path:
            return self._recent
        if self._staged is not None and path != self._staged[0]:
            self.settle()
        directory = self._open.get(path)
        if directory is not None:
            self._open.move_to_end(path)
        elif not path:
            directory = self.root
        else:
            directory = self._open_anew(path)
        self._recent_path, self._recent = path, directory
        return directory

    def make(self, path: bytes) -> Directory:
        """The directory at ``path``, made with mode 0700 if nothing is there; its parent exists.

        NotADirectoryError, or OSError ELOOP, if something else is there.
        """
        parent, _, name = path.rpartition(b"/")
        if not path or path in self._open:
            return self.open(path)
        self.settle()
        above = self.open(parent)
        if _exists(above.fd, name):
            return self.open(path)
        temporary = temporary_name()
        os.mkdir(temporary, 0o700, dir_fd=above.fd)
        fd = -1
        try:
            fd = os.open(temporary, _FLAGS, dir_fd=above.fd)
            status = os.fstat(fd)
            made = _is_private(status)
            if above.inherits_acl and made:
                drop_xattr(fd, DEFAULT_ACL)
                drop_xattr(fd, ACCESS_ACL)
            directory = _directory(fd, status, made=made)
        except BaseException:
            if fd >= 0:
                let_go(fd)
            with suppress(OSError):
                os.rmdir(temporary, dir_fd=above.fd)
            raise
        self._known.put(path, _encode(Known(status.st_dev, status.st_ino, made, status.st_mtime_ns)))
        self._keep_open(path, directory)
        self._staged = path, temporary, directory
        self._recent_path, self._recent = path, directory
        return directory

    def known(self, path: bytes) -> Known | None:
        """What the directory was when this run first saw it, None if it never did."""
        value = self._known.get(path)
        return None if value is None else _decode(value)

    def forget(self, path: bytes) -> None:
        """The directory at ``path`` is about to be removed."""
        self._known.pop(path)
        directory = self._open.pop(path, None)
        if directory is not None:
            let_go(directory.fd)
        if path == self._recent_path:
            self._recent_path, self._recent = b"", self.root

    def close(self) -> None:
        """Settle, and close all descriptors, the root's too."""
        self.settle()
        while self._open:
            let_go(self._open.popitem()[1].fd)
        let_go(self.root.fd)
        self._known.close()

    def _open_anew(self, path: bytes) -> Directory:
        parent, _, name = path.rpartition(b"/")
        above = self.root if not parent else self._open.get(parent)
        if fault := path_fault(path):
            raise OSError(fault)
        fd = open_beneath(self.root.fd, path, _FLAGS) if above is None else os.open(name, _FLAGS, dir_fd=above.fd)
        try:
            status = os.fstat(fd)
            now = Known(status.st_dev, status.st_ino, False, status.st_mtime_ns)
            known = self.known(path)
            if known is None:
                self._known.put(path, _encode(now))
                known = now
            made = known.made and known[:2] == now[:2]
            directory = _directory(fd, status, made=made)
        except BaseException:
            let_go(fd)
            raise
        self._keep_open(path, directory)
        return directory

    def _keep_open(self, path: bytes, directory: Directory) -> None:
        self._open[path] = directory
        if len(self._open) > OPEN_AT_ONCE:
            let_go(self._open.popitem(last=False)[1].fd)


def _directory(fd: int, status: os.stat_result, *, made: bool) -> Directory:
    # What this run made was created as all that is created in it will be: a set-group-id bit is inherited.
    owner = (status.st_uid, status.st_gid) if made and _is_private(status) else None
    return Directory(fd, status.st_dev, made, not made and _has_default_acl(fd), owner)


def _exists(fd: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_private(status: os.stat_result) -> bool:
    """Whether a directory can be the one just made (where others can write, another may have taken its place)."""
    return status.st_uid == geteuid() and not status.st_mode & 0o077


def _has_default_acl(fd: int) -> bool:
    return DEFAULT_ACL in read_xattrs(fd)
