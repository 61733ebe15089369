"""What every action is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from freezer.clock import Clock
from freezer.options.load import Invocation
from freezer.options.resolve import Settings
from freezer.progress import Progress

if TYPE_CHECKING:
    from freezer.repository.protocol.fencing import Fenced


class Barrier(Protocol):
    """What stands between a member of a session and the others. Times are readings of the clock ``boottime``."""

    @property
    def limit(self) -> float:
        """For how many seconds the source may hold still."""
        ...

    def ready(self, at: float) -> None:
        """The source has held still since then."""
        ...

    def answer(self) -> str | None:
        """None: wait. Empty: all are ready. Otherwise why they never will be."""
        ...

    def gone(self, at: float, *, late: bool) -> None:
        """The source has been let go; ``late``: before all were ready, or before it was stored."""
        ...


class Lease(Protocol):
    """A run that a scheduler has been given, for as long as it says so."""

    @property
    def fenced(self) -> Fenced:
        """Which try of it this is."""
        ...

    def check(self) -> None:
        """:class:`freezer.errors.BusyError` if the run may be somebody else's by now."""
        ...


class Context(msgspec.Struct, frozen=True):
    """The invocation of this run and its surroundings. ``notice`` takes one line for the user that is no error;
    ``command_line`` is what was typed, without secrets. ``barrier``: where others are waited for, if they are.
    ``lease``: the scheduled run that this is a part of, if it is."""

    invocation: Invocation
    clock: Clock
    progress: Progress
    notice: Callable[[str], None]
    command_line: str
    barrier: Barrier | None = None
    lease: Lease | None = None

    @property
    def settings(self) -> Settings:
        """The values of all options."""
        return self.invocation.settings
