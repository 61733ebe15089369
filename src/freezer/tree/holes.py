"""Where a file has content and where only holes (lseek(2), ``SEEK_DATA`` and ``SEEK_HOLE``)."""

from __future__ import annotations

import errno
import os

from freezer.tree.system import SEEK_DATA, SEEK_HOLE, allocated_bytes


def is_sparse(status: os.stat_result) -> bool:
    """Whether a regular file occupies less than its size, so that looking for holes is worth the calls."""
    return allocated_bytes(status) < status.st_size


def data_extents(fd: int, size: int) -> list[tuple[int, int]]:
    """The parts of the first ``size`` bytes that are not holes, as (offset, length), ascending and apart.

    One extent of everything where the file system cannot tell. The position of ``fd`` is as before. A file that
    changes meanwhile gives extents that were true at some moment; what is said to be a hole was one.
    """
    if size == 0:
        return []
    position = os.lseek(fd, 0, os.SEEK_CUR)
    extents = []
    try:
        end = 0
        while end < size:
            start = _seek(fd, end, SEEK_DATA)
            if start is None or start >= size:
                break
            # No hole after it means that the file was cut off in between.
            hole = _seek(fd, start, SEEK_HOLE)
            end = size if hole is None else min(hole, size)
            extents.append((start, end - start))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
        return [(0, size)]
    finally:
        os.lseek(fd, position, os.SEEK_SET)
    return extents


def _seek(fd: int, offset: int, whence: int) -> int | None:
    """The next place of that kind at or after ``offset``; None if there is none (ENXIO)."""
    try:
        return os.lseek(fd, offset, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
