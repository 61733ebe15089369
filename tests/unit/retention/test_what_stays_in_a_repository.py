"""Tags, holds and proofs: what only backups in a repository have."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from freezer.retention.plan import plan
from freezer.retention.rules import Item, Rules

DAY = 86400
NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())


def backup(id: str, days: int, **more: object) -> Item:
    """One that was made so many days before now."""
    return Item(id, NOON - days * DAY, "g", **more)  # type: ignore[arg-type]


def stays(items: list[Item], rules: Rules, *, allow_empty: bool = False) -> dict[str, str]:
    """The reasons of what is kept."""
    return {each.item.id: each.reason for each in plan(items, rules, allow_empty=allow_empty) if each.keep}


def test_a_backup_with_a_kept_tag_stays_and_a_tag_alone_is_a_rule():
    items = [backup("a", 9, tags=("monthly", "x")), backup("b", 8, tags=("x",)), backup("c", 1)]
    kept = stays(items, Rules(tags=frozenset({"monthly"})))
    assert kept == {"a": "it has the tag monthly", "c": "the newest good backup"}


def test_a_mistyped_tag_does_not_empty_a_set():
    items = [backup("a", 9, tags=("monthly",)), backup("b", 8)]
    assert stays(items, Rules(tags=frozenset({"montly"}))) == {"b": "the newest good backup"}


def test_what_is_held_stays_even_when_everything_may_go():
    items = [backup("a", 900, held="for ever, the auditors"), backup("b", 1)]
    kept = stays(items, Rules(older_than=NOON), allow_empty=True)
    assert kept == {"a": "held: for ever, the auditors"}


def test_the_newest_verified_backups_stay_whatever_the_rules_say():
    items = [backup(str(days), days, verified=days % 2 == 0) for days in range(1, 11)]
    kept = stays(items, Rules(older_than=NOON, verified=2), allow_empty=True)
    assert kept == {"2": "verified 1 of 2", "4": "verified 2 of 2"}


@given(
    flood=st.lists(st.integers(-4000, 4000), max_size=60),
    rules=st.builds(Rules, last=st.none() | st.integers(1, 5), daily=st.none() | st.integers(1, 7)),
    wanted=st.integers(1, 4),
)
def test_no_flood_of_backups_with_strange_times_pushes_out_what_was_verified(flood, rules, wanted):
    genuine = [backup(f"genuine {days}", days, verified=True) for days in (1, 10, 20, 30)]
    strange = [backup(f"strange {number}", -days) for number, days in enumerate(flood)]
    rules = Rules(last=rules.last, daily=rules.daily, verified=wanted)
    kept = stays([*strange, *genuine], rules)
    assert {item.id for item in genuine[:wanted]} <= kept.keys()
