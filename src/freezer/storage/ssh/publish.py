"""Files and folders on the server that are whole once they have their names.

The order is the local storage's: write the temporary, fsync it, give it its name, fsync the folder that has the name.
OpenSSH's server fsyncs folders as well as files, if one opens them for reading; where a server does not, names are as
durable as its file system makes them by itself. Paths are bytes; errors are OSError.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from contextlib import suppress
from dataclasses import dataclass

from freezer.errors import StorageError
from freezer.storage.contract import Buffer
from freezer.storage.files.names import temp_path, topmost_missing
from freezer.storage.ssh.sending import write_at, write_small
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.wire import Open

CREATE = Open.WRITE | Open.CREATE | Open.EXCLUSIVE


@dataclass(frozen=True, slots=True)
class Modes:
    """Permission bits of new folders and files."""

    folder: int
    file: int

    @classmethod
    def within(cls, root_mode: int) -> Modes:
        """What the container's own mode allows: never others, the group as it does."""
        group = root_mode & stat.S_IRWXG
        return cls(0o700 | group, 0o600 | (group & 0o060))


def parent(path: bytes) -> bytes:
    return posixpath.dirname(path)


def sync_folder(session: Session, folder: bytes) -> bool:
    """Put the names in ``folder`` on the server's medium; whether the server can do that. OSError if it could once."""
    if not session.can_sync or session.syncs_folders is False:
        return False
    try:
        session.sync_and_close(session.open(folder, Open.READ))
    except OSError as error:
        if session.syncs_folders or isinstance(error, FileNotFoundError):
            raise
        session.syncs_folders = False
        return False
    session.syncs_folders = True
    return True


def write_file(session: Session, path: bytes, data: Buffer, mode: int) -> None:
    """Create ``path`` with ``data`` as its content, on the medium; if that fails nothing stays."""
    file = session.open(path, CREATE, mode)
    if memoryview(data).nbytes <= session.most_written:
        try:
            write_small(session, file, data, parent(path))
        except BaseException:
            session.discard(path)
            raise
        return
    try:
        try:
            write_at(session, file, 0, data)
        except BaseException:
            session.let_go(file)
            raise
        session.sync_and_close(file)
    except BaseException:
        session.discard(path)
        raise


def replace(session: Session, temp: bytes, path: bytes) -> None:
    """Give ``temp`` the name ``path``, durably."""
    if session.can_replace and session.syncs_folders:
        session.sync_and_close(session.replace_and_open(temp, path, parent(path)))
        return
    session.replace(temp, path)
    sync_folder(session, parent(path))


def publish_new(session: Session, temp: bytes, path: bytes) -> bool:
    """As ``replace``, but False if the name is taken; of several callers at once one succeeds if there are links."""
    try:
        if session.can_link:
            session.link(temp, path)
            session.discard(temp)
        else:
            session.rename(temp, path)
    except FileNotFoundError:
        raise
    except OSError:
        if session.exists(path):
            session.discard(temp)
            return False
        raise
    _keep_name(session, path)
    return True


def plant(session: Session, root: bytes, top: bytes, path: bytes, data: Buffer, modes: Modes) -> bool:
    """Make the object ``path`` and its missing folders, the topmost of them ``top``, visible all at once.

    Upstream takes every folder in certain places for a backup and fails over what is not: a folder must never be seen
    before its object. So the tree grows in a temporary folder directly below ``root``, where upstream never looks.
    False if ``top`` belongs to another file system; FileExistsError if it came into being meanwhile.
    """
    nursery = temp_path(root)
    folders = [nursery]
    session.mkdir(nursery, modes.folder)
    try:
        for part in path[len(top) + 1 :].split(b"/")[:-1]:
            folders.append(folders[-1] + b"/" + part)
            session.mkdir(folders[-1], modes.folder)
        write_file(session, nursery + path[len(top) :], data, modes.file)
        for folder in reversed(folders):
            sync_folder(session, folder)
        try:
            session.rename(nursery, top)
        except OSError:
            if session.exists(top):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), top) from None
            _uproot(session, folders, nursery + path[len(top) :])
            return False
    except BaseException:
        _uproot(session, folders, nursery + path[len(top) :])
        raise
    try:
        _keep_name(session, path, top)
    except OSError:
        prune_folders(session, root, parent(path))
        raise
    return True


def make_folders(session: Session, root: bytes, folder: bytes, mode: int) -> None:
    """Create ``folder`` and its missing parents below ``root``."""
    while (missing := topmost_missing(session.is_folder, root, folder)) is not None:
        try:
            session.mkdir(missing, mode)
        except FileNotFoundError:
            raise
        except OSError:
            if not session.exists(missing):
                raise
            found = session.lstat(missing)  # FileNotFoundError if it is gone by now
            if not found.is_folder and not session.is_folder(missing):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), missing) from None
        with suppress(FileNotFoundError):
            sync_folder(session, parent(missing) or b".")


def prune_folders(session: Session, root: bytes, folder: bytes) -> bytes:
    """Remove ``folder`` and its parents below ``root`` as far as they are empty; the first that stays."""
    while folder != root:
        try:
            session.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            break  # not empty, or not ours to remove: an empty folder harms nobody
        folder = parent(folder)
    return folder


def _keep_name(session: Session, path: bytes, top: bytes | None = None) -> None:
    """Make the new name of ``path`` (or of the folder ``top`` around it) durable, or take the object back."""
    try:
        sync_folder(session, parent(top or path))
    except OSError:
        session.discard(path)
        raise


def _uproot(session: Session, folders: list[bytes], file: bytes) -> None:
    with suppress(OSError, StorageError):
        session.discard(file)
        for folder in reversed(folders):
            session.rmdir(folder)
