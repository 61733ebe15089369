"""What became of a stint."""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.model.run_reports import Failure
from freezer.model.upkeep import Upkeep


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """``exit_code``: as of a process, negative for a signal; None if nobody knows, since nobody watched it die.
    ``error``: why it is no success, in one line. ``report``: what the agent reports of a backup that it made;
    ``upkeep``: what it tells of others. ``failures``: items that were left out, the first of them, and how many more.
    ``ended``: seconds since 1970."""

    exit_code: int | None
    error: str | None = None
    hint: str | None = None
    report: dict[str, Any] | None = None
    failures: list[Failure] = []
    more_failures: int = 0
    ended: int = 0
    upkeep: Upkeep = Upkeep()
