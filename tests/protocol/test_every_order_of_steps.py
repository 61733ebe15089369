"""The protocol as the format page has it loses nothing, in whatever order anybody's steps come; and each of its rules
is needed: without it, there is an order that does."""

from __future__ import annotations

import pytest

from protocol.model import A, B, Cast, Rules, explore

LOST = "a backup has lost a chunk"
STUCK = "a root that nobody can decide on lacks a chunk, which stops all collectors"

SAFE = {
    "one writer, one collector": (Cast(), 708),
    "one writer, two collectors": (Cast(collectors=2), 43_937),
    "two writers, one collector": (Cast(writers=2), 11_836),
    "what an aborted attempt has left is adopted": (Cast(old=0, packs=(A,)), 295),
    "two chunks, in packs that are used in part": (Cast(packs=(A | B, A), need=A | B, moves=True), 2_485),
    "a damaged copy": (Cast(damaged=0b01), 510),
}
SAFE_BUT_LARGE = {
    "two writers, two collectors": Cast(writers=2, collectors=2, packs=(A,)),
    "one writer, three collectors": Cast(collectors=3, packs=(A,)),
    "two chunks, two collectors": Cast(collectors=2, packs=(A | B,), need=A | B, moves=True),
    "two chunks, two writers": Cast(writers=2, packs=(A | B, A), need=A | B, moves=True),
}
BROKEN = {
    "validate": Cast(packs=(A,)),
    "root_first": Cast(packs=(A,)),
    "reread_roots": Cast(packs=(A,)),
    "complete_listings": Cast(packs=(A,)),
    "rescue_by_moving": Cast(collectors=2),
    "earlier_lists_only": Cast(collectors=2),
    "fresh_names": Cast(packs=(A,)),
    "own_lists": Cast(collectors=2),
    "one_decision": Cast(packs=(A,)),
    "quarantine_writing": Cast(packs=(A,), old=0, damaged=0b1),
    "quarantine_collecting": Cast(damaged=0b01),
}
MARKERS = {"writer_looks_back": LOST, "reaper_looks_back": LOST, "final": STUCK}


@pytest.mark.parametrize(("cast", "worlds"), SAFE.values(), ids=SAFE)
def test_nothing_is_lost_in_any_order(cast: Cast, worlds: int) -> None:
    explored = explore(Rules(), cast)
    assert not explored.wrong, explored.trace
    assert explored.worlds == worlds  # fewer would mean that the model does not try what it claims to


@pytest.mark.parametrize("rule", BROKEN)
def test_without_a_rule_something_is_lost(rule: str) -> None:
    explored = explore(Rules(**{rule: False}), BROKEN[rule])
    assert explored.wrong == LOST
    assert explored.trace


def test_nothing_is_lost_with_markers_in_any_order() -> None:
    explored = explore(Rules(markers=True), Cast())
    assert not explored.wrong, explored.trace


@pytest.mark.parametrize(("rule", "wrong"), MARKERS.items())
def test_without_a_rule_of_the_markers_something_is_lost_or_stuck(rule: str, wrong: str) -> None:
    assert explore(Rules(markers=True, **{rule: False}), Cast(packs=(A,))).wrong == wrong


@pytest.mark.slow(only=True)
@pytest.mark.parametrize("cast", SAFE_BUT_LARGE.values(), ids=SAFE_BUT_LARGE)
def test_nothing_is_lost_among_many(cast: Cast) -> None:
    explored = explore(Rules(), cast)
    assert not explored.wrong, explored.trace
    print(explored.worlds, "worlds")


@pytest.mark.slow(only=True)
@pytest.mark.parametrize("cast", [Cast(collectors=2), Cast(writers=2)], ids=["two collectors", "two writers"])
def test_nothing_is_lost_with_markers_among_many(cast: Cast) -> None:
    explored = explore(Rules(markers=True), cast)
    assert not explored.wrong, explored.trace
    print(explored.worlds, "worlds")
