"""Which backups of a repository stay: its backups as retention sees them, and the rules of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from freezer.agent.context import Context
from freezer.agent.dedup.doubts import doubt
from freezer.agent.dedup.opening import Opened
from freezer.agent.removal import removal_rules
from freezer.clock import utc_text
from freezer.errors import ContainerError, ObjectNotFound
from freezer.repository.documents import Hold
from freezer.repository.names import CONFIG, CONFIG_COPY, PREFIX, Folder
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.forgetting import holds
from freezer.retention.plan import Verdict, plan
from freezer.retention.rules import Item, Rules
from freezer.upkeep.verification import Verification

_NANO = 1_000_000_000
_SOON = 300.0  # seconds by which a newest backup may be ahead of now
_DAY = 86400.0


def plan_forgetting(context: Context, found: Opened, backups: Sequence[Backup], checks: Verification) -> list[Verdict]:
    """A verdict for each of ``backups``, which are one set. :class:`ContainerError` if the clock cannot be right:
    ages would mean nothing. Backups that claim to be later than now stay, and count for no rule: whichever clock is
    wrong, they push out none that was made after them."""
    settings = context.settings
    rules = replace(
        removal_rules(settings, context.clock.now()),
        verified=settings.optional_integer("keep_verified") or 0,
    )
    _refuse_wrong_clock(context, backups, rules)
    now = context.clock.now()
    items = _items(context, found, backups, checks)
    ahead = {item.id for item in items if item.time > now + _SOON}
    # A clock that is a little ahead of ours, such as the storage's, makes nothing younger than new.
    counting = [replace(item, time=min(item.time, int(now))) for item in items if item.id not in ahead]
    verdicts = {each.item.id: each for each in plan(counting, rules, allow_empty=settings.flag("allow_empty"))}
    return [verdicts.get(item.id) or Verdict(item, True, _why_ahead(item)) for item in items]


def policy_time(found: Opened, backup: Backup, brought: float) -> int:
    """When the backup was made, in seconds since 1970: by the storage's clock, if that has one, so that nobody's claims
    decide what is removed. Of what was there already when the repository was ``brought`` to this storage, its clock
    knows nothing else."""
    if found.repository.storage.capabilities.server_time and backup.started / _NANO >= brought:
        return int(backup.modified)
    return backup.started // _NANO


def brought_at(found: Opened) -> float:
    """When the repository came to its storage from another one (a bucket that was copied), by the storage's clock in
    seconds since 1970; 0 if it was made there, or that clock says nothing of its own."""
    repository = found.repository
    if not repository.storage.capabilities.server_time:
        return 0.0
    stored = []
    for name in (CONFIG, CONFIG_COPY):
        with suppress(ObjectNotFound):
            stored.append(repository.storage.stat(PREFIX + name).modified)
    made = datetime.fromisoformat(repository.config.created).timestamp()
    return min(stored) if stored and min(stored) > made + _DAY else 0.0


def _items(context: Context, found: Opened, backups: Sequence[Backup], checks: Verification) -> list[Item]:
    held: Mapping[str, Hold] = holds(found.repository, found.cache, context.notice)
    roots, brought = frozenset(found.repository.names(Folder.ROOTS)), brought_at(found)
    return [
        Item(
            backup.attempt,
            policy_time(found, backup, brought),
            f"{backup.summary.host}_{backup.summary.backup_name}",
            flaw=None if f"{Folder.ROOTS}{backup.attempt}" in roots else "its root is gone",
            tags=tuple(backup.summary.tags),
            held=None if (hold := held.get(backup.attempt)) is None else _why_held(hold),
            verified=backup.attempt in checks.intact and doubt(found, backup, checks) is None,
            number=backup.decision.counter,
        )
        for backup in backups
    ]


def _why_held(hold: Hold) -> str:
    until = f"until {utc_text(hold.until / _NANO)}" if hold.until else "for ever"
    return f"{until}, {hold.label}" if hold.label else until


def _why_ahead(item: Item) -> str:
    return f"it says that it is from {utc_text(item.time)}, which is later than now: it counts for no rule"


def _refuse_wrong_clock(context: Context, backups: Sequence[Backup], rules: Rules) -> None:
    newest = max((backup.started for backup in backups), default=0) / _NANO
    if rules.older_than is not None and newest > context.clock.now() + _SOON:
        raise ContainerError(
            f"the newest backup is from {utc_text(newest)}, but the clock says {utc_text(context.clock.now())}: "
            "nothing is removed by its age",
            hint="one of the two clocks is wrong; rules that count backups work, such as --keep-last",
        )
