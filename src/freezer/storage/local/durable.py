"""Files and folders that are whole and survive a power cut once they have their names.

The order is always the same: write the temporary, fsync it, give it its name, fsync the folder that has the name
(and the one above each folder made on the way). Paths are absolute bytes; errors are OSError.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress

import msgspec

from freezer.durable import sync_folder
from freezer.storage.contract import Buffer
from freezer.storage.files.names import temp_path
from freezer.storage.local.lock import O_FOLDER, Lock, let_go, try_lock, unless_held

_O_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


class Modes(msgspec.Struct, frozen=True):
    """Permission bits of new folders and files."""

    folder: int
    file: int

    @classmethod
    def within(cls, root: bytes) -> Modes:
        """What the container's own mode allows: never others, the group as it does."""
        group = os.stat(root).st_mode & stat.S_IRWXG
        return cls(0o700 | group, 0o600 | (group & 0o060))


def is_folder(path: bytes) -> bool:
    """Whether ``path`` is a folder, or a symbolic link to one; OSError if that cannot be found out."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_all(fd: int, data: Buffer) -> None:
    """Write all of ``data`` at the current position, however much the system takes at a time."""
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(fd, view) :]


def sync_file(fd: int) -> None:
    """Return when content and size of the open file are on the medium."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # file systems without it get fsync
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
    os.fsync(fd)


def create(path: bytes, mode: int) -> int:
    """A descriptor of the new file ``path``, locked so that ``sweep`` can tell a slow writer from a dead one."""
    fd = os.open(path, _O_CREATE, mode)
    try_lock(fd)
    return fd


def write_file(path: bytes, data: Buffer, mode: int) -> None:
    """Create ``path`` with ``data`` as its content, on the medium; if that fails nothing stays."""
    fd = create(path, mode)
    try:
        try:
            write_all(fd, data)
            sync_file(fd)
        finally:
            os.close(fd)
    except BaseException:
        discard(path)
        raise


def replace(temp: bytes, path: bytes) -> None:
    """Give ``temp`` the name ``path``, durably. If the name was free and cannot be made durable, it is free again."""
    fresh = not os.path.lexists(path)
    os.replace(temp, path)
    _keep_name(path, fresh=fresh)


def publish_new(temp: bytes, path: bytes, root: bytes) -> bool:
    """As ``replace``, but False if the name is taken; of several callers at once one succeeds."""
    try:
        if sys.platform == "win32":
            os.rename(temp, path)  # never replaces there
        else:
            os.link(temp, path)
            discard(temp)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not _rename_new(temp, path, root):
            return False
    _keep_name(path, fresh=True)
    return True


def plant(root: bytes, top: bytes, path: bytes, data: Buffer, modes: Modes) -> None:
    """Make the object ``path`` and its missing folders, the topmost of them ``top``, visible all at once.

    Upstream takes every folder in certain places for a backup and fails over what is not: a folder must never be seen
    before its object. So the tree grows in a temporary folder directly below ``root``, where upstream never looks.
    OSError with ENOTEMPTY or EEXIST if ``top`` came into being meanwhile, EXDEV if it belongs to another file system.
    """
    nursery = temp_path(root)
    os.mkdir(nursery, modes.folder)
    try:
        folders = [nursery]
        for part in path[len(top) + 1 :].split(b"/")[:-1]:
            folders.append(os.path.join(folders[-1], part))
            os.mkdir(folders[-1], modes.folder)
        write_file(nursery + path[len(top) :], data, modes.file)
        for folder in reversed(folders):
            sync_folder(folder)
        os.rename(nursery, top)
    except BaseException:
        shutil.rmtree(nursery, ignore_errors=True)
        raise
    try:
        sync_folder(os.path.dirname(top))
    except OSError:
        discard(path)
        prune_folders(root, os.path.dirname(path))
        raise


def topmost_missing(root: bytes, folder: bytes) -> bytes | None:
    """The highest of ``folder`` and its parents below ``root`` that does not exist; None if all do."""
    missing = None
    while folder not in (root, missing) and not is_folder(folder):
        missing = folder
        folder = os.path.dirname(folder)
    return missing


def make_folders(root: bytes, folder: bytes, mode: int) -> None:
    """Create ``folder`` and its missing parents below ``root``, durably."""
    while (missing := topmost_missing(root, folder)) is not None:
        try:
            os.mkdir(missing, mode)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(missing).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), missing) from None
        sync_folder(os.path.dirname(missing))


def prune_folders(root: bytes, folder: bytes) -> None:
    """Remove ``folder`` and its parents below ``root`` as far as they are empty and nobody holds them."""
    while folder != root and remove_empty(folder):
        folder = os.path.dirname(folder)


def sync_removal(root: bytes, folder: bytes) -> None:
    """Make it durable that names are gone from ``folder``, which may be gone itself, with some of its parents."""
    while True:
        try:
            return sync_folder(folder)
        except FileNotFoundError:
            if folder == root:
                raise
            folder = os.path.dirname(folder)


def remove_empty(folder: bytes) -> bool:
    """Remove ``folder`` if it is empty and not held by anybody; whether it is gone."""
    try:
        with os.scandir(folder) as entries:
            if next(entries, None) is not None:
                return False
        with unless_held(folder) as free:  # whoever locked a folder must not lose it
            if not free:
                return False
            os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # somebody filled it meanwhile, or it is not ours to remove: an empty folder harms nobody
    return True


def discard(path: bytes) -> None:
    """Remove the file ``path`` if that is possible; what stays is collected by ``sweep``."""
    with suppress(OSError):
        os.unlink(path)


def _keep_name(path: bytes, *, fresh: bool) -> None:
    try:
        sync_folder(os.path.dirname(path))
    except OSError:
        if fresh:
            discard(path)
        raise


def _rename_new(temp: bytes, path: bytes, root: bytes) -> bool:
    """For file systems without hard links (FAT, some of FUSE): look and rename while the container is locked."""
    fd = os.open(root, O_FOLDER)
    try:
        if try_lock(fd, wait=True) is not Lock.OURS:
            raise OSError(errno.ENOTSUP, "the file system has neither hard links nor locks", path)
        if os.path.lexists(path):
            return False
        os.rename(temp, path)
        return True
    finally:
        let_go(fd)
