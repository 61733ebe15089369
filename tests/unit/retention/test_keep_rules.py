"""Keep rules against a slow, obvious reading of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.retention.rules import Item, Rules, wanted

HOUR, DAY = 3600, 86400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def at(text: str) -> Item:
    """An item named after its time, e.g. ``2026-01-31T23:59``."""
    return Item(text, int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()), "g")


def named(items: list[Item], **rules: int) -> set[str]:
    return set(wanted(items, Rules(**rules)))


def period(rule: str, time: int) -> tuple[int, ...]:
    moment = datetime.fromtimestamp(time, UTC)
    return {
        "hourly": (time // HOUR,),
        "daily": (time // DAY,),
        "weekly": moment.isocalendar()[:2],
        "monthly": (moment.year, moment.month),
        "yearly": (moment.year,),
    }[rule]


counts = st.none() | st.integers(0, 5)
times = st.integers(START, START + 3 * 365 * DAY) | st.integers(START, START + 3 * DAY)


@given(
    st.lists(times, unique=True, max_size=30),
    st.fixed_dictionaries(dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), counts)),
    st.none() | st.integers(0, 40 * DAY),
)
def test_each_rule_keeps_the_newest_item_of_its_newest_periods(
    moments: list[int], rules: dict[str, int | None], within: int | None
) -> None:
    items = [Item(str(time), time, "g") for time in moments]
    expected: set[str] = set()
    for rule, count in rules.items():
        if rule == "last":
            expected |= {str(time) for time in sorted(moments, reverse=True)[: count or 0]}
            continue
        periods = sorted({period(rule, time) for time in moments}, reverse=True)[: count or 0]
        expected |= {str(max(t for t in moments if period(rule, t) == each)) for each in periods}
    if within is not None and moments:
        expected |= {str(time) for time in moments if time >= max(moments) - within}
    assert set(wanted(items, Rules(**rules, within=within))) == expected


def test_periods_are_utc_and_end_at_their_last_second() -> None:
    items = [at("2026-01-30T23:59:59"), at("2026-01-31T00:00:00"), at("2026-01-31T23:59:59"), at("2026-02-01T00:00:00")]
    assert named(items, daily=2) == {"2026-02-01T00:00:00", "2026-01-31T23:59:59"}
    assert named(items, monthly=2) == {"2026-02-01T00:00:00", "2026-01-31T23:59:59"}


def test_weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() -> None:
    sunday, monday = at("2027-01-03T12:00"), at("2027-01-04T12:00")
    new_years_eve = at("2026-12-31T12:00")
    reasons = wanted([new_years_eve, sunday, monday], Rules(weekly=5))
    assert reasons == {
        monday.id: ["weekly 1 of 5: newest of 2027 week 01"],
        sunday.id: ["weekly 2 of 5: newest of 2026 week 53"],
    }


def test_a_pause_of_years_costs_nothing() -> None:
    items = [at("2019-05-01T00:00"), at("2019-05-02T00:00"), at("2026-01-01T00:00")]
    assert named(items, daily=3) == {item.id for item in items}
    assert named(items[:2], within=DAY) == {item.id for item in items[:2]}


def test_every_rule_that_names_an_item_says_so() -> None:
    item = at("2026-01-01T00:00")
    assert wanted([item], Rules(last=3, yearly=1, within=60)) == {
        item.id: ["last 1 of 3", "yearly 1 of 1: newest of 2026", "within the kept time span"]
    }


def test_an_item_that_cannot_be_restored_takes_no_ones_place() -> None:
    good = at("2026-01-01T00:00")
    flawed = Item("flawed", good.time + 5, "g", flaw="its data is missing")
    assert set(wanted([good, flawed], Rules(last=1, daily=1, within=60))) == {good.id}


@pytest.mark.parametrize("rule", ["last", "hourly", "daily", "weekly", "monthly", "yearly", "within"])
def test_zero_is_a_rule_and_none_is_not(rule: str) -> None:
    assert Rules(**{rule: 0}).keeps
    assert not Rules(**{rule: None}, older_than=0).keeps
