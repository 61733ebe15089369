"""Putting the attributes of an inode back, through descriptors only.

Order: owner first (the kernel clears setuid bits and capabilities when it changes), then extended attributes (an ACL
changes the mode, and needs write permission), then the mode, then the times, which everything before would touch.
Bits that lend the owner's rights to others (setuid, setgid, file capabilities) are put back only together with that
owner.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from freezer.tree.attributes import Attributes
from freezer.tree.directories import Directory
from freezer.tree.owners import group_id, user_id
from freezer.tree.system import (
    O_CLOEXEC,
    O_NOFOLLOW,
    O_PATH,
    chown,
    descriptor_path,
    fchmod,
    fchown,
    geteuid,
    has_descriptor_paths,
    let_go,
)
from freezer.tree.xattrs import ACCESS_ACL, CAPABILITY, drop_xattr, write_xattrs

_LENT = stat.S_ISUID | stat.S_ISGID
# chown(2) takes this one to mean "leave it as it is".
_NO_ID = 0xFFFFFFFF
# Times that every file system can hold (in nanoseconds); others may be clamped by the kernel without an error.
_COMMON = 2**31 * 10**9

_Ids = tuple[int, int]


class Plain(NamedTuple):
    """What new files get that need nothing but ``mode``, owner and times: ``owner`` and ``chmod`` say whether one of
    them must be set, or is right already."""

    mode: int
    owner: _Ids | None
    chmod: bool
    atime_ns: int


class Metadata:
    """Applies :class:`Attributes`; each method returns, in words, what could not be applied.

    ``same_owner``: owners are put back, by name where this system knows it, unless ``numeric_owner``. ``now_ns`` is
    the access time of new inodes whose attributes have none.
    """

    def __init__(self, *, same_owner: bool, numeric_owner: bool, now_ns: int) -> None:
        self._same_owner = same_owner
        self._numeric_owner = numeric_owner
        self._now_ns = now_ns
        self._ids: dict[tuple[str, int, str, int], _Ids] = {}
        self._has_paths = has_descriptor_paths()
        self._not_given = _umask()

    def to_new_file(self, fd: int, attributes: Attributes, owner: _Ids | None) -> list[str]:
        """To an open regular file that was just created with the permission bits of ``attributes`` and has this owner,
        if that is known: nothing is set that is right already."""
        plain, mtime_ns = self.plain(attributes, owner), attributes.mtime_ns
        if plain is None or plain.owner is not None or plain.chmod or not -_COMMON <= mtime_ns < _COMMON:
            return self.to_file(fd, attributes)
        try:
            os.utime(fd, ns=(plain.atime_ns, mtime_ns))
        except OSError as error:
            return [_not_set("times", error)]
        return []

    def plain(self, attributes: Attributes, owner: _Ids | None) -> Plain | None:
        """What files with these attributes, the mtime apart, need when they are created with their mode and ``owner``;
        None if it is more than :func:`apply_plain` does."""
        mode = attributes.mode
        if mode & ~0o777 or attributes.xattrs or attributes.atime_ns is not None:
            return None
        wanted = self._owner(attributes) if self._same_owner else owner
        if wanted is not None and not (0 <= wanted[0] < _NO_ID and 0 <= wanted[1] < _NO_ID):
            return None
        return Plain(mode, None if wanted == owner else wanted, bool(mode & self._not_given), self._now_ns)

    def to_file(self, fd: int, attributes: Attributes) -> list[str]:
        """To an open regular file."""
        problems: list[str] = []
        mode = attributes.mode & 0o7777
        xattrs = attributes.xattrs
        owned = self._same_owner and self._set_owner(fd, attributes, problems)
        if not owned and (mode & _LENT or CAPABILITY in xattrs) and not self._is_owner(os.fstat(fd), attributes):
            problems.append("setuid, setgid and capabilities left out: the owner is another")
            mode &= ~_LENT
            xattrs = {name: value for name, value in xattrs.items() if name != CAPABILITY}
        if xattrs:
            problems += write_xattrs(fd, xattrs)
        atime_ns = attributes.atime_ns
        self._set_mode_and_times(fd, mode, self._now_ns if atime_ns is None else atime_ns, attributes, problems)
        return problems

    def to_directory(self, fd: int, attributes: Attributes) -> list[str]:
        """To an open directory (its setgid bit says only what group new files in it get)."""
        problems: list[str] = []
        if self._same_owner:
            self._set_owner(fd, attributes, problems)
        if attributes.xattrs:
            problems += write_xattrs(fd, attributes.xattrs)
        atime_ns = os.fstat(fd).st_atime_ns if attributes.atime_ns is None else attributes.atime_ns
        self._set_mode_and_times(fd, attributes.mode & 0o7777, atime_ns, attributes, problems)
        return problems

    def to_node(
        self, directory: Directory, name: bytes, attributes: Attributes, kind: int
    ) -> tuple[list[str], os.stat_result]:
        """To a link, FIFO or device (``kind`` is its ``S_IFMT`` part) that has just been made and cannot be opened.

        Also returns its status as of before. OSError if something else has taken its place.
        """
        problems: list[str] = []
        with self._pinned(directory.fd, name) as (path, dir_fd, follow):
            status = os.stat(path, dir_fd=dir_fd, follow_symlinks=follow)
            # What somebody else could put here has another owner, or another name as well.
            if stat.S_IFMT(status.st_mode) != kind or status.st_uid != geteuid() or status.st_nlink != 1:
                raise OSError("something else took its place while it was restored")
            if self._same_owner:
                self._set_owner(path, attributes, problems, dir_fd=dir_fd, follow_symlinks=follow)
            if dir_fd is None:
                if directory.inherits_acl and kind != stat.S_IFLNK:
                    drop_xattr(path, ACCESS_ACL)
                problems += write_xattrs(path, attributes.xattrs)
            if kind != stat.S_IFLNK:
                try:
                    os.chmod(path, attributes.mode & 0o7777, dir_fd=dir_fd, follow_symlinks=follow)
                except (OSError, NotImplementedError, ValueError) as error:
                    # ValueError is what Python makes of EOPNOTSUPP here, as without /proc.
                    problems.append(_not_set("mode", error))
            times = (self._now_ns if attributes.atime_ns is None else attributes.atime_ns, attributes.mtime_ns)
            try:
                os.utime(path, ns=times, dir_fd=dir_fd, follow_symlinks=follow)
                if not -_COMMON <= attributes.mtime_ns < _COMMON:
                    _check_time(os.stat(path, dir_fd=dir_fd, follow_symlinks=follow), attributes)
            except (OSError, OverflowError) as error:
                problems.append(_not_set("times", error))
        return problems, status

    @contextmanager
    def _pinned(self, directory_fd: int, name: bytes) -> Iterator[tuple[bytes, int | None, bool]]:
        """``path``, ``dir_fd`` and ``follow_symlinks`` for calls that shall all reach the same inode.

        /proc leads from a descriptor to its inode, even a link's, whatever happens to the name meanwhile. Without
        /proc the name is used, not followed.
        """
        if not self._has_paths:
            yield name, directory_fd, False
            return
        fd = os.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC, dir_fd=directory_fd)
        try:
            yield descriptor_path(fd), None, True
        finally:
            let_go(fd)

    def _set_owner(
        self,
        where: int | bytes,
        attributes: Attributes,
        problems: list[str],
        *,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> bool:
        """Whether the owner is now as recorded."""
        uid, gid = self._owner(attributes)
        try:
            if not (0 <= uid < _NO_ID and 0 <= gid < _NO_ID):
                raise OverflowError("no such number")
            if isinstance(where, int):
                fchown(where, uid, gid)
            else:
                chown(where, uid, gid, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        except (OSError, OverflowError) as error:
            problems.append(_not_set(f"owner {uid}:{gid}", error))
            return False
        return True

    def _set_mode_and_times(
        self, fd: int, mode: int, atime_ns: int, attributes: Attributes, problems: list[str]
    ) -> None:
        try:
            fchmod(fd, mode)
        except OSError as error:
            problems.append(_not_set(f"mode {mode:04o}", error))
        try:
            os.utime(fd, ns=(atime_ns, attributes.mtime_ns))
            if not -_COMMON <= attributes.mtime_ns < _COMMON:
                _check_time(os.fstat(fd), attributes)
        except (OSError, OverflowError) as error:
            problems.append(_not_set("times", error))

    def _owner(self, attributes: Attributes) -> _Ids:
        """User and group of ``attributes`` on this system."""
        key = (attributes.uname, attributes.uid, attributes.gname, attributes.gid)
        ids = self._ids.get(key)
        if ids is None:
            uid = None if self._numeric_owner else user_id(attributes.uname)
            gid = None if self._numeric_owner else group_id(attributes.gname)
            ids = (attributes.uid if uid is None else uid, attributes.gid if gid is None else gid)
            self._ids[key] = ids
        return ids

    def _is_owner(self, status: os.stat_result, attributes: Attributes) -> bool:
        """Whether an inode belongs to the recorded user, and to the group where a setgid bit lends that."""
        uid, gid = self._owner(attributes)
        return status.st_uid == uid and (status.st_gid == gid or not attributes.mode & stat.S_ISGID)


def apply_plain(fd: int, plain: Plain, mtime_ns: int) -> None:
    """To an open regular file that was just created with the mode of ``plain``; OSError if anything cannot be set."""
    mode, owner, chmod, atime_ns = plain
    if owner is not None:
        fchown(fd, *owner)
    if chmod:
        fchmod(fd, mode)
    if not -_COMMON <= mtime_ns < _COMMON:
        raise OSError("the file system may not hold such a time")
    os.utime(fd, ns=(atime_ns, mtime_ns))


def _umask() -> int:
    """Permission bits that open(2) does not give."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _check_time(status: os.stat_result, attributes: Attributes) -> None:
    if status.st_mtime_ns // 10**9 != attributes.mtime_ns // 10**9:
        raise OverflowError("the file system cannot hold them")


def _not_set(what: str, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{what} not set: {reason}"
