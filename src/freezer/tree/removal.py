"""Removing a tree through directory descriptors: never through a link, never across a mount point."""

from __future__ import annotations

import os
from collections.abc import Callable

from freezer.tree.directories import Directories

Report = Callable[[bytes, OSError], object]


def remove_tree(directories: Directories, path: bytes, report: Report) -> bool:
    """Remove the directory ``path`` and all below it; whether nothing of it is left. Failures are reported one by one.

    Needs no more descriptors for a deep tree than for a flat one, and no recursion.
    """
    complete = True
    device = directories.open(path.rpartition(b"/")[0]).device
    pending = [(path, False)]
    while pending:
        current, is_emptied = pending.pop()
        try:
            if is_emptied:
                parent, _, name = current.rpartition(b"/")
                above = directories.open(parent)
                directories.forget(current)
                os.rmdir(name, dir_fd=above.fd)
                continue
            directory = directories.open(current)
            if directory.device != device:
                raise OSError("not removed: another file system is mounted there")
            pending.append((current, True))
            below, files = _entries(directory.fd)
            pending += [(current + b"/" + name, False) for name in below]
        except OSError as error:
            report(current, error)
            complete = False
            continue
        for name in files:
            try:
                os.unlink(name, dir_fd=directory.fd)
            except FileNotFoundError:
                continue
            except OSError as error:
                report(current + b"/" + name, error)
                complete = False
    return complete


def _entries(fd: int) -> tuple[list[bytes], list[bytes]]:
    """Names of the subdirectories of an open directory, and of everything else in it."""
    below: list[bytes] = []
    files: list[bytes] = []
    with os.scandir(fd) as entries:
        for entry in entries:
            (below if entry.is_dir(follow_symlinks=False) else files).append(os.fsencode(entry.name))
    return below, files
