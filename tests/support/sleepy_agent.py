"""The agent, which now and then stops itself in the last instant: after its last look, before its commit.

``CHANCE FOLDER COMMAND…``: how often, out of a hundred; where it leaves its process id for whoever wakes it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from freezer.cmd.agent import main
from freezer.repository.documents import Decision
from freezer.repository.protocol.deciding import CreateOnce


def sleepy(chance: int, folder: Path) -> None:
    """Let commits of this process fall asleep."""
    commit = CreateOnce.commit

    def later(self: CreateOnce, decision: Decision) -> tuple[str, bytes]:
        if random.SystemRandom().randrange(100) < chance:
            (folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return commit(self, decision)

    CreateOnce.commit = later  # type: ignore[method-assign]


if __name__ == "__main__":
    sleepy(int(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
