"""``--max-priority``: more CPU and disk time than others get."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

NICENESS = -19
_REALTIME, _LEVEL = 1, 0  # class and level, as ``ionice -c 1 -n 0`` sets them
_WHO_PROCESS = 1
# ioprio_set(2) has no wrapper in the C library; its number differs by machine (asm/unistd.h)
_IOPRIO_SET = {
    "x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30,
    "ppc64le": 273, "s390x": 282, "i686": 289, "armv7l": 314,
}  # fmt: skip


def raise_priority() -> list[str]:
    """Give this process the highest CPU and disk priority; returns what did not work, one sentence each.

    Threads and children that are started later inherit it, those that run already do not.
    """
    notices = []
    for what, action in (("CPU", _raise_cpu), ("disk", _raise_disk)):
        try:
            action()
        except OSError as error:
            notices.append(f"{what} priority not raised: {error.strerror}")
    return notices


def _raise_cpu() -> None:
    if sys.platform == "win32":
        raise OSError(0, "not possible on this system")
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def _raise_disk() -> None:
    set_disk_class(_REALTIME, _LEVEL)


def set_disk_class(kind: int, level: int) -> None:
    """Class and level of this process's disk time, as of ``ionice -c -n``; OSError if that cannot be."""
    number = _IOPRIO_SET.get(platform.machine())
    if sys.platform != "linux" or number is None:
        raise OSError(0, "not possible on this system")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), _WHO_PROCESS, 0, kind << 13 | level) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
