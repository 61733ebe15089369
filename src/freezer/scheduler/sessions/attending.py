"""Carries word between an agent at a barrier and the API.

All that is said lies in the run directory, so whoever attends after a restart goes on where the last one was. Nothing
depends on it but whether the barrier is passed: an agent that hears nothing lets go by itself.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping

from freezer.client.sessions import Told
from freezer.clock import Clock, Interrupted, interruptible
from freezer.errors import ApiError, ApiUnavailable
from freezer.model.sessions import LONGEST_BARRIER, Phase
from freezer.stint.barrier import Decision, decide, decision, gone, held

_LOG = logging.getLogger(__name__)
_POLL = 0.1
_AGAIN = 0.5
_SECONDS = 30.0

Say = Callable[[Phase, float, str], Told]
"""Tells the API a phase, for how many seconds it has lasted, and by which attempt."""


@contextlib.contextmanager
def attended(folders: Callable[[], Mapping[str, str]], say: Say, clock: Clock) -> Iterator[None]:
    """While the context lasts a thread attends the agents of a run; what they have said last is told at its end."""
    stop = threading.Event()
    attendant = Attendant(folders, say, clock)
    thread = threading.Thread(target=attendant.serve, args=(stop,), name="barrier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_SECONDS)


class Attendant:
    """Of one run."""

    def __init__(self, folders: Callable[[], Mapping[str, str]], say: Say, clock: Clock) -> None:
        self._folders = folders
        self._say = say
        self._clock = clock
        self._told: set[str] = set()

    def serve(self, stop: threading.Event) -> None:
        """Until ``stop`` is set."""
        with contextlib.suppress(Interrupted), interruptible(stop):
            while not stop.is_set():
                self._clock.sleep(self.look())
        self.look()

    def look(self) -> float:
        """Carry on what there is to be said; in how many seconds to look again."""
        pause = _POLL
        for name, folder in self._folders().items():
            try:
                pause = max(pause, self._one(name, folder))
            except ApiUnavailable as error:
                _LOG.warning("at the barrier: %s", error.message)
                pause = _AGAIN
        return pause

    def _one(self, name: str, folder: str) -> float:
        since, end = held(folder), gone(folder)
        if end is not None and name not in self._told:
            with self._refusal_is_the_end(name):
                self._say("late" if end.late else "passed", self._age(end.at), name)
        elif since is not None and end is None and decision(folder) is None:
            return self._ask(name, folder, since.at)
        return 0.0

    def _ask(self, name: str, folder: str, since: float) -> float:
        try:
            told = self._say("ready", self._age(since), name)
        except ApiUnavailable:
            raise
        except ApiError as error:
            decide(folder, Decision(error.message))
            return 0.0
        if told.result == "released":
            decide(folder, Decision())
        elif told.result == "broken":
            decide(folder, Decision(told.reason or "the barrier is broken"))
        else:
            return told.again
        return 0.0

    @contextlib.contextmanager
    def _refusal_is_the_end(self, name: str) -> Iterator[None]:
        """What the API does not want to know is told as well."""
        try:
            yield
        except ApiUnavailable:
            raise
        except ApiError as error:
            _LOG.warning("at the barrier: %s", error.message)
        self._told.add(name)

    def _age(self, at: float) -> float:
        return min(max(self._clock.boottime() - at, 0.0), float(LONGEST_BARRIER))
