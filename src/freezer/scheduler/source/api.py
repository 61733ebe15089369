"""The jobs of one client, as the API has them: by its feed of changes, or, where there is none, asked for again and
again.

What was known last is *remembered* on this machine, so that a scheduler that starts while the API is away knows its
jobs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from freezer.client import Api
from freezer.client.changes import News
from freezer.clock import Clock
from freezer.errors import ApiError, ApiMissing, DocumentError
from freezer.model.timing import timing_of
from freezer.scheduler.contract import Document, Update

_JOB = "job"
_FEW = 20  # jobs that are asked for one by one
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_NOTE = "job "
_logger = logging.getLogger(__name__)


class Memory(Protocol):
    """Where jobs are remembered: an :class:`freezer.scheduler.outbox.Outbox`."""

    def notes(self, beginning: str) -> Mapping[str, bytes]: ...

    def keep_notes(self, values: Mapping[str, bytes | None]) -> None: ...


class ApiSource:
    """The jobs of ``client``. ``every``: seconds between two questions, where there is no feed; ``memory``: None if
    nothing is to be remembered; ``listed``: how all jobs are asked for; ``completed``: what is to be added to each."""

    def __init__(
        self,
        api: Api,
        client: Callable[[], str],
        clock: Clock,
        *,
        every: float = 60.0,
        memory: Memory | None = None,
        listed: Callable[[], list[dict[str, Any]]] | None = None,
        completed: Callable[[Document], Document] = lambda job: job,
    ) -> None:
        self._api = api
        self._client = client
        self._clock = clock
        self._every = every
        self._memory = memory
        self._listed = listed or (lambda: api.jobs.find(search={"match": [{"client_id": client()}]}))
        self._completed = completed
        self._known: dict[str, Document] = {}
        self._begun = False
        self._unsound: dict[str, str] = {}
        self._said: str | None = None

    def follow(self, going: Callable[[], bool]) -> Iterator[Update]:
        pause = _FIRST_PAUSE
        while going():
            try:
                for news in self._api.changes.follow(
                    client=self._client(), every=self._every, going=going, patient=False
                ):
                    update = self._update(news)
                    self._say(None)
                    pause = _FIRST_PAUSE
                    if update is not None:
                        self._remember(update)
                        yield update
            except ApiError as error:
                self._say(error)
                if not self._begun:
                    yield self._remembered()
                self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _update(self, news: News) -> Update | None:
        """What the news mean; None if nothing that matters."""
        changed = {each.id for each in news.changes if each.kind == _JOB}
        if news.reset or not self._begun or len(changed) > _FEW:
            return self._all()
        jobs: dict[str, Document] = {}
        gone: set[str] = set()
        for id in changed:
            found = self._one(id)
            if found is not None and self._is_sound(found):
                jobs[id] = found
            elif id in self._known:
                gone.add(id)
        self._known.update(jobs)
        for id in gone:
            del self._known[id]
        return Update(jobs, frozenset(gone)) if jobs or gone else None

    def _all(self) -> Update | None:
        sound = [self._completed(each) for each in self._listed() if self._is_sound(each)]
        found = {str(each["job_id"]): each for each in sound}
        if self._begun and found == self._known:
            return None
        self._begun, self._known = True, found
        return Update(dict(found), complete=True)

    def _one(self, id: str) -> Document | None:
        try:
            job = self._api.jobs.get(id)
        except ApiMissing:
            return None
        return self._completed(job) if job.get("client_id") == self._client() else None

    def _is_sound(self, job: Mapping[str, Any]) -> bool:
        """Whether a job means something; the log says once why not."""
        id = str(job.get("job_id"))
        try:
            if not isinstance(job.get("job_schedule"), dict) or not isinstance(job.get("job_actions"), list):
                raise DocumentError("it has no job_schedule or no job_actions")
            timing_of(job)
        except DocumentError as error:
            if self._unsound.get(id) != error.message:
                _logger.error("job %s is left out: %s", id, error)
            self._unsound[id] = error.message
            return False
        self._unsound.pop(id, None)
        return True

    def _remember(self, update: Update) -> None:
        if self._memory is None:
            return
        told: dict[str, bytes | None] = {_NOTE + id: msgspec.json.encode(job) for id, job in update.jobs.items()}
        before = self._memory.notes(_NOTE) if update.complete else {}
        gone = {name for name in before if name not in told} | {_NOTE + id for id in update.gone}
        changed = {name: body for name, body in told.items() if before.get(name) != body}
        self._memory.keep_notes(changed | dict.fromkeys(gone))

    def _remembered(self) -> Update:
        """The jobs that were known last: the first update if the API is away."""
        notes = {} if self._memory is None else self._memory.notes(_NOTE)
        self._begun = True
        self._known = {name.removeprefix(_NOTE): msgspec.json.decode(body) for name, body in notes.items()}
        return Update(dict(self._known), complete=True)

    def _say(self, error: ApiError | None) -> None:
        """Tell of what keeps us from following, once, and of its end."""
        said = None if error is None else error.message + (f" ({error.hint})" if error.hint else "")
        if said is not None and said != self._said:
            _logger.warning("%s", said)
        elif said is None and self._said is not None:
            _logger.warning("the API tells of jobs again")
        self._said = said
