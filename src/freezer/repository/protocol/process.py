"""Whether the process that announced an attempt still lives on this machine."""

from __future__ import annotations

import os
import sys

from freezer.clock import boot_id, process_start
from freezer.repository.documents import Process


def own() -> Process | None:
    """This process; None where the system does not say enough to know it again."""
    if sys.platform != "linux":
        return None
    boot, started = boot_id(), process_start(os.getpid())
    return None if started is None or not boot else Process(boot, os.getpid(), started)


def lives(process: Process) -> bool:
    """Whether that process runs here. One of another machine, or from before a restart, does not."""
    return sys.platform == "linux" and process.boot == boot_id() and process.started == process_start(process.pid)
