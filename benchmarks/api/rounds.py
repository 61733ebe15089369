"""Interleaved rounds, of which the least counts: a busy machine makes everything dearer, and nothing cheaper."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from benchmarks.api.cases import TURN, Case
from benchmarks.api.load import Cost, measure
from benchmarks.api.places import Served

Costs = dict[tuple[str, str], Cost]
_WARM = 20


def run(servers: Mapping[Served, Sequence[Case]], rounds: int) -> Costs:
    """The least cost of each case on each server, by names of case and server."""
    least: Costs = {}
    for turn in range(rounds):
        for place in range(max(len(cases) for cases in servers.values())):
            for server, cases in servers.items():
                if place < len(cases):
                    _once(server, cases[place], turn, least)
    return least


def _once(server: Served, case: Case, turn: int, least: Costs) -> None:
    ours = server.name == "Freezer"
    count = case.count if ours else min(case.slow, case.count)
    request = case.request if ours else case.instead or case.request
    first = turn * TURN
    if turn == 0:
        measure(server.process, server.port, request, min(_WARM, count), first + 500_000)
    cost = measure(server.process, server.port, request, count, first)
    known = least.get((case.name, server.name))
    least[case.name, server.name] = cost if known is None or cost.cpu < known.cpu else known
    print(f"{turn}: {server.name}: {case.name}: {cost.cpu:.2f} ms", file=sys.stderr, flush=True)
