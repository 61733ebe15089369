"""Keep rules: the newest item of each of the last N hours, days, …, the last N items, and those with a tag.

Periods are UTC's; weeks are ISO's (Monday first). Only periods that have an item count, so a host that was off for a
year loses nothing. ``within`` counts back from the newest item, not from now, for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Item:
    """One backup: ``time`` in seconds since 1970; ``needs`` are ids of items that it cannot be restored without.

    ``flaw`` says in one clause why it cannot be restored, if it cannot; ``label`` is what people call it (none: its
    id); ``held`` says why somebody wants it kept, if somebody does; ``verified``: every byte of it was read since;
    ``number`` tells which of two items of one time is the newer one (if equal, their ids do)."""

    id: str
    time: int
    group: str
    needs: tuple[str, ...] = ()
    flaw: str | None = None
    label: str = ""
    tags: tuple[str, ...] = ()
    held: str | None = None
    verified: bool = False
    number: int = 0

    @property
    def good(self) -> bool:
        return self.flaw is None


@dataclass(frozen=True, slots=True)
class Rules:
    """What to keep. ``older_than``: chains whose newest item is at or before this time (seconds since 1970; 0 is a
    date like any other) may go; ``within`` in seconds; ``tags``: items that have one of these stay; the others count
    items, ``verified`` those that stay whatever the rest says. None asks for nothing."""

    older_than: float | None = None
    last: int | None = None
    hourly: int | None = None
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None
    yearly: int | None = None
    within: float | None = None
    tags: frozenset[str] = frozenset()
    verified: int = 0

    @property
    def keeps(self) -> bool:
        """Whether any rule names items to keep."""
        counted = (self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly, self.within)
        return bool(self.tags) or any(rule is not None for rule in counted)


def _format(pattern: str) -> Callable[[int], str]:
    return lambda time: datetime.fromtimestamp(time, UTC).strftime(pattern)


_PERIODS: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("hourly", _format("%Y-%m-%d %H:00")),
    ("daily", _format("%Y-%m-%d")),
    ("weekly", _format("%G week %V")),
    ("monthly", _format("%Y-%m")),
    ("yearly", _format("%Y")),
)


def wanted(items: Iterable[Item], rules: Rules) -> dict[str, list[str]]:
    """The good items of one group that a keep rule names: id → why, one clause per rule."""
    newest_first = sorted((item for item in items if item.good), key=age, reverse=True)
    reasons: dict[str, list[str]] = {}
    for number, item in enumerate(newest_first[: rules.last or 0], start=1):
        reasons.setdefault(item.id, []).append(f"last {number} of {rules.last}")
    for rule, period_of in _PERIODS:
        _newest_of_periods(newest_first, rule, getattr(rules, rule) or 0, period_of, reasons)
    for item in newest_first:
        for tag in sorted(rules.tags.intersection(item.tags)):
            reasons.setdefault(item.id, []).append(f"it has the tag {tag}")
    if rules.within is not None and newest_first:
        since = newest_first[0].time - rules.within
        for item in newest_first:
            if item.time >= since:
                reasons.setdefault(item.id, []).append("within the kept time span")
    return reasons


def _newest_of_periods(
    newest_first: list[Item], rule: str, count: int, period_of: Callable[[int], str], reasons: dict[str, list[str]]
) -> None:
    seen: set[str] = set()
    for item in newest_first:
        period = period_of(item.time)
        if period in seen:
            continue
        if len(seen) == count:
            return
        seen.add(period)
        reasons.setdefault(item.id, []).append(f"{rule} {len(seen)} of {count}: newest of {period}")


def age(item: Item) -> tuple[int, int, str]:
    """By which the newer of two items is the greater one."""
    return item.time, item.number, item.id
