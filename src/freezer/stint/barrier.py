"""What an agent and its scheduler say to each other at the barrier of a session, as files in the run directory.

The agent says since when its source holds still (*held*), and when it let go (*gone*); the scheduler says what was
*decided*. Each is said once, and stays. Times are readings of the clock ``boottime``, which all processes of a
machine share. None of it need outlive the machine: what held still does not either.
"""

from __future__ import annotations

import os
from typing import TypeVar

import msgspec

from freezer.decoding import json_decoder

T = TypeVar("T")
_HELD, _DECIDED, _GONE = "held.json", "decided.json", "gone.json"


class Held(msgspec.Struct, frozen=True):
    """The source has held still since then."""

    at: float


class Decision(msgspec.Struct, frozen=True):
    """All were ready, or why they never will be."""

    reason: str = ""


class Gone(msgspec.Struct, frozen=True):
    """The source was let go then; ``late``: before all were ready, or before it was stored."""

    at: float
    late: bool


def held(folder: str) -> Held | None:
    """Since when, if the agent has said so."""
    return _read(folder, _HELD, Held)


def decide(folder: str, decision: Decision) -> None:
    """Say what was decided."""
    _write(folder, _DECIDED, decision)


def decision(folder: str) -> Decision | None:
    """What was, if anything."""
    return _read(folder, _DECIDED, Decision)


def gone(folder: str) -> Gone | None:
    """When it was let go, if it was."""
    return _read(folder, _GONE, Gone)


class FolderBarrier:
    """The agent's end; ``limit``: for how many seconds its source may hold still."""

    def __init__(self, folder: str, limit: float) -> None:
        self.limit = limit
        self._folder = folder

    def ready(self, at: float) -> None:
        """The source has held still since then."""
        _write(self._folder, _HELD, Held(at))

    def answer(self) -> str | None:
        """None: wait. Empty: all are ready. Otherwise why they never will be."""
        found = decision(self._folder)
        return None if found is None else found.reason

    def gone(self, at: float, *, late: bool) -> None:
        """The source has been let go."""
        _write(self._folder, _GONE, Gone(at, late))


def _write(folder: str, name: str, value: msgspec.Struct) -> None:
    new = os.path.join(folder, f"{name}.new")
    with open(new, "wb") as file:
        file.write(msgspec.json.encode(value))
    os.replace(new, os.path.join(folder, name))


def _read(folder: str, name: str, type: type[T]) -> T | None:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return json_decoder(type).decode(file.read())
    except FileNotFoundError:
        return None
