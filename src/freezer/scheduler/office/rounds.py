"""Rounds of sessions at the original's API, which wants to be told of each part's beginning and end.

A job that is behind (``out-of-sync``) takes over the tag of the session, and begins the next round with it. A run that
cannot be part of a round runs by itself: a backup that is not of the round is better than none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from freezer.client import Api
from freezer.decoding import json_decoder
from freezer.errors import ApiError
from freezer.scheduler.contract import Wanted
from freezer.scheduler.outbox import Outbox

_NOTE = "round "
_ATTEMPTS = 3
_logger = logging.getLogger(__name__)


class Part(msgspec.Struct, frozen=True):
    """A job's part in the round ``tag`` of a session; ``result``: how it has ended, in the words of the original."""

    session_id: str
    job_id: str
    tag: int
    result: str = ""


class Rounds:
    """Knows, over restarts, which runs are part of which round."""

    def __init__(self, of_project: Callable[[str], Api], outbox: Outbox) -> None:
        self._of_project = of_project
        self._outbox = outbox

    def join(self, wanted: Wanted) -> Part | None:
        """The part of a run that begins; None if it runs by itself."""
        session = str(wanted.job.get("session_id") or "")
        if not session or (known := self.part(wanted.run_id)) is not None:
            return known if session else None
        sessions = self._of_project(str(wanted.job.get("project_id") or "")).sessions
        tag = int(wanted.job.get("session_tag") or 0)
        try:
            for _ in range(_ATTEMPTS):
                told = sessions.start(session, wanted.job_id, tag)
                if told.result != "out-of-sync" or told.tag is None:
                    break
                tag = told.tag
        except ApiError as error:
            _logger.warning("job %s runs without its session: %s", wanted.job_id, error)
            return None
        if told.result != "success" or told.tag is None:
            _logger.warning("job %s runs without its session, which says %s", wanted.job_id, told.result)
            return None
        part = Part(session, wanted.job_id, told.tag)
        self._outbox.keep_note(_NOTE + wanted.run_id, msgspec.json.encode(part))
        return part

    def part(self, run_id: str) -> Part | None:
        """The part of a run that has begun."""
        note = self._outbox.note(_NOTE + run_id)
        return None if note is None else json_decoder(Part).decode(note)

    def forget(self, run_id: str) -> None:
        """The end of that run is on its way."""
        self._outbox.keep_note(_NOTE + run_id, None)


def end(api: Api, part: Part) -> None:
    """Tell the session how a part has ended."""
    api.sessions.end(part.session_id, part.job_id, part.tag, part.result)
