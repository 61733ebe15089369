"""Writing new files and nodes; whatever goes wrong, none is left behind unfinished."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from freezer.tree.apply import Metadata, Plain, apply_plain
from freezer.tree.attributes import Attributes
from freezer.tree.directories import Directory, temporary_name
from freezer.tree.system import O_CLOEXEC, O_NOFOLLOW, pwrite
from freezer.tree.xattrs import ACCESS_ACL, drop_xattr

Buffer = bytes | bytearray | memoryview
Content = Iterable[tuple[int, Buffer]]
"""Pieces of a file as (offset, bytes), ascending; what lies between them are holes. Memoryviews are of bytes."""

Created = tuple[list[str], os.stat_result | None]
"""What could not be applied to something new; and its identity, where others might exchange it under its name."""

_NO_NAMES = frozenset({b"", b".", b".."})
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | O_NOFOLLOW | O_CLOEXEC


def create_file(
    directory: Directory, name: bytes, attributes: Attributes, size: int, content: Content, metadata: Metadata
) -> Created:
    """A new file of ``size`` bytes. FileExistsError if the name is taken.

    Readable by nobody else until its owner and mode are right. Errors of ``content`` pass through.
    """
    mode = attributes.mode & 0o777 if directory.made else 0o600
    fd = os.open(name, _FLAGS, mode, dir_fd=directory.fd)
    try:
        try:
            end = 0
            for offset, piece in content:
                if pwrite(fd, piece, offset) != len(piece):
                    _write_rest(fd, piece, offset)
                end = offset + len(piece)
            if end != size:
                os.ftruncate(fd, size)
            if directory.inherits_acl:
                drop_xattr(fd, ACCESS_ACL)
            if directory.made:
                return metadata.to_new_file(fd, attributes, directory.owner), None
            return metadata.to_file(fd, attributes), os.fstat(fd)
        finally:
            os.close(fd)
    except BaseException:
        discard(directory, name)
        raise


class PlainFiles:
    """The quick way for files of one directory that nobody else can reach: content at once, mode, owner and mtime.

    ``staged``: what is in the directory is not at its final path yet. Elsewhere a file is renamed when it is whole.

    Where that is not all, or anything goes wrong, there is no file, and :func:`create_file` shall do it or say why not.
    """

    def __init__(self, directory: Directory, metadata: Metadata, *, staged: bool) -> None:
        self._fd = directory.fd
        self._directory = directory
        self._metadata = metadata
        self._temporary = None if staged else temporary_name()

    def kind(self, attributes: Attributes) -> Plain | None:
        """What :meth:`write` needs to know of all files that have these attributes but for the mtime; None if it takes
        more than that."""
        return self._metadata.plain(attributes, self._directory.owner)

    def write(self, kind: Plain, name: bytes, content: memoryview, mtime_ns: int) -> bool:
        """Whether there is a new file ``name`` now."""
        if b"/" in name or b"\0" in name or name in _NO_NAMES:
            return False
        directory = self._fd
        temporary = self._temporary
        first_name = name if temporary is None else temporary
        try:
            fd = os.open(first_name, _FLAGS, kind.mode, dir_fd=directory)
        except OSError:
            return False
        done = whole = False
        try:
            try:
                if not content or os.write(fd, content) == len(content):  # a disk that is nearly full takes a part
                    apply_plain(fd, kind, mtime_ns)
                    whole = True
                    done = temporary is None
            finally:
                os.close(fd)
            if whole and temporary is not None and entry_status(self._directory, name) is None:
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
                done = True
        except OSError:
            done = False
        finally:
            if not done:
                discard(self._directory, first_name)
        return done


def create_node(directory: Directory, name: bytes, make: Callable[[], None], finish: Callable[[], Created]) -> Created:
    """Something new that ``make`` creates under ``name`` and ``finish`` completes."""
    make()
    try:
        return finish()
    except BaseException:
        discard(directory, name)
        raise


def discard(directory: Directory, name: bytes) -> None:
    """Remove a name that this run has created, if it is still there."""
    with suppress(OSError):
        os.unlink(name, dir_fd=directory.fd)


def entry_status(directory: Directory, name: bytes) -> os.stat_result | None:
    """lstat(2) of a name in an open directory, None if there is none."""
    try:
        return os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _write_rest(fd: int, piece: Buffer, offset: int) -> None:
    """Write ``piece`` again, as often as it takes: signals and quotas may cut a write short."""
    rest = memoryview(piece)
    while rest:
        written = pwrite(fd, rest, offset)
        rest, offset = rest[written:], offset + written
