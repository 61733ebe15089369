"""Opening a path beneath a directory without following a symbolic link anywhere on the way.

Linux ≥ 5.6 does it in one call, openat2(2) with ``RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS``.
Everywhere else, and where a seccomp filter forbids that call (EPERM, as in older container runtimes), the path is
opened one component at a time with ``O_NOFOLLOW | O_DIRECTORY``, which is as safe and only slower. The environment
variable ``FREEZER_NO_OPENAT2=1`` forces the second way, so that tests can prove both.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from functools import cache

from freezer.tree.system import O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, let_go

# The number is the same on every architecture that shares Linux's unified table; 64-bit ones only, because elsewhere
# the flags would also need O_LARGEFILE.
_OPENAT2 = 437
_MACHINES = frozenset({"x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "loongarch64"})

_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS

# struct open_how { u64 flags; u64 mode; u64 resolve; } from linux/openat2.h
_HOW = struct.Struct("=QQQ")
# A concurrent rename may make the kernel give up with EAGAIN; openat2(2) says to try again, and nobody may starve us.
_TRIES = 128
# Linux takes at most 4096 bytes with the final NUL; a longer path is opened piece by piece.
_PATH_LIMIT = 4000
_STEP = (O_PATH or os.O_RDONLY) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

OpenPiece = Callable[[int, bytes, int], int]


def open_beneath(root_fd: int, path: bytes, flags: int) -> int:
    """A descriptor of ``path`` (relative, ``b""`` for the directory itself) beneath the directory ``root_fd``.

    ``flags`` are those of open(2) for something that exists (no ``O_CREAT``); ``O_CLOEXEC`` and ``O_NOFOLLOW`` are
    added. Raises OSError, with ELOOP or ENOTDIR if a symbolic link is on the way or at the end.
    """
    open_piece = resolver()
    flags |= O_CLOEXEC | O_NOFOLLOW
    fd = root_fd
    try:
        while len(path) > _PATH_LIMIT and (cut := path.rfind(b"/", 0, _PATH_LIMIT)) > 0:
            deeper = open_piece(fd, path[:cut], _STEP)
            if fd != root_fd:
                let_go(fd)
            fd, path = deeper, path[cut + 1 :]
        return open_piece(fd, path or b".", flags)
    finally:
        if fd != root_fd:
            let_go(fd)


@cache
def resolver() -> OpenPiece:
    """The way of this process, chosen at the first call: openat2 or :func:`open_by_components`."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES or os.environ.get("FREEZER_NO_OPENAT2") == "1":
        return open_by_components
    openat2 = _system_call()
    root_fd = os.open("/", os.O_RDONLY | O_CLOEXEC)
    try:
        let_go(openat2(root_fd, b".", _STEP))
    except OSError:
        # ENOSYS is a kernel before 5.6, EPERM a seccomp filter; whatever it is, the slow way is right as well.
        return open_by_components
    finally:
        let_go(root_fd)
    return openat2


def open_by_components(root_fd: int, path: bytes, flags: int) -> int:
    """:func:`open_beneath` without openat2: every component is opened from its parent's descriptor."""
    parents = path.split(b"/")
    name = parents.pop()
    fd = root_fd
    try:
        for parent in parents:
            if parent == b"..":
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            deeper = os.open(parent, _STEP, dir_fd=fd)
            if fd != root_fd:
                let_go(fd)
            fd = deeper
        if name == b"..":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return os.open(name, flags, dir_fd=fd)
    finally:
        if fd != root_fd:
            let_go(fd)


def _system_call() -> OpenPiece:
    """openat2(2) as a function."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long

    def openat2(root_fd: int, path: bytes, flags: int) -> int:
        how = _HOW.pack(flags, 0, _RESOLVE)
        error = errno.EAGAIN
        for _ in range(_TRIES):
            fd: int = syscall(_OPENAT2, root_fd, path, how, len(how))
            if fd >= 0:
                return fd
            error = ctypes.get_errno()
            if error not in (errno.EAGAIN, errno.EINTR):
                break
        raise OSError(error, os.strerror(error))

    return openat2
