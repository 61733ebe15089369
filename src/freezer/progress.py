"""What long work says about itself while it runs.

The library calls a :class:`Progress`; what becomes of it (a bar, JSON lines, nothing) is the program's choice.
Calls are cheap; at any time one thread may count bytes and one, perhaps another, items. None may raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Notice = Callable[[str], None]
"""Takes one line that the user should know of but that is no error."""


class Progress(Protocol):
    """Receives the state of one piece of work."""

    def phase(self, name: str, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        """A new phase begins (``scan``, ``store``, ``restore``, ``check`` …), with its totals if they are known."""
        ...

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        """So many more bytes and items (files, objects) of this phase are done."""
        ...

    def current(self, name: str | bytes) -> None:
        """The item being worked on now; a path may be given as the bytes that it is."""
        ...

    def complete(self) -> None:
        """The phase is over and nothing of it is left, so its counters equal its totals: what was skipped, shrank or
        turned out to be a hole counts as done."""
        ...


class NoProgress:
    """Says nothing."""

    def phase(self, name: str, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        pass

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        pass

    def current(self, name: str | bytes) -> None:
        pass

    def complete(self) -> None:
        pass
