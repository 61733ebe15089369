"""The actions of a job, as they are to be done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from freezer.errors import DocumentError
from freezer.model.actions import FreezerAction, read_action
from freezer.model.checking import an_array
from freezer.scheduler.contract import Document

_INTERVAL = 60  # seconds, as OpenStack Freezer's scheduler waits where a job does not say


class Action(msgspec.Struct, frozen=True):
    """One of them. ``retries``: how often it may be tried again; ``interval``: how many seconds later; ``mandatory``:
    it is done even if one before it went wrong."""

    does: FreezerAction
    retries: int = 0
    interval: float = _INTERVAL
    mandatory: bool = False


def actions_of(job: Document) -> list[Action]:
    """All of them, in order. DocumentError, with the place, for a job that means nothing."""
    defaults = job.get("action_defaults")
    if defaults is not None and not isinstance(defaults, Mapping):
        raise DocumentError("action_defaults should be a dictionary", ("action_defaults",))
    entries = an_array(job.get("job_actions") or [], ("job_actions",))
    return [_action(entry, place, defaults) for place, entry in enumerate(entries)]


def _action(entry: object, place: int, defaults: Mapping[str, object] | None) -> Action:
    draft = read_action(entry, ("job_actions", place), defaults)
    if draft.freezer_action is None:
        raise DocumentError(
            f"job_actions.{place}: the action {draft.action_id} is known to the API only", ("job_actions", place)
        )
    draft.freezer_action.agree(("job_actions", place))
    return Action(
        draft.freezer_action,
        0 if draft.max_retries is UNSET else draft.max_retries,
        _INTERVAL if draft.max_retries_interval is UNSET else draft.max_retries_interval,
        False if draft.mandatory is UNSET else draft.mandatory,
    )
