"""The quick way for what most items are: regular files with nothing special about them that fit into a block.

A backup of many small files spends its time here, so this is one long loop around seven system calls. It decides
nothing difficult: a file is put into the block beyond what is used, and counts only if nothing was out of the ordinary.
Otherwise it is as if it had not been touched, and :mod:`~freezer.engine.tar.backup.entries` starts over with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator

from freezer.engine.tar.archive.header import BLOCK, FILE, frame, put_header
from freezer.engine.tar.archive.pax import SECOND
from freezer.engine.tar.backup.blocks import BlockWriter
from freezer.tree.owners import group_name, user_name
from freezer.tree.system import allocated_bytes, readv
from freezer.tree.xattrs import has_xattrs

_ZEROS = bytes(BLOCK)
_TYPE = 0o170000  # the bits of a mode that stat.S_IFMT keeps


def store_plain_files(
    out: BlockWriter,
    descriptor: int,
    prefix: bytes,
    items: Iterable[tuple[bytes, int]],
    open_file: Callable[[int, bytes], int],
) -> Iterator[tuple[bytes, int]]:
    """Store the plain files among ``items`` (name and mark) of one directory; yields the others, in their order.

    Whoever iterates must store what is yielded before it goes on. A mark is the nanoseconds of the mtime that the
    directory's entry has recorded, or above :data:`SECOND` for what is not to be opened without a look at it first.
    ``prefix``: what stands before the names in the archive.
    """
    fstat, close = os.fstat, os.close
    longest = 100 - len(prefix)
    mode = uid = gid = -1
    block, view, used, end = out.block, out.view, out.used, len(out.block)
    for item in items:
        name, mark = item
        stored = 0
        if mark < SECOND and len(name) <= longest:
            try:
                handle = open_file(descriptor, name)
                try:
                    status = fstat(handle)
                    kind, _, _, links, owner, group, size, _, _, _ = status
                    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
                    start = used + BLOCK
                    pad = -size % BLOCK
                    if (
                        kind & _TYPE == stat.S_IFREG
                        and links == 1
                        and start + size + pad <= end
                        and mtime_ns % SECOND == mark
                        and allocated_bytes(status) >= size
                        and not has_xattrs(handle)
                        and (not size or readv(handle, (view[start : start + size],)) == size)
                    ):
                        after = fstat(handle)
                        if after.st_size == size and after.st_mtime_ns == mtime_ns and after.st_ctime_ns == ctime_ns:
                            stored = BLOCK + size + pad
                finally:
                    close(handle)
            except OSError:
                stored = 0
        if stored:
            if kind != mode or owner != uid or group != gid:
                mode, uid, gid = kind, owner, group
                shared = frame(FILE, mode, uid, gid, user_name(uid), group_name(gid))
            atime_ns = status.st_atime_ns
            times = (mtime_ns // SECOND, atime_ns // SECOND, ctime_ns // SECOND)
            put_header(block, used, prefix + name, shared, size, *times)
            used += stored
            if pad:
                view[used - pad : used] = _ZEROS[:pad]
            out.used = used
            out.contents += size
        else:
            yield item
            block, view, used, end = out.block, out.view, out.used, len(out.block)
