"""What is kept and what is removed, with a reason for each item.

- An item that a kept one needs is kept.
- The cut-off removes whole chains, once their newest item is old enough; never part of one.
- Keep rules alone remove everything they do not name or need; with a cut-off as well, they spare old items.
- The newest good item of a group stays with all it needs (after a cut-off alone: with its whole chain), unless
  ``allow_empty``.
- An item that cannot be restored never counts for a rule. Keep rules remove it once there is a newer good item.
- What is held stays, and so do the newest verified items: a flood of new ones, whatever times they claim, counts for
  every rule but has been read by nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from freezer.clock import utc_text
from freezer.retention.rules import Item, Rules, age, wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to an item, and why, in one clause."""

    item: Item
    keep: bool
    reason: str


def plan(items: Iterable[Item], rules: Rules, *, allow_empty: bool = False) -> tuple[Verdict, ...]:
    """A verdict for every item, in the order given. Ids are unique; needs that name no item are ignored (say so in
    the item's ``flaw``)."""
    items = tuple(items)
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    verdicts: dict[str, Verdict] = {}
    for group in groups.values():
        verdicts.update(_plan_group(group, rules, allow_empty))
    return tuple(verdicts[item.id] for item in items)


def chains_of(items: Sequence[Item]) -> list[list[Item]]:
    """``items`` of one group, split into those that hang together by their needs."""
    leader = {item.id: item.id for item in items}

    def find(id: str) -> str:
        while leader[id] != id:
            leader[id] = leader[leader[id]]
            id = leader[id]
        return id

    for item in items:
        for need in item.needs:
            if need in leader:
                leader[find(item.id)] = find(need)
    chains: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        chains[find(item.id)].append(item)
    return list(chains.values())


def _plan_group(items: list[Item], rules: Rules, allow_empty: bool) -> dict[str, Verdict]:
    by_id = {item.id: item for item in items}
    chains = chains_of(items)
    if rules.older_than is None and not rules.keeps:
        kept = {item.id: "no rule asks to remove anything" for item in items}
    else:
        kept = {id: "; ".join(reasons) for id, reasons in wanted(items, rules).items()}
        if rules.older_than is not None:
            kept |= {id: why for id, why in _young(chains, rules.older_than).items() if id not in kept}
        else:
            kept |= _flawed_but_newest(items)
        if not allow_empty:
            kept = _protected(chains, whole_chain=not rules.keeps) | kept
        kept = _verified(items, rules.verified) | kept
        kept |= {item.id: f"held: {item.held}" for item in items if item.held is not None}
    _add_needs(kept, by_id)
    gone = _why_removed(rules)
    return {
        item.id: Verdict(item, item.id in kept, kept.get(item.id) or gone + (f"; {item.flaw}" if item.flaw else ""))
        for item in items
    }


def _young(chains: list[list[Item]], cut_off: float) -> dict[str, str]:
    kept: dict[str, str] = {}
    for chain in chains:
        newest = max(item.time for item in chain)
        if newest > cut_off:
            why = f"its chain was last added to at {utc_text(newest)}, after the cut-off {utc_text(cut_off)}"
            kept |= {item.id: why for item in chain}
    return kept


def _verified(items: list[Item], count: int) -> dict[str, str]:
    newest_first = sorted((item for item in items if item.good and item.verified), key=age, reverse=True)
    return {item.id: f"verified {n} of {count}" for n, item in enumerate(newest_first[:count], start=1)}


def _flawed_but_newest(items: list[Item]) -> dict[str, str]:
    newest_good = max((item.time for item in items if item.good), default=None)
    return {
        item.id: f"{item.flaw}, but there is nothing good that is newer"
        for item in items
        if not item.good and (newest_good is None or item.time > newest_good)
    }


def _protected(chains: list[list[Item]], *, whole_chain: bool) -> dict[str, str]:
    good = [(item, chain) for chain in chains for item in chain if item.good]
    if not good:
        return {}
    newest, chain = max(good, key=lambda each: age(each[0]))
    if whole_chain:
        return {item.id: "the newest good chain" for item in chain if item.good}
    return {newest.id: "the newest good backup"}


def _add_needs(kept: dict[str, str], by_id: Mapping[str, Item]) -> None:
    todo = sorted(kept)
    while todo:
        item = by_id[todo.pop()]
        for need in item.needs:
            if need in by_id and need not in kept:
                kept[need] = f"needed by {item.label or item.id}"
                todo.append(need)


def _why_removed(rules: Rules) -> str:
    if rules.older_than is None:
        return "no keep rule names it"
    why = f"its whole chain is from before the cut-off {utc_text(rules.older_than)}"
    return f"{why}, and no keep rule names it" if rules.keeps else why
