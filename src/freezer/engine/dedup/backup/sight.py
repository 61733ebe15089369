"""What can be seen of a directory without opening anything in it.

Looking at a tree in which nothing changed spends its time here, so nothing is done for each file that is not one call
into C.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from operator import attrgetter

import blake3
import msgspec

from freezer.repository.documents import DIGEST_SIZE

TYPE = 0o170000
"""The bits of a mode that say what it is."""

Row = tuple[int, int, int, int, int, int, int, int, int]
"""Of one name: mode, inode, size, mtime and ctime in nanoseconds, links, user, group, device."""

Columns = tuple[tuple[int, ...], ...]
"""The same by column."""

Excluded = Callable[[bytes], bool]

row_of: Callable[[os.stat_result], Row] = attrgetter(
    "st_mode", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns", "st_nlink", "st_uid", "st_gid", "st_dev"
)
_NONE: Row = (0, 0, 0, 0, 0, 0, 0, 0, 0)
_encode = msgspec.msgpack.Encoder().encode


class Sight(msgspec.Struct):
    """Names, sorted, with a row each, and the same by column. ``failed``: names that could not be looked at."""

    names: list[bytes]
    rows: list[Row]
    failed: list[tuple[bytes, OSError]]

    @property
    def columns(self) -> Columns:
        return tuple(zip(*self.rows, strict=True)) if self.rows else tuple((each,) * 0 for each in _NONE)


def names_in(descriptor: int) -> list[bytes]:
    """The sorted names in an open directory; encoded all at once."""
    names = os.listdir(descriptor)
    return sorted(os.fsencode("\0".join(names)).split(b"\0")) if names else []


def look(descriptor: int, names: list[bytes], *, follow: bool) -> Sight:
    """Look at ``names`` in an open directory. What is not there any more is left out."""
    see = partial(os.stat, dir_fd=descriptor, follow_symlinks=follow)
    try:
        return Sight(names, list(map(row_of, map(see, names))), [])
    except OSError:
        return _look_at_each(descriptor, names, follow)


def _look_at_each(descriptor: int, names: list[bytes], follow: bool) -> Sight:
    sight = Sight([], [], [])
    for name in names:
        try:
            status = _status(descriptor, name, follow)
        except FileNotFoundError:
            continue
        except OSError as error:
            sight.failed.append((name, error))
        else:
            sight.names.append(name)
            sight.rows.append(row_of(status))
    return sight


def _status(descriptor: int, name: bytes, follow: bool) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=follow)
    except OSError:
        # A link that leads nowhere cannot be followed: it is seen as it is.
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if not (follow and stat.S_ISLNK(status.st_mode)):
            raise
        return status


def digest(names: list[bytes], columns: Columns) -> bytes:
    """What a sight is recognized by. The device is no part of it: its number may be another after every start of the
    machine."""
    return blake3.blake3(_encode((names, columns[:-1]))).digest(DIGEST_SIZE)
