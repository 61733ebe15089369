"""What stays of a set of backups, against an oracle that asks the question for each backup anew, in the words of the
guide and with arithmetic of its own; and floods of backups with strange times, which push out nothing that was
verified. A few thousand cases by default, a hundred thousand with ``-m slow``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from freezer.retention.plan import plan
from freezer.retention.rules import Item, Rules
from support.sweeps import Trials

NOW = 1_795_000_000
HOUR, DAY = 3600, 86400
STRANGE = (0, -1, -(1 << 62) // 10**9, (1 << 64) // 10**9 - 1, NOW + 1000 * DAY, NOW - 100 * 366 * DAY, NOW)
TAGS = ("weekly", "monthly", "x")

PERIODS: dict[str, Callable[[int], object]] = {
    "hourly": lambda at: at // HOUR,
    "daily": lambda at: at // DAY,
    "weekly": lambda at: (at // DAY + 3) // 7,  # 1970 began on a Thursday
    "monthly": lambda at: time.gmtime(at)[:2],
    "yearly": lambda at: time.gmtime(at)[0],
}


def newer(a: Item, b: Item) -> bool:
    return (a.time, a.id) > (b.time, b.id)


def stays(item: Item, items: list[Item], rules: Rules, allow_empty: bool) -> bool:
    """Whether the promises keep ``item``."""
    counts = {name: getattr(rules, name) for name in ("last", *PERIODS)}
    by_rule = rules.within is not None or bool(rules.tags) or any(count is not None for count in counts.values())
    if item.held is not None or (not by_rule and rules.older_than is None):
        return True
    good = [each for each in items if each.flaw is None]
    verified = [each for each in good if each.verified]
    if item in verified and sum(newer(each, item) for each in verified) < rules.verified:
        return True
    if rules.older_than is not None and item.time > rules.older_than:
        return True
    if item.flaw is not None:
        return rules.older_than is None and not any(each.time >= item.time for each in good)
    if not allow_empty and not any(newer(each, item) for each in good):
        return True
    if sum(newer(each, item) for each in good) < (rules.last or 0) or rules.tags.intersection(item.tags):
        return True
    if rules.within is not None and item.time >= max(each.time for each in good) - rules.within:
        return True
    for name, period in PERIODS.items():
        mine = period(item.time)
        rivals = [each for each in good if newer(each, item)]
        later = {period(each.time) for each in rivals}
        if mine not in later and len(later) < (counts[name] or 0):
            return True
    return False


def drawn(chance: Random, most: int) -> list[Item]:
    """A timeline: bursts, gaps, equal times, the ends of months and years, and what nobody's clock says."""
    items: list[Item] = []
    at = NOW - chance.randrange(3 * 366 * DAY)
    for number in range(chance.randrange(most + 1)):
        at += chance.choice((0, 1, HOUR // 2, HOUR, 5 * HOUR, DAY, DAY, 7 * DAY, 31 * DAY, 366 * DAY))
        dice = chance.random()
        claimed = chance.choice(STRANGE) if dice < 0.1 else (at // DAY * DAY - 1 if dice < 0.2 else at)
        items.append(
            Item(
                f"{number:02}",
                claimed,
                "g",
                flaw="broken" if chance.random() < 0.1 else None,
                tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 1, 2)))),
                held="the court" if chance.random() < 0.05 else None,
                verified=chance.random() < 0.3,
            )
        )
    chance.shuffle(items)
    return items


def rules_of(chance: Random) -> Rules:
    def some(*values: int) -> int | None:
        return chance.choice((None, None, None, *values))

    return Rules(
        older_than=chance.choice((None, None, NOW - chance.randrange(3 * 366 * DAY), 0, NOW)),
        last=some(0, 1, 2, 5),
        hourly=some(0, 1, 3),
        daily=some(0, 1, 2, 7),
        weekly=some(0, 1, 4),
        monthly=some(0, 1, 3, 12),
        yearly=some(0, 1, 2),
        within=some(0, DAY, 40 * DAY),
        tags=frozenset(chance.sample(TAGS, chance.choice((0, 0, 0, 1, 2)))),
        verified=chance.choice((0, 0, 1, 3)),
    )


@pytest.mark.slow
def test_a_plan_is_what_the_promises_say_of_each_backup(trials: Trials, chance: Random, counted: Counter[str]) -> None:
    for _ in range(trials(3000, 100_000)):
        items, rules, allow_empty = drawn(chance, 14), rules_of(chance), chance.random() < 0.3
        verdicts = plan(items, rules, allow_empty=allow_empty)
        expected = [stays(item, items, rules, allow_empty) for item in items]
        assert [verdict.keep for verdict in verdicts] == expected, (items, rules, allow_empty)
        counted["cases"] += 1
        counted["kept"] += sum(expected)
        counted["removed"] += len(items) - sum(expected)


@pytest.mark.slow
def test_no_flood_pushes_out_what_was_verified(trials: Trials, chance: Random, counted: Counter[str]) -> None:
    """Backups that nobody has read, with whatever times and tags, as an intruder on the host may make them."""
    for _ in range(trials(1000, 100_000)):
        genuine = [
            Item(f"genuine {number}", NOW - number * chance.choice((HOUR, DAY, 30 * DAY)), "g", verified=True)
            for number in range(chance.randrange(1, 6))
        ]
        flood = [
            Item(
                f"{chance.choice(('a', 'z'))}{number}",
                chance.choice((*STRANGE, NOW + number, NOW - number, NOW - number * DAY, NOW + number * DAY)),
                "g",
                tags=tuple(chance.sample(TAGS, chance.choice((0, 1)))),
            )
            for number in range(chance.choice((0, 1, 10, 40)))
        ]
        rules = rules_of(chance)
        items = [*genuine, *flood]
        chance.shuffle(items)
        kept = {verdict.item.id for verdict in plan(items, rules, allow_empty=True) if verdict.keep}
        newest_first = sorted(genuine, key=lambda item: (item.time, item.id), reverse=True)
        assert {item.id for item in newest_first[: rules.verified]} <= kept
        counted["floods"] += 1
