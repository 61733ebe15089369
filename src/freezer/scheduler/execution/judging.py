"""What an action came to, and a run of several."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from freezer.errors import EXIT_OK, EXIT_PARTIAL, EXIT_USAGE
from freezer.model.run_reports import ActionResult
from freezer.scheduler.contract import Document, Outcome, State
from freezer.stint.ending import Ending

REPEATABLE = frozenset({"backup", "check", "check-storage", "copy", "drill", "info", "list", "prune", "show"})
"""Actions that may be done once more when nobody knows how far they came, whatever their job says. Whoever dies in the
middle of one of the others leaves something that only a human can judge."""

UNKNOWN = "state unknown: its agent died, and nobody knows how far it was"

_LONGEST = 4096
_STOPPED = (-signal.SIGTERM, -signal.SIGINT)


def judge(ending: Ending, started: int) -> ActionResult:
    """What became of an action, by the ending of its stint."""
    return ActionResult(
        state=_state(ending),
        exit_code=ending.exit_code,
        error=None if ending.error is None else ending.error[:_LONGEST],
        started=started,
        ended=ending.ended,
    )


def is_repeatable(action: str, job: Document) -> bool:
    """Whether an action of a job may be done once more when nobody knows how far it came."""
    return action in REPEATABLE or (job.get("job_schedule") or {}).get("schedule_repeatable") is True


def may_be_tried_again(result: ActionResult, *, repeatable: bool) -> bool:
    """Whether trying once more can help: not after a misuse, nor where nobody knows what has been done."""
    if result.state != "failed" or result.exit_code == EXIT_USAGE:
        return False
    return repeatable or (result.exit_code is not None and result.exit_code >= 0)


def outcome(results: Mapping[int, ActionResult]) -> Outcome:
    """Of a run whose actions all have results: the first that did not go well decides what is said of it."""
    ordered = [results[number] for number in sorted(results)]
    for each in ordered:
        if each.state in ("failed", "aborted"):
            return Outcome("failed" if each.state == "failed" else "aborted", each.exit_code, each.error)
    for each in ordered:
        if each.state == "partial":
            return Outcome("partial", each.exit_code, each.error)
    return Outcome("success", EXIT_OK)


def _state(ending: Ending) -> State:
    if ending.exit_code == EXIT_OK:
        return "success"
    if ending.exit_code == EXIT_PARTIAL:
        return "partial"
    return "aborted" if ending.exit_code in _STOPPED else "failed"
