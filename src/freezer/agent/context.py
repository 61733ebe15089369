"""What every action is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freezer.clock import Clock
from freezer.options.load import Invocation
from freezer.options.resolve import Settings
from freezer.progress import Progress


class Context(msgspec.Struct, frozen=True):
    """The invocation of this run and its surroundings. ``notice`` takes one line for the user that is no error;
    ``command_line`` is what was typed, without secrets."""

    invocation: Invocation
    clock: Clock
    progress: Progress
    notice: Callable[[str], None]
    command_line: str

    @property
    def settings(self) -> Settings:
        """The values of all options."""
        return self.invocation.settings
