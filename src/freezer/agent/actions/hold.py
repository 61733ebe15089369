"""The action ``hold``: a backup that stays, whatever the rules say."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import backup_of
from freezer.agent.dedup.opening import open_to_write, opened_storage
from freezer.agent.result import Result
from freezer.clock import utc_text
from freezer.errors import UsageError
from freezer.repository.protocol import forgetting

_NANO = 1_000_000_000


def run(context: Context) -> Result:
    """Hold the backup; a later hold takes the place of an earlier one."""
    settings = context.settings
    date, label = settings.date("hold_until"), settings.optional_text("hold_label") or ""
    if date is not None and date.seconds <= context.clock.now():
        raise UsageError(f"--hold-until {utc_text(date.seconds)} is over already")
    with opened_storage(context) as storage:
        found = open_to_write(context, storage)
        backup = backup_of(context, found)
        until_ns = date.seconds * _NANO if date is not None else forgetting.FOR_EVER
        forgetting.hold(found.repository, backup.attempt, until_ns, label, context.notice)
    until = utc_text(date.seconds) if date is not None else None
    return Result(
        document={"backup": backup.attempt, "until": until, "label": label},
        lines=[f"{backup.attempt} is held {f'until {until}' if until else 'for ever'}."],
    )
