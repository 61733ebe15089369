"""Reading and listing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from freezer.errors import TransientError
from freezer.storage.contract import ObjectInfo
from freezer.storage.files.names import LOST_AND_FOUND, is_temp
from freezer.storage.local.durable import is_folder
from freezer.storage.local.lock import let_go

O_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_range(path: bytes, offset: int, length: int | None) -> bytes:
    """``length`` bytes (or all) of the regular file ``path`` from ``offset``, fewer only at its end."""
    fd = os.open(path, O_READ)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(path)
        rest = max(0, status.st_size - offset)
        os.lseek(fd, offset, os.SEEK_SET)
        return _read(fd, rest if length is None else min(length, rest))
    finally:
        let_go(fd)


def list_objects(root: bytes, folder: bytes, prefix: str) -> Iterator[ObjectInfo]:
    """The objects in and below ``folder``, whose names begin with ``prefix``, in any order.

    What vanishes while we look is left out, everything else that hinders us is an error. As an unmounted container
    looks as if everything had vanished, the container has to be the same in the end."""
    before = os.stat(root)
    if is_folder(folder):
        yield from _walk(folder, prefix)
    if not os.path.samestat(before, os.stat(root)):
        raise TransientError(f"the container was replaced or unmounted while its objects below {prefix!r} were listed")


def _walk(folder: bytes, prefix: str) -> Iterator[ObjectInfo]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    for entry in entries:
        if is_temp(entry.name) or (not prefix and entry.name == LOST_AND_FOUND):
            continue
        name = prefix + entry.name.decode("utf-8", "surrogateescape")
        if entry.is_dir():
            yield from _walk(entry.path, name + "/")
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                yield ObjectInfo(name, status.st_size, status.st_mtime)


def _read(fd: int, length: int) -> bytes:
    pieces = []
    while length > 0 and (piece := os.read(fd, length)):
        pieces.append(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
