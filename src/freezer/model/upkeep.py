"""What an agent has to tell of backups that were made before: which it has verified, and which it has removed.

Backups are named by their composed ids.
"""

from __future__ import annotations

import msgspec

_LONGEST = 500  # characters of a reason


class Upkeep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``way``: how it was verified (``check``, ``read-data`` or ``drill``); ``failed``: with the reason."""

    way: str = "check"
    passed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.passed or self.failed or self.removed)

    def plus(self, other: Upkeep) -> Upkeep:
        """Both, of one action."""
        return Upkeep(
            way=self.way if self.passed or self.failed else other.way,
            passed=(*self.passed, *other.passed),
            failed=(*self.failed, *other.failed),
            removed=(*self.removed, *other.removed),
        )


def verified(way: str, found: dict[str, str | None]) -> Upkeep:
    """The problem of each backup that was looked at, None if there is none."""
    return Upkeep(
        way=way,
        passed=tuple(each for each, problem in found.items() if problem is None),
        failed=tuple((each, problem[:_LONGEST]) for each, problem in found.items() if problem is not None),
    )


def composed(container: str, name: str, time: int, level: int = 0) -> str:
    """The composed id of a backup of the set ``name``, ``{hostname}_{backup_name}``; ``time``: seconds since 1970."""
    return f"{container}_{name}_{time}_{level}"
