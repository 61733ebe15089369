"""What was restored is on disk before anybody is told that it was."""

from __future__ import annotations

import ctypes
import os
import sys

from freezer.errors import TargetError
from freezer.model.items import printable
from freezer.tree.system import let_go


def make_durable(path: bytes) -> None:
    """Return once the file system that the directory ``path`` is on has written everything down.

    One ``syncfs(2)`` for the whole restore, since an ``fsync`` for each file costs far more. It also tells of errors
    that the disk had meanwhile (Linux 5.8): :class:`TargetError`. Where it does not exist, ``sync`` must do, which
    tells of none; Windows has neither. File systems mounted below ``path`` are not waited for.
    """
    if sys.platform == "win32":
        return
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            let_go(descriptor)
    except OSError as error:
        message = f"{printable(path)} was restored, but could not be written to disk: {error.strerror}"
        raise TargetError(message) from error
