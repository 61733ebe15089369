"""The steps of a round, in their order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from freezer.api.housekeeper.alarms import notice_conditions, tell
from freezer.api.housekeeper.lost import end_dead_members, expire_leases, record_missed
from freezer.api.housekeeper.work import Work
from freezer.api.service import audit, run_upkeep
from freezer.api.store.operations import Alarm
from freezer.clock import utc_text

_LOG = logging.getLogger(__name__)
_AT_ONCE = 200
_DAY = 86_400
_PAUSES_DAYS = 30
_CHANGES_SECONDS = 3600

Step = Callable[[Work], int]


def forget_runs(work: Work) -> int:
    """Remove runs, with their logs, that were over long ago."""
    before = work.now - work.settings.keep_runs_days * _DAY
    done = 0
    while found := work.store.write(lambda unit: run_upkeep.forget(unit, before, _AT_ONCE)):
        done += found
    return done


def forget_answers(work: Work) -> int:
    """Remove answers that were kept in case a request is repeated."""
    before = work.now - work.settings.keep_answers_days * _DAY
    return work.store.write(lambda unit: unit.forget_answers(before))


def forget_operations(work: Work) -> int:
    """Remove pauses that ended long ago, and what was known of clients that are no more."""
    before = work.now - _PAUSES_DAYS * _DAY
    return work.store.write(lambda unit: unit.operations.forget_pauses(before) + unit.operations.forget_presences())


def forget_changes(work: Work) -> int:
    """Remove what was noted for those who wait for news."""
    return work.store.write(lambda unit: unit.forget_changes(work.now - _CHANGES_SECONDS))


def forget_audit(work: Work) -> int:
    """Remove what was noted of who did what, long ago."""
    return audit.forget(work.store, work.now, work.settings.audit_days)


def look_after_trusts(work: Work) -> int:
    """Do for trusts what needs no trustor, and tell of those that come to their end."""
    ending = [] if work.trusts is None else work.trusts.housekeep()
    for each in ending:
        end = each.expires
        alarm = Alarm(
            project_id=each.project_id,
            event="credential expiring",
            kind="trust",
            object=each.id,
            name=each.trustor,
            text=f"The trust of user {each.trustor} ends at {utc_text(end)}; that user's next request replaces it.",
            since=work.now,
            passing=True,
        )
        work.store.write(lambda unit, alarm=alarm: unit.operations.add_alarm(alarm))  # type: ignore[misc]
    return len(ending)


STEPS: tuple[tuple[str, Step], ...] = (
    ("leases that ended", expire_leases),
    ("dead members of sessions", end_dead_members),
    ("missed runs", record_missed),
    ("old runs", forget_runs),
    ("old answers", forget_answers),
    ("old pauses", forget_operations),
    ("old changes", forget_changes),
    ("old audit", forget_audit),
    ("trusts that end", look_after_trusts),
    ("alarms that changed", notice_conditions),
    ("notices", tell),
)
"""What each deals with, in a few words, and what it does; it says how many there were."""


def take_round(work: Work, steps: Sequence[tuple[str, Step]] = STEPS) -> dict[str, int | None]:
    """Do all ``steps``; how many things each dealt with, None if it failed, which keeps no other from being done."""
    done: dict[str, int | None] = {}
    for name, step in steps:
        try:
            done[name] = step(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other steps are done
            done[name] = None
            _LOG.error("housekeeping: %s: %s", name, error, exc_info=error)
    return done
