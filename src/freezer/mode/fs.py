"""Mode fs: a directory or a single file, as it is."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from freezer.errors import SourceError, UsageError
from freezer.mode.contract import Source
from freezer.model.items import printable
from freezer.progress import Notice


class FileSystemMode(msgspec.Struct, frozen=True):
    """The tree or file at ``path``, as the user wrote it; with ``sync`` everything is written to disk first."""

    path: str
    notice: Notice
    sync: bool = True

    @contextmanager
    def prepare(self) -> Iterator[Source]:
        source = locate(self.path, self.notice)
        if self.sync:
            _sync(self.notice)
        yield source


def locate(text: str, notice: Notice) -> Source:
    """The source that ``text`` means: ``~`` expanded, made absolute, ``.`` and ``..`` resolved by their text.

    Blanks around it do not count, unless it exists with them. A directory may be given by a link to it; a link to
    anything else is stored as a link.
    """
    path = _absolute(text)
    try:
        state = os.lstat(path)
        if stat.S_ISLNK(state.st_mode) and os.path.isdir(path):
            state = os.stat(path)
        _check_readable(path, state.st_mode)
    except FileNotFoundError as error:
        raise SourceError(f"no such path to back up: {printable(path)}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "run as a user who may read it" if isinstance(error, PermissionError) else None
        raise SourceError(f"cannot read {printable(path)}: {reason}", hint=hint) from error
    if stat.S_ISDIR(state.st_mode):
        return Source(path)
    if stat.S_ISSOCK(state.st_mode):
        raise SourceError(f"{printable(path)} is a socket: there is nothing in it to back up")
    if stat.S_ISLNK(state.st_mode):
        notice(f"{printable(path)} is a symbolic link: unless links are dereferenced, the link itself is stored")
    return Source(*os.path.split(path))


def _absolute(text: str) -> bytes:
    stripped = text if os.path.lexists(text) else text.strip()
    if not stripped or "\0" in stripped:
        raise UsageError(f"path_to_backup: {text!r} is no path")
    return os.fsencode(os.path.abspath(os.path.expanduser(stripped)))


def _check_readable(path: bytes, mode: int) -> None:
    """Fail now and clearly, not with an empty backup. Only what can be opened without side effects is opened."""
    if stat.S_ISDIR(mode):
        os.scandir(path).close()
        if not os.access(path, os.X_OK):
            raise PermissionError(0, "its entries cannot be reached", path)
    elif stat.S_ISREG(mode):
        os.close(os.open(path, os.O_RDONLY))


def _sync(notice: Notice) -> None:
    if sys.platform == "win32":
        notice("this system has no sync: what was written last may not be on disk yet")
        return
    try:
        os.sync()
    except OSError as error:
        notice(f"sync failed: {error.strerror}: what was written last may not be on disk yet")
