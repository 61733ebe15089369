"""What operating systems call differently, so that the other modules need no platform checks.

A flag that a system lacks is 0; a call that it lacks raises ``OSError`` with ``ENOTSUP``. On Linux, where restores
matter most, these names are the functions of :mod:`os` themselves and cost nothing.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

__all__ = [
    "HAS_DIRECTORY_DESCRIPTORS",
    "O_CLOEXEC",
    "O_DIRECTORY",
    "O_NOATIME",
    "O_NOFOLLOW",
    "O_NONBLOCK",
    "O_PATH",
    "SEEK_DATA",
    "SEEK_HOLE",
    "allocated_bytes",
    "chown",
    "descriptor_path",
    "device_number",
    "device_parts",
    "fchmod",
    "fchown",
    "geteuid",
    "getxattr",
    "has_descriptor_paths",
    "let_go",
    "listxattr",
    "mkfifo",
    "mknod",
    "pread",
    "pwrite",
    "raw_device",
    "readv",
    "removexattr",
    "setxattr",
]

# Without these five, names cannot be resolved beneath an open directory, and a restore would have to trust paths.
HAS_DIRECTORY_DESCRIPTORS = {os.open, os.mkdir, os.unlink, os.rename, os.stat} <= os.supports_dir_fd


def has_descriptor_paths() -> bool:
    """Whether :func:`descriptor_path` works: /proc is mounted, and ours (it is not after a change of user)."""
    return bool(O_PATH) and os.access("/proc/self/fd", os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def descriptor_path(fd: int) -> bytes:
    """A path that leads to the inode of ``fd`` itself, even if that is a link, and whatever its name is by now."""
    return b"/proc/self/fd/%d" % fd


def let_go(fd: int) -> None:
    """Close a descriptor of which nothing is awaited: only of what was written does an error of close(2) tell anything,
    and the descriptor is gone all the same."""
    with suppress(OSError):
        os.close(fd)


def _missing(call: str) -> OSError:
    return OSError(errno.ENOTSUP, f"{call} does not exist on this system")


if sys.platform == "win32":
    O_CLOEXEC = os.O_NOINHERIT
    O_DIRECTORY = O_NOFOLLOW = O_NONBLOCK = 0
    SEEK_DATA = SEEK_HOLE = -1

    def geteuid() -> int:
        return -1

    def chown(*_arguments: object, **_options: object) -> None:
        raise _missing("chown")

    def fchown(*_arguments: object, **_options: object) -> None:
        raise _missing("fchown")

    def fchmod(*_arguments: object, **_options: object) -> None:
        raise _missing("fchmod")

    def mkfifo(*_arguments: object, **_options: object) -> None:
        raise _missing("mkfifo")

    def mknod(*_arguments: object, **_options: object) -> None:
        raise _missing("mknod")

    def device_number(_major: int, _minor: int) -> int:
        raise _missing("makedev")

    def device_parts(_device: int) -> tuple[int, int]:
        raise _missing("major")

    def raw_device(_status: os.stat_result) -> int:
        return 0

    def allocated_bytes(status: os.stat_result) -> int:
        return status.st_size

    def pread(fd: int, length: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, length)

    def readv(fd: int, buffers: Sequence[memoryview]) -> int:
        with open(fd, "rb", buffering=0, closefd=False) as file:
            return file.readinto(buffers[0])

    def pwrite(fd: int, content: bytes | bytearray | memoryview, offset: int) -> int:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, content)

else:
    from os import (
        O_CLOEXEC,
        O_DIRECTORY,
        O_NOFOLLOW,
        O_NONBLOCK,
        SEEK_DATA,
        SEEK_HOLE,
        chown,
        fchmod,
        fchown,
        geteuid,
        mkfifo,
        mknod,
        pread,
        pwrite,
        readv,
    )

    def device_number(major: int, minor: int) -> int:
        """Major and minor as the one number that ``mknod`` takes; OSError EINVAL if the system cannot express them."""
        try:
            number = os.makedev(major, minor)
            if device_parts(number) == (major, minor):
                return number
        except OverflowError:
            pass
        raise OSError(errno.EINVAL, f"no device can have the number {major}:{minor}")

    def device_parts(device: int) -> tuple[int, int]:
        """Major and minor of a device number."""
        return os.major(device), os.minor(device)

    def raw_device(status: os.stat_result) -> int:
        """The device that a device node stands for."""
        return status.st_rdev

    def allocated_bytes(status: os.stat_result) -> int:
        """Bytes that the content occupies on disk (``st_blocks`` counts 512 bytes on every system)."""
        return status.st_blocks * 512


if sys.platform != "linux":
    O_NOATIME = O_PATH = 0

    def listxattr(*_arguments: object, **_options: object) -> list[str]:
        raise _missing("listxattr")

    def getxattr(*_arguments: object, **_options: object) -> bytes:
        raise _missing("getxattr")

    def setxattr(*_arguments: object, **_options: object) -> None:
        raise _missing("setxattr")

    def removexattr(*_arguments: object, **_options: object) -> None:
        raise _missing("removexattr")

else:
    from os import O_NOATIME, O_PATH, getxattr, listxattr, removexattr, setxattr
