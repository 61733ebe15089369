"""Which level the next backup of a set has.

Upstream's arithmetic, in upstream's order, with three differences: ``--restart-always-level`` counts from the chain's
level 0 (upstream counts from the newest increment, so that with daily runs it never fires); a clock that went back and
a base that cannot be built on lead to a new level 0, with the reason; and no two backups of a set have the same time.
"""

from __future__ import annotations

import msgspec

from freezer.clock import utc_text
from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain, StoredBackup
from freezer.container.layout import SetId
from freezer.container.selection import path_to
from freezer.errors import ChainBroken, DataError

DAY = 86400


class LevelRules(msgspec.Struct, frozen=True):
    """What was asked for; None is "not set". ``restart_always_level`` in days."""

    incremental: bool
    max_level: int | None = None
    always_level: int | None = None
    restart_always_level: float | None = None


class LevelDecision(msgspec.Struct, frozen=True):
    """The next backup's ``level``; for an increment the ``zero`` of its chain and its ``base``; and why. ``due``: a new
    chain begins because the rules ask for it, not because the last one cannot be continued."""

    level: int
    zero: int | None
    base: StoredBackup | None
    reason: str
    due: bool = False


def next_level(catalogue: Catalogue, set: SetId, rules: LevelRules, now: float) -> LevelDecision:
    """Decide for ``set`` at ``now`` (seconds since 1970)."""
    if not rules.incremental:
        return _full("a full backup was asked for")
    chains = catalogue.chains(set)
    if not chains:
        return _full("there is no backup to build on")
    chain = chains[-1]
    unusable = _broken_above(catalogue, chain)
    if unusable:
        return _full(unusable)
    highest = max(member.key.level for member in chain.members)
    limit = _limit_reached(rules, highest) or _chain_too_old(catalogue, chain, rules, now)
    if limit:
        return LevelDecision(0, None, None, limit, due=True)
    again = rules.always_level == highest
    base = chain.of_level(highest - 1 if again else highest)
    if not base:
        return _full(f"the newest chain has a level {highest} but no level {highest - 1} to build on")
    return _increment(catalogue, chain, base[-1], now)


def next_time(catalogue: Catalogue, set: SetId, now: float) -> int:
    """The time to file the next backup under: ``now``, or the second after the newest backup of ``set``, also of one
    that was only begun: where nobody can be kept out, its objects are not to be replaced."""
    begun = {key for key in catalogue.begun if key.set == set}
    return max((int(now), *(key.time + 1 for key in catalogue.keys(set) | begun)))


def _full(reason: str) -> LevelDecision:
    return LevelDecision(0, None, None, reason)


def _limit_reached(rules: LevelRules, highest: int) -> str | None:
    if rules.max_level is not None and rules.max_level <= highest:
        return f"the newest chain has reached --max-level {rules.max_level}"
    if rules.always_level == 0:
        return "--always-level 0 makes every backup a full one"
    if rules.always_level is not None and highest > rules.always_level:
        return f"the newest chain has level {highest}, above --always-level {rules.always_level}"
    return None


def _chain_too_old(catalogue: Catalogue, chain: Chain, rules: LevelRules, now: float) -> str | None:
    days = rules.restart_always_level
    if days is None:
        return None
    zeros = chain.of_level(0)
    begun = _moment(catalogue, zeros[-1]) if zeros else float(chain.zero)
    if now > begun + days * DAY:
        return f"the newest chain began {utc_text(begun)}, more than --restart-always-level {days:g} days ago"
    return None


def _increment(catalogue: Catalogue, chain: Chain, base: StoredBackup, now: float) -> LevelDecision:
    """An increment on ``base``, unless that cannot be built on."""
    problem = _unusable(catalogue, chain, base)
    if problem:
        return _full(problem)
    made = _moment(catalogue, base)
    if now < made:
        return _full(f"the clock was set back: it shows {utc_text(now)}, the previous backup was made {utc_text(made)}")
    level = base.key.level + 1
    reason = f"level {level} on the level {base.key.level} of {utc_text(base.key.time)}"
    return LevelDecision(level, chain.zero, base, reason)


def _broken_above(catalogue: Catalogue, chain: Chain) -> str | None:
    """Whether this chain, or a newer one, has a record without data."""
    for key in catalogue.broken:
        if key.set == chain.set and key.zero >= chain.zero:
            return f"the data of {key} is missing from the container"
    return None


def _unusable(catalogue: Catalogue, chain: Chain, base: StoredBackup) -> str | None:
    if base.layout == "legacy":
        return "the newest chain has the layout of upstream 2.0 and is not continued"
    if base.state is None:
        return f"the state (engine_metadata) of {base.key} is missing from the container"
    try:
        for member in path_to(catalogue, chain, base):
            catalogue.record(member)
    except (ChainBroken, DataError) as error:
        return error.message
    return None


def _moment(catalogue: Catalogue, backup: StoredBackup) -> float:
    """When ``backup`` was really begun: names may run ahead of the clock to stay unique, records do not."""
    try:
        record = catalogue.record(backup)
    except DataError:
        record = None
    if record is None or record.freezer is None:
        return float(backup.key.time)
    return record.freezer.started
