"""An agent that reads and stores nothing, and commits as the real one does: ``CHANCE FOLDER --run-directory DIR``.

``CHANCE`` and ``FOLDER``: :mod:`support.sleepy_agent`.
"""

from __future__ import annotations

import os
import sys
import time
from configparser import RawConfigParser
from pathlib import Path

from freezer.clock import SystemClock
from freezer.errors import FreezerError
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.documents import Owners, Root, Summary
from freezer.repository.keys.agents import Agent
from freezer.repository.names import new_id
from freezer.repository.packs.writing import ChunkWriter, How
from freezer.repository.protocol.attempt import Announcement, begin
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.protocol.fencing import AlreadyCommitted, Fenced
from freezer.stint import identity
from freezer.stint.brief import Brief
from freezer.stint.ending import Ending
from freezer.stint.folder import Folder
from freezer.storage.local.storage import LocalStorage
from support.sleepy_agent import sleepy


def work(folder: Folder, brief: Brief) -> None:
    """One backup of nothing."""
    config = RawConfigParser(interpolation=None)
    config.read(folder.config)
    told, clock = dict(config["action"]), SystemClock()
    repository = founding.open_(LocalStorage(told["container"], clock=clock), clock, Opener(), print)
    repository.agent = Agent.new(new_id(clock))
    repository.admit(repository.agent, ["*"])
    fence = brief.fence
    fenced = Fenced(brief.run, brief.action, fence.incarnation, fence.number, brief.stint, brief.when)
    name = told["backup_name"]
    trial = begin(repository, decider_of(repository), Announcement("host", name, fenced=fenced), print)
    index = trial.open_index(None, print)
    writer = ChunkWriter(repository, trial.id, index, How(workers=1))
    written = writer.finish()
    root = Root(trial.id, "host", name, trial.started, [], [], written.parts, [], Owners({}, {}))
    summary = Summary("host", name, trial.started, repository.now(), [], [], 0, 0, 0, 0, 0, True, run=fenced.text)
    trial.commit(root, summary, writer, index, notice=print)


def main(path: str) -> int:
    """As the agent: what becomes of it stands in its run directory."""
    folder = Folder(path)
    brief = folder.brief()
    folder.enter(identity.own())
    error = None
    try:
        work(folder, brief)
    except AlreadyCommitted:
        pass  # it is made
    except FreezerError as problem:
        error = problem.message
    folder.end(Ending(1 if error else 0, error, ended=int(time.time())))
    return 1 if error else 0


if __name__ == "__main__":
    sleepy(int(sys.argv[1]), Path(sys.argv[2]))
    os.nice(1)
    sys.exit(main(sys.argv[-1]))
