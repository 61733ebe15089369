"""Reading regular files, which may change or vanish while they are read.

Only what the operating system is asked for stands where its errors are caught: a repository that fails ends the backup,
and is never taken for a file that cannot be read.
"""

from __future__ import annotations

import errno
import os
import stat

import msgspec

from freezer.engine.dedup.backup.contents import Contents, Unreadable
from freezer.engine.dedup.backup.sight import Row, row_of
from freezer.repository.trees import Content, Entry, More, Type
from freezer.tree.holes import data_extents, is_sparse
from freezer.tree.opening import Opener
from freezer.tree.system import allocated_bytes, let_go
from freezer.tree.xattrs import has_xattrs, read_xattrs

_PERMISSIONS = 0o7777


class Copied(msgspec.Struct, frozen=True):
    """A file that was stored: its entry, the status that it belongs to, and whether the file changed meanwhile."""

    entry: Entry
    row: Row
    changed: bool


class Files:
    """Stores regular files through ``contents``."""

    def __init__(self, contents: Contents, *, follow: bool) -> None:
        self._contents = contents
        self._open = Opener(follow=follow).open
        self._most = contents.most_at_once

    def plain(self, descriptor: int, name: bytes, row: Row) -> Entry | None:
        """Store ``name`` of an open directory if it is what most files are: not big, without holes and attributes, and
        the same after it was read as in ``row``. None otherwise, and for every error: then it is :meth:`odd`."""
        mode, _, size, mtime, _, _, user, group, _ = row
        if size > self._most:
            return None
        try:
            handle = self._open(descriptor, name)
            try:
                data = os.read(handle, size + 1)
                if len(data) != size or has_xattrs(handle):
                    return None
                after = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError:
            return None
        if row_of(after) != row or allocated_bytes(after) < size:
            return None
        content = self._contents.whole(data) if size else b""
        return Entry(name, Type.FILE, mode & _PERMISSIONS, user, group, mtime, size, content)

    def odd(self, descriptor: int, name: bytes) -> Copied:
        """Store any regular file. :class:`Unreadable` if it cannot be read, or is none any more."""
        try:
            handle = self._open(descriptor, name)
        except OSError as error:
            raise Unreadable(_explained(error)) from error
        try:
            row, xattrs, extents = _head(handle)
            size = row[2]
            content, length = self._contents.file(handle, size, extents)
            after = row_of(os.fstat(handle))
        finally:
            let_go(handle)
        changed = length != size or after[2:5] != row[2:5]
        more = More(xattrs=xattrs, changed=int(changed)) if xattrs or changed else None
        return Copied(_entry(name, row, length, content, more), row, changed)


def _head(handle: int) -> tuple[Row, tuple[tuple[bytes, bytes], ...], list[tuple[int, int]] | None]:
    """Status, attributes and, if there are holes, extents of an open file."""
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is no regular file any more")
        size = status.st_size
        extents = data_extents(handle, size) if is_sparse(status) else None
        xattrs = tuple(sorted(read_xattrs(handle).items()))
    except OSError as error:
        raise Unreadable(error) from error
    return row_of(status), xattrs, None if extents == [(0, size)] else extents


def _entry(name: bytes, row: Row, size: int, content: Content, more: More | None) -> Entry:
    mode, _, _, mtime, _, _, user, group, _ = row
    return Entry(name, Type.FILE, mode & _PERMISSIONS, user, group, mtime, size, content, more)


def _explained(error: OSError) -> OSError | str:
    return "it became a symbolic link meanwhile" if error.errno == errno.ELOOP else error
