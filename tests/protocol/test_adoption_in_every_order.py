"""What a dead attempt has stored always has an owner: no collector takes its packs for ownerless while a new attempt
adopts it, in whatever order their steps come. The new one announces first and aborts then; the collector reads
decisions first and announcements then; the other way round, either of them breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest

HEIR = ("announce", "abort")
COLLECTOR = ("read decisions", "read announcements")


def schedules(heir: tuple[str, ...], collector: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All ways in which the steps of both can follow one another."""
    for order in permutations((*heir, *collector)):
        if order.index(heir[0]) < order.index(heir[1]) and order.index(collector[0]) < order.index(collector[1]):
            yield order


def ownerless(order: tuple[str, ...]) -> bool:
    """Whether the collector takes the packs of the dead attempt for garbage."""
    announced = aborted = sees_heir = sees_abort = False
    for step in order:
        announced = announced or step == "announce"
        aborted = aborted or step == "abort"
        sees_heir = announced if step == "read announcements" else sees_heir
        sees_abort = aborted if step == "read decisions" else sees_abort
    return sees_abort and not sees_heir


def test_no_order_leaves_packs_without_an_owner() -> None:
    assert not any(map(ownerless, schedules(HEIR, COLLECTOR)))


@pytest.mark.parametrize(("heir", "collector"), [(HEIR[::-1], COLLECTOR), (HEIR, COLLECTOR[::-1])])
def test_the_other_order_of_either_does(heir: tuple[str, ...], collector: tuple[str, ...]) -> None:
    assert any(map(ownerless, schedules(heir, collector)))
