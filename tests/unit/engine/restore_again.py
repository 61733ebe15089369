"""Restore a backup of a public repository to a directory, once somebody says so on standard input.

    python restore_again.py CONTAINER ATTEMPT TARGET

It says ``ready`` when it waits. Somebody may kill it at any time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from freezer.clock import SystemClock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.documents import Root
from freezer.repository.names import Folder, Kind
from freezer.storage.local import LocalStorage
from freezer.tree.policy import Policy
from support.restoring import bring_back, loud


def main() -> None:
    container, attempt, target = sys.argv[1:]
    clock = SystemClock()
    repository = founding.open_(LocalStorage(container, clock=clock), clock, Opener(), loud)
    root = repository.get(Kind.ROOT, Folder.ROOTS + attempt, Root).document
    print("ready", flush=True)
    sys.stdin.readline()
    result = bring_back(repository, root, Path(target), policy=Policy.IF_CHANGED)
    assert not result.problems()


if __name__ == "__main__":
    main()
