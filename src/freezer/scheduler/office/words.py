"""What is told of runs, as the API takes it: within its limits, and without characters that it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET
from msgspec.structs import replace

from freezer.model.run_reports import MOST_FAILURES, ActionResult, Failure, Progress, Report
from freezer.scheduler.contract import Told

_LONGEST_LINE = 4096
_LONGEST_PIECE = 16_384


def report_of(told: Told) -> Report:
    """``told`` as a report of a try that is not known yet."""
    named = told.failures[:MOST_FAILURES]
    return Report(
        incarnation=0,
        fence=0,
        state=told.state,
        retry_after=told.retry_after,
        exit_code=told.exit_code,
        error=line(told.error) if isinstance(told.error, str) else told.error,
        progress=UNSET if told.progress is UNSET else _progress(told.progress),
        actions={str(number): _action(each) for number, each in told.actions.items()},
        failures=[Failure(line(each.path), line(each.reason)) for each in named],
        more_failures=told.more_failures + len(told.failures) - len(named),
    )


def line(text: str) -> str:
    """``text`` as one that may stand in a report."""
    return clean(text)[:_LONGEST_LINE]


def clean(text: str) -> str:
    """``text`` without what no document may have: NUL, and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def pieces_of(text: str) -> Iterator[str]:
    """``text`` in pieces that a log takes."""
    whole = clean(text)
    for start in range(0, len(whole), _LONGEST_PIECE):
        yield whole[start : start + _LONGEST_PIECE]


def is_passing(told: Told) -> bool:
    """Whether ``told`` is of no interest as soon as there is something newer."""
    return told.progress is not UNSET and told == Told(progress=told.progress)


def _progress(told: Progress) -> Progress:
    phase, current = (None if each is None else line(each) for each in (told.phase, told.current))
    return replace(told, phase=phase, current=current)


def _action(told: ActionResult) -> ActionResult:
    return told if told.error is None else replace(told, error=line(told.error))
