"""What is kept and removed, against an oracle that only knows the promises."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from freezer.retention.plan import Verdict, plan
from freezer.retention.rules import Item, Rules, wanted

DAY = 86400
NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())


def chain(name: str, *times: int, group: str = "g") -> list[Item]:
    """Levels 0, 1, 2 … at these times, each needing the one before."""
    ids = [f"{name}{level}" for level in range(len(times))]
    return [
        Item(id, time, group, needs=(ids[level - 1],) if level else ())
        for level, (id, time) in enumerate(zip(ids, times, strict=True))
    ]


def kept(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [verdict.item.id for verdict in verdicts if verdict.keep]


def reason(verdicts: tuple[Verdict, ...], id: str) -> str:
    return next(verdict.reason for verdict in verdicts if verdict.item.id == id)


@st.composite
def groups(draw: st.DrawFn) -> list[Item]:
    """Some chains with branches (several items of one level) and here and there something flawed."""
    items: list[Item] = []
    for number in range(draw(st.integers(0, 4))):
        group = draw(st.sampled_from("gh"))
        members: list[Item] = []
        for place in range(draw(st.integers(1, 5))):
            below = draw(st.sampled_from(members)) if members else None
            flaw = "broken" if (below is not None and not below.good) or draw(st.integers(0, 7)) == 0 else None
            time = NOON + draw(st.integers(0, 40)) * DAY // 4
            members.append(Item(f"{number}.{place}", time, group, () if below is None else (below.id,), flaw))
        items += members
    return draw(st.permutations(items))


cut_offs = st.none() | st.integers(-1, 42).map(lambda quarters: NOON + quarters * DAY // 4)
all_rules = st.builds(
    Rules,
    older_than=cut_offs,
    last=st.none() | st.integers(0, 3),
    daily=st.none() | st.integers(0, 3),
    within=st.none() | st.integers(0, 3 * DAY),
)


def component(items: list[Item], item: Item) -> set[str]:
    """Everything that hangs together with ``item``."""
    found = {item.id}
    while True:
        more = {i.id for i in items if found & {i.id, *i.needs}} | {n for i in items if i.id in found for n in i.needs}
        if more <= found:
            return found
        found |= more


def closure(by_id: dict[str, Item], ids: set[str]) -> set[str]:
    needed = {need for id in ids for need in by_id[id].needs}
    return ids if needed <= ids else closure(by_id, ids | needed)


@given(groups(), all_rules, st.booleans())
def test_the_plan_is_what_the_promises_say(items: list[Item], rules: Rules, allow_empty: bool) -> None:
    by_id = {item.id: item for item in items}
    expected: set[str] = set()
    for group in {item.group for item in items}:
        mine = [item for item in items if item.group == group]
        good = [item for item in mine if item.good]
        if rules.older_than is None and not rules.keeps:
            expected |= {item.id for item in mine}
            continue
        expected |= set(wanted(mine, rules))
        newest_good = max(good, key=lambda item: (item.time, item.id), default=None)
        for item in mine:
            hangs_together = [by_id[id] for id in component(mine, item)]
            if rules.older_than is not None and any(other.time > rules.older_than for other in hangs_together):
                expected.add(item.id)
            if rules.older_than is None and not item.good and (not newest_good or item.time > newest_good.time):
                expected.add(item.id)
            if newest_good and not allow_empty and not rules.keeps and item.good and newest_good in hangs_together:
                expected.add(item.id)
        if newest_good and not allow_empty:
            expected.add(newest_good.id)
    assert set(kept(plan(items, rules, allow_empty=allow_empty))) == closure(by_id, expected)


@given(groups(), all_rules, st.booleans())
def test_nothing_that_is_kept_misses_what_it_needs(items: list[Item], rules: Rules, allow_empty: bool) -> None:
    stays = set(kept(plan(items, rules, allow_empty=allow_empty)))
    assert all(set(item.needs) <= stays for item in items if item.id in stays)


@given(groups(), all_rules)
def test_a_group_never_loses_its_newest_good_item_unasked(items: list[Item], rules: Rules) -> None:
    stays = set(kept(plan(items, rules)))
    for group in {item.group for item in items}:
        good = [item for item in items if item.group == group and item.good]
        if good:
            assert max(item.time for item in good) in {by.time for by in good if by.id in stays}


@given(groups(), st.integers(-1, 42))
def test_a_cut_off_alone_never_cuts_a_chain(items: list[Item], quarters: int) -> None:
    verdicts = plan(items, Rules(older_than=NOON + quarters * DAY // 4), allow_empty=True)
    stays = set(kept(verdicts))
    for item in items:
        whole = component([other for other in items if other.group == item.group], item)
        assert whole <= stays or not whole & stays


@given(groups(), all_rules)
def test_every_item_has_one_verdict_in_order_and_a_reason(items: list[Item], rules: Rules) -> None:
    verdicts = plan(items, rules)
    assert [verdict.item for verdict in verdicts] == items
    assert all(verdict.reason and "\n" not in verdict.reason for verdict in verdicts)


def test_a_chain_goes_only_when_its_newest_member_is_old_enough() -> None:
    old, new = chain("a", NOON, NOON + DAY), chain("b", NOON + 2 * DAY)
    assert kept(plan(old + new, Rules(older_than=NOON + DAY - 1))) == ["a0", "a1", "b0"]
    verdicts = plan(old + new, Rules(older_than=NOON + DAY))
    assert kept(verdicts) == ["b0"]
    assert reason(verdicts, "a0") == "its whole chain is from before the cut-off 2026-11-22T12:00:00Z"


def test_a_cut_off_of_zero_is_a_date_and_removes_nothing() -> None:
    items = chain("a", NOON) + chain("b", NOON + DAY)
    assert kept(plan(items, Rules(older_than=0), allow_empty=True)) == ["a0", "b0"]


def test_the_last_chain_stays_whole_unless_told() -> None:
    items = chain("a", NOON, NOON + 1) + chain("b", NOON + 2, NOON + 3)
    verdicts = plan(items, Rules(older_than=NOON + DAY))
    assert kept(verdicts) == ["b0", "b1"]
    assert reason(verdicts, "b0") == "the newest good chain"
    assert kept(plan(items, Rules(older_than=NOON + DAY), allow_empty=True)) == []


def test_a_flawed_newest_chain_does_not_stand_in_for_a_good_one() -> None:
    flawed = Item("b0", NOON + 5, "g", flaw="its data is missing")
    verdicts = plan([*chain("a", NOON, NOON + 1), flawed], Rules(older_than=NOON + DAY))
    assert kept(verdicts) == ["a0", "a1"]
    assert reason(verdicts, "b0").endswith("; its data is missing")


def test_groups_do_not_count_for_each_other() -> None:
    items = chain("a", NOON) + chain("b", NOON + DAY, group="other")
    assert kept(plan(items, Rules(last=1))) == ["a0", "b0"]


def test_a_kept_increment_keeps_what_it_needs_and_says_for_whom() -> None:
    items = chain("a", NOON, NOON + 1, NOON + 2)
    branch = Item("a1bis", NOON + 3, "g", needs=("a0",))
    verdicts = plan([*items, branch], Rules(last=1))
    assert kept(verdicts) == ["a0", "a1bis"]
    assert reason(verdicts, "a0") == "needed by a1bis"
    assert reason(verdicts, "a2") == "no keep rule names it"


def test_keep_rules_spare_what_a_cut_off_would_remove() -> None:
    items = chain("a", NOON - 400 * DAY) + chain("b", NOON - DAY) + chain("c", NOON)
    verdicts = plan(items, Rules(older_than=NOON - DAY, yearly=2))
    assert kept(verdicts) == ["a0", "c0"]
    assert reason(verdicts, "b0").endswith("and no keep rule names it")


def test_without_rules_nothing_goes() -> None:
    assert kept(plan(chain("a", NOON), Rules(), allow_empty=True)) == ["a0"]


def test_a_rule_that_names_an_item_is_its_reason_even_if_it_is_young() -> None:
    verdicts = plan(chain("a", NOON), Rules(older_than=0, last=1))
    assert reason(verdicts, "a0") == "last 1 of 1"


def test_a_flawed_increment_of_the_newest_good_chain_goes_with_a_cut_off() -> None:
    full = Item("full", NOON, "g")
    flawed = Item("flawed", NOON + 1, "g", needs=("full",), flaw="its data is missing")
    assert kept(plan([full, flawed], Rules(older_than=NOON + DAY))) == ["full"]


def test_a_need_that_names_no_item_is_ignored() -> None:
    lost = Item("increment", NOON, "g", needs=("gone",), flaw="its base is missing")
    assert kept(plan([lost], Rules(last=1))) == ["increment"]


def test_nothing_is_kept_for_having_been_verified_unless_somebody_asks():
    assert Rules().verified == 0
