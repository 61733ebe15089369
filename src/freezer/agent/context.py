"""What every action is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.options.settings import Settings
from freezer.progress import Progress


@dataclass(frozen=True, slots=True)
class Context:
    """Settings of this run and its surroundings. ``notice`` takes one line for the user that is no error; ``command_line``
    is what was typed, without secrets."""

    settings: Settings
    clock: Clock
    progress: Progress
    notice: Callable[[str], None]
    environ: Mapping[str, str]
    command_line: str
