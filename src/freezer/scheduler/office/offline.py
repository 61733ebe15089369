"""Runs that are begun while the API cannot be asked.

Each has a *mark*, a file that is made once on this machine: who makes it may execute the run, so that two schedulers
of one client on one machine execute it once. Its tries have fences of incarnation 0, counted by notes in the outbox;
a note says what the API, asked afterwards, has made of the try: nothing yet, a fence of its own, or that the run was
somebody else's.
"""

from __future__ import annotations

import os
from pathlib import Path

from freezer.model.runs import Fence
from freezer.scheduler.outbox import Outbox

_PENDING, _LOST = b"?", b"lost"


class Offline:
    """The tries of ``holder``, whose marks are in ``ground``, a directory of this machine that ends with its boot."""

    def __init__(self, outbox: Outbox, ground: Path, holder: str) -> None:
        self._outbox = outbox
        self._ground = ground
        self._holder = holder

    def begin(self, run_id: str) -> Fence | None:
        """A new try; None if another scheduler of this machine has the run."""
        earlier = len(self._outbox.notes(f"try {run_id} "))
        if not self._mark(run_id) and not earlier:
            return None
        fence = Fence(0, earlier + 1)
        self._outbox.keep_note(_name(run_id, fence), _PENDING)
        return fence

    def meant(self, run_id: str, fence: Fence) -> Fence | None:
        """The API's fence for a try; the same if the API has not been asked yet, None if the run is not ours."""
        if fence.incarnation:
            return fence
        value = self._outbox.note(_name(run_id, fence))
        if value is None or value == _LOST:
            return None
        if value == _PENDING:
            return fence
        incarnation, _, number = value.partition(b".")
        return Fence(int(incarnation), int(number))

    def granted(self, run_id: str, fence: Fence, given: Fence) -> None:
        """The API knows the try as ``given``."""
        self._outbox.keep_note(_name(run_id, fence), label_of(given).encode())

    def lost(self, run_id: str, fence: Fence) -> None:
        """The API says that the run is not ours."""
        self._outbox.keep_note(_name(run_id, fence), _LOST)

    def forget(self, run_id: str) -> None:
        """All of the run has been told."""
        for name in self._outbox.notes(f"try {run_id} "):
            self._outbox.keep_note(name, None)
        (self._ground / run_id).unlink(missing_ok=True)

    def _mark(self, run_id: str) -> bool:
        """Whether we have the mark of a run."""
        self._ground.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._ground / run_id
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text("utf-8") == self._holder
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(self._holder)
        return True


def label_of(fence: Fence) -> str:
    """A fence as a label."""
    return f"{fence.incarnation}.{fence.number}"


def fence_of(label: str) -> Fence:
    """The fence that a label stands for."""
    incarnation, _, number = label.partition(".")
    return Fence(int(incarnation), int(number))


def _name(run_id: str, fence: Fence) -> str:
    return f"try {run_id} {fence.number}"
