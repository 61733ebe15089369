"""Which process it is: its number alone will belong to another one some day."""

from __future__ import annotations

import os
import sys

import msgspec

from freezer.clock import boot_id, process_start

MARK = "FREEZER_RUN_DIRECTORY"
"""The variable of the environment by which everything that an agent has started can be found, and is ended with it."""


class Identity(msgspec.Struct, frozen=True):
    """A process of this machine: since which start of the machine, its number, and when it began (clock ticks)."""

    boot: str
    pid: int
    started: int


def own() -> Identity | None:
    """This process; None where the system does not say enough to know it again."""
    return of(os.getpid())


def of(pid: int) -> Identity | None:
    """The process that has this number now; None if there is none, or the system does not say."""
    if sys.platform != "linux":
        return None
    boot, started = boot_id(), process_start(pid)
    return None if started is None or not boot else Identity(boot, pid, started)
