"""What an agent has to tell of backups that were made before: which it has verified, which it has removed, and all that
a storage holds.

Backups are named by their composed ids.
"""

from __future__ import annotations

import msgspec

from freezer.model.inventory import Holding

_LONGEST = 500  # characters of a reason


class Upkeep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``way``: how it was verified (``check``, ``read-data`` or ``drill``); ``failed``: with the reason; ``held``:
    places that were looked through, with all their backups."""

    way: str = "check"
    passed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    held: tuple[Holding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.passed or self.failed or self.removed or self.held)

    def plus(self, other: Upkeep) -> Upkeep:
        """Both, of one action."""
        return Upkeep(
            way=self.way if self.passed or self.failed else other.way,
            passed=(*self.passed, *other.passed),
            failed=(*self.failed, *other.failed),
            removed=(*self.removed, *other.removed),
            held=_joined(self.held, other.held),
        )


def verified(way: str, found: dict[str, str | None]) -> Upkeep:
    """The problem of each backup that was looked at, None if there is none."""
    return Upkeep(
        way=way,
        passed=tuple(each for each, problem in found.items() if problem is None),
        failed=tuple((each, problem[:_LONGEST]) for each, problem in found.items() if problem is not None),
    )


def _joined(some: tuple[Holding, ...], others: tuple[Holding, ...]) -> tuple[Holding, ...]:
    """What is held by the same place, as one: engines tell of their own backups."""
    known = {each.place: each for each in some}
    for each in others:
        before = known.get(each.place)
        known[each.place] = each if before is None else before.plus(each)
    return tuple(known.values())
