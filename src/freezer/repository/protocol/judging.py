"""What a collector does with each pack, and why."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from freezer.repository.names import Folder, owner_of
from freezer.repository.protocol.usage import Usage
from freezer.repository.protocol.view import View

MAX_UNUSED = 0.25
"""Share of a pack that may be unused before what is needed of it is moved, unless told."""

_SMALL = 4 << 20  # bytes: what an attempt or a collector has stored in fewer is worth putting together with others,
_MANY = 8  # if there are so many such packs


class Step(enum.StrEnum):
    """What happens to a pack. MOVE: it is condemned after its needed bundles were moved; DELETE: it was condemned by an
    earlier collector."""

    KEEP = "keep"
    MOVE = "move"
    CONDEMN = "condemn"
    DELETE = "delete"


class PackPlan(msgspec.Struct, frozen=True):
    """What happens to a pack, and why, in one clause. ``size`` in bytes; ``live``: bytes of bundles that are needed."""

    name: str
    size: int
    live: int
    step: Step
    reason: str


def judge(view: View, usage: Usage, max_unused: float, budget: int | None) -> list[PackPlan]:
    """What happens to every pack that is there. ``max_unused``: share of a pack that may be unused before the rest is
    moved; ``budget``: bytes that are moved at most."""
    plans = [_judge(name, size, view, usage, max_unused) for name, size in view.packs.items()]
    return _joined(_within(budget, plans), view, budget)


def _judge(name: str, size: int, view: View, usage: Usage, max_unused: float) -> PackPlan:
    if name in view.condemned:
        return PackPlan(name, size, 0, Step.DELETE, "condemned by an earlier prune")
    if name in view.unknown:
        return PackPlan(name, size, size, Step.KEEP, "nothing is known of it")
    live, total = usage.size(name), usage.total(name)
    unused = (total - live) / total if total else 0.0
    share = f"{round(100 * (1 - unused))} % of it is needed"
    if owner_of(name) in view.standing.protected:
        return PackPlan(name, size, live, Step.KEEP, f"of a backup that has not ended; {share}")
    if not live:
        return PackPlan(name, size, 0, Step.CONDEMN, "no backup needs it")
    if name in view.damaged:
        return PackPlan(name, size, live, Step.KEEP, f"damaged, but what is needed of it is nowhere else; {share}")
    if unused > max_unused:
        return PackPlan(name, size, live, Step.MOVE, share)
    return PackPlan(name, size, live, Step.KEEP, share)


def _within(budget: int | None, plans: Iterable[PackPlan]) -> list[PackPlan]:
    """Move only as many bytes as the budget allows, and first where it gains most."""
    plans = list(plans)
    if budget is None:
        return plans
    left = budget
    spared: set[str] = set()
    for each in sorted((each for each in plans if each.step is Step.MOVE), key=lambda each: each.live / each.size):
        if each.live <= left:
            left -= each.live
        else:
            spared.add(each.name)
    return [
        msgspec.structs.replace(each, step=Step.KEEP, reason=f"{each.reason}, but this run moves no more")
        if each.name in spared
        else each
        for each in plans
    ]


def _joined(plans: Sequence[PackPlan], view: View, budget: int | None) -> list[PackPlan]:
    """The plan with small packs moved as well, within what is left of the budget, so that the packs of many small
    backups become a few large ones."""
    left = None if budget is None else budget - sum(each.live for each in plans if each.step is Step.MOVE)
    bound = view.damaged | view.unknown
    free = [
        each
        for each in plans
        if each.step is Step.KEEP and each.name not in bound and owner_of(each.name) not in view.standing.protected
    ]
    stored = Counter[tuple[str, str]]()
    for each in free:
        stored[_series(each.name)] += each.size
    chosen = set[str]()
    for folder in (Folder.META, Folder.PACKS):
        small = [each for each in free if each.name.startswith(folder) and stored[_series(each.name)] < _SMALL]
        group = _worth_joining(small, left)
        chosen.update(each.name for each in group)
        left = None if left is None else left - sum(each.live for each in group)
    return [
        msgspec.structs.replace(each, step=Step.MOVE, reason="small; it becomes part of a larger one")
        if each.name in chosen
        else each
        for each in plans
    ]


def _series(name: str) -> tuple[str, str]:
    """Which folder a pack is in, and whose it is."""
    return name[: name.index("/") + 1], owner_of(name)


def _worth_joining(small: Iterable[PackPlan], left: int | None) -> list[PackPlan]:
    """Those that are moved together: enough of them, and none that is larger than all the others. So a byte is in a
    pack of at least twice the size each time that it was moved, and is not moved often."""
    chosen: list[PackPlan] = []
    count = size = 0
    for each in sorted(small, key=attrgetter("live", "name")):
        if left is not None and size + each.live > left:
            break
        chosen.append(each)
        if each.live <= size:
            count = len(chosen)
        size += each.live
    return chosen[:count] if count >= _MANY else []
