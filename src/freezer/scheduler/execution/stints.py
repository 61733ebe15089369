"""The run directories below one directory, by run, action, try and start:
``<run>/<action>.<incarnation>.<try>.<start>``."""

from __future__ import annotations

import os
import re
import shutil

import msgspec

from freezer.model.runs import Fence
from freezer.stint.folder import Folder

_RUN = re.compile("[0-9a-f]{32}")
_NAME = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)")


class Stint(msgspec.Struct, frozen=True, order=True):
    """One of them; ``number`` counts the starts within a try, from 0."""

    action: int
    fence: Fence
    number: int

    @property
    def name(self) -> str:
        """Of its directory."""
        return f"{self.action}.{self.fence.incarnation}.{self.fence.number}.{self.number}"


class Stints:
    """All of them, below ``path``, which need not be there."""

    def __init__(self, path: str) -> None:
        self._path = path

    def runs(self) -> frozenset[str]:
        """The runs of which there is something."""
        return frozenset(name for name in _names(self._path) if _RUN.fullmatch(name))

    def of(self, run: str) -> dict[Stint, Folder]:
        """Those of a run that are whole, in order. One that was being made when somebody died has never begun."""
        found: dict[Stint, Folder] = {}
        for name in _names(os.path.join(self._path, run)):
            matched = _NAME.fullmatch(name)
            if matched is None:
                continue
            action, incarnation, fence, number = map(int, matched.groups())
            found[Stint(action, Fence(incarnation, fence), number)] = Folder(os.path.join(self._path, run, name))
        return dict(sorted(found.items(), key=lambda item: item[0]))

    def paths(self, run: str) -> dict[str, str]:
        """The paths of the same, by the names of their directories."""
        return {stint.name: folder.path for stint, folder in self.of(run).items()}

    def place(self, run: str, stint: Stint) -> str:
        """Where the directory of one is, or will be."""
        return os.path.join(self._path, run, stint.name)

    def remove(self, run: str) -> None:
        """Everything of a run."""
        shutil.rmtree(os.path.join(self._path, run), ignore_errors=True)


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []
