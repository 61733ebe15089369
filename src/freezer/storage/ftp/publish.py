"""Files and folders on the server that are whole once they have their names.

FTP knows no fsync: what survives a power cut of the server is its file system's business. Paths are bytes; errors are
OSError.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
from contextlib import suppress

from freezer.clock import Clock
from freezer.errors import StorageError, TransientError
from freezer.storage.contract import Buffer
from freezer.storage.files.names import TEMP_PREFIX, temp_path, topmost_missing
from freezer.storage.ftp.files import Files
from freezer.storage.ftp.listing import Kind

PATIENCE = 12.0  # seconds after which one whose turn it is, and who does nothing, is dead
_LOOK = 0.1
_TURN = TEMP_PREFIX + b"turn-"

parent = posixpath.dirname


def write_file(files: Files, path: bytes, data: Buffer) -> None:
    """Create ``path`` with ``data`` as its content; if that fails nothing stays."""
    try:
        files.store(path, data)
    except BaseException:
        files.discard(path)
        raise


def replace(files: Files, temp: bytes, path: bytes) -> None:
    """Give ``temp`` the name ``path``. On a server that does not replace files there is a moment without ``path``."""
    try:
        files.rename(temp, path)
    except FileExistsError:
        with suppress(FileNotFoundError):
            files.remove(path)
        files.rename(temp, path)


def place(files: Files, root: bytes, path: bytes, data: Buffer, clock: Clock, *, new: bool) -> bool:
    """Put ``data`` at ``path``; False if it is to be ``new`` and something is there."""
    folder = parent(path)
    top = topmost_missing(files.is_folder, root, folder)
    if top is not None:
        if plant(files, root, top, path, data):
            return True
        make_folders(files, root, folder)  # the server does not rename folders, or this is another disk
    if new:
        return publish_new(files, path, data, clock)
    temp = temp_path(folder)
    write_file(files, temp, data)
    try:
        replace(files, temp, path)
    except BaseException:
        files.discard(temp)
        raise
    return True


def publish_new(files: Files, path: bytes, data: Buffer, clock: Clock) -> bool:
    """Make the object ``path`` in a folder that exists, False if the name is taken; of several at once one succeeds.

    That a folder does not replace another with something in it is what FTP servers have in the way of create-once. So
    who wants a name puts the file into a folder of its own and renames that to the one folder, the *turn*, that all who
    want this name agree upon. Whoever gets it looks whether the name is free and moves the file there. Somebody who
    stops amid his turn loses it by losing his file: then there is nothing left that he could still move.
    """
    own = temp_path(parent(path))
    turn = parent(path) + b"/" + _TURN + hashlib.sha256(path).hexdigest()[:24].encode()
    file = posixpath.basename(own)
    files.make_folder(own)
    place = own
    try:
        write_file(files, own + b"/" + file, data)
        while not _take_turn(files, own, turn):
            if files.exists(path):
                return False
            _watch(files, turn, clock)
        place = turn
        if files.exists(path):
            return False
        _move(files, turn + b"/" + file, path)
        file = b""
        return True
    finally:
        with suppress(StorageError):
            if file:
                files.discard(place + b"/" + file)
            files.remove_folder(place)


def plant(files: Files, root: bytes, top: bytes, path: bytes, data: Buffer) -> bool:
    """Make the object ``path`` and its missing folders, the topmost of them ``top``, visible all at once.

    Upstream takes every folder in certain places for a backup and fails over what is not: a folder must never be seen
    before its object. So the tree grows in a temporary folder directly below ``root``, where upstream never looks.
    False if the server does not rename folders to there; FileExistsError if ``top`` came into being meanwhile.
    """
    nursery = temp_path(root)
    folders = [nursery]
    files.make_folder(nursery)
    try:
        for part in path[len(top) + 1 :].split(b"/")[:-1]:
            folders.append(folders[-1] + b"/" + part)
            files.make_folder(folders[-1])
        write_file(files, nursery + path[len(top) :], data)
        try:
            files.rename(nursery, top)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            _uproot(files, folders, nursery + path[len(top) :])
            return False
    except BaseException:
        _uproot(files, folders, nursery + path[len(top) :])
        raise
    return True


def make_folders(files: Files, root: bytes, folder: bytes) -> None:
    """Create ``folder`` and its missing parents below ``root``."""
    while (missing := topmost_missing(files.is_folder, root, folder)) is not None:
        try:
            files.make_folder(missing)
        except FileExistsError:
            found = files.find(missing)  # others may make and remove it meanwhile
            if found is not None and not files.is_folder(missing):
                wrong = errno.EACCES if found.kind is Kind.FOLDER else errno.ENOTDIR
                raise OSError(wrong, os.strerror(wrong), missing) from None


def prune_folders(files: Files, root: bytes, folder: bytes) -> None:
    """Remove ``folder`` and its parents below ``root`` as far as they are empty."""
    while folder != root and files.remove_folder(folder):
        folder = parent(folder)


def excludes(files: Files, root: bytes) -> bool:
    """Whether the server refuses to replace a folder that has something in it; tried out below ``root``."""
    first, second = temp_path(root), temp_path(root)
    try:
        for folder in (first, second):
            files.make_folder(folder)
            files.make_folder(folder + b"/x")
        files.rename(first, second)
    except FileExistsError:
        return True
    except OSError:
        pass
    finally:
        for folder in (first, second):
            files.remove_folder(folder + b"/x")
            files.remove_folder(folder)
    return False


def _take_turn(files: Files, own: bytes, turn: bytes) -> bool:
    try:
        files.rename(own, turn)
    except FileExistsError:
        files.remove_folder(turn)  # which goes if a dead one's file is gone: some servers replace no folder at all
        return False
    return True


def _move(files: Files, file: bytes, path: bytes) -> None:
    try:
        files.rename(file, path)
    except FileNotFoundError:
        raise TransientError("another process took us for dead, and its turn came") from None


def _watch(files: Files, turn: bytes, clock: Clock) -> None:
    """Return when whoever's turn it is has done something, or does nothing for so long that his file is taken away."""
    with suppress(FileNotFoundError):
        before = [entry.name for entry in files.entries(turn)]
        deadline = clock.monotonic() + PATIENCE
        while [entry.name for entry in files.entries(turn)] == before:
            if clock.monotonic() > deadline:
                for name in before:
                    files.discard(turn + b"/" + name)
                return
            clock.sleep(_LOOK)


def _uproot(files: Files, folders: list[bytes], file: bytes) -> None:
    with suppress(OSError, StorageError):
        files.discard(file)
        for folder in reversed(folders):
            files.remove_folder(folder)
