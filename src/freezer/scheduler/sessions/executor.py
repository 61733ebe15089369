"""Executes runs of rounds that have a barrier."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freezer.client import Api
from freezer.client.sessions import Told as Answer
from freezer.clock import Clock
from freezer.errors import ApiError, ApiUnavailable
from freezer.model.sessions import Phase
from freezer.scheduler.contract import Executor, Hold, Office, Orders, Outcome
from freezer.scheduler.sessions.attending import Say, attended

PATIENCE = 180.0

Folders = Callable[[str], Mapping[str, str]]
"""The run directories of a run by the names of the stints, as far as there are any."""


class _NotTogether(Exception):
    """What becomes of the run instead; None: it is left to somebody else."""

    def __init__(self, outcome: Outcome | None) -> None:
        super().__init__()
        self.outcome = outcome


def _failed(error: str) -> _NotTogether:
    return _NotTogether(Outcome("failed", None, error))


class SessionExecutor:
    """Lets ``inner`` execute, once all members have begun; ``folders``: where its agents say how far they are.
    ``patience``: for how many seconds the API may be away meanwhile, while nobody holds still yet."""

    def __init__(
        self,
        inner: Executor,
        folders: Folders,
        of_project: Callable[[str], Api],
        clock: Clock,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._inner = inner
        self._folders = folders
        self._of_project = of_project
        self._clock = clock
        self._patience = patience

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        """As the contract has it. A run whose others do not begin fails before anything of it does."""
        if not hold.barrier or hold.wanted.cause != "session":
            return self._inner.execute(hold, office, orders)

        def say(phase: Phase, age: float, attempt: str) -> Answer:
            return self._say(hold, phase, age, attempt)

        run = hold.wanted.run_id
        if not self._folders(run):  # otherwise an agent has begun, and knows by itself for how long to wait
            try:
                self._gather(say, orders)
            except _NotTogether as ended:
                return ended.outcome
        with attended(lambda: self._folders(run), say, self._clock):
            return self._inner.execute(hold, office, orders)

    def _say(self, hold: Hold, phase: Phase, age: float, attempt: str) -> Answer:
        job = hold.wanted.job
        api = self._of_project(str(job.get("project_id") or ""))
        return api.sessions.at_barrier(
            str(job["session_id"]), hold.wanted.job_id, hold.wanted.number, phase, age, attempt
        )

    def forget(self, run_id: str) -> None:
        """As ``inner``."""
        self._inner.forget(run_id)

    def runs(self) -> frozenset[str]:
        """As ``inner``."""
        return self._inner.runs()

    def _gather(self, say: Say, orders: Orders) -> None:
        """Wait until all have begun."""
        heard = self._clock.monotonic()
        pause = 0.0
        while True:
            order = orders.wait(pause)
            if order in ("leave", "lost"):
                raise _NotTogether(None)
            if order in ("abort", "close"):
                raise _NotTogether(Outcome("aborted", None, "it was ended while it waited for others of its session"))
            try:
                told = say("begun", 0.0, "")
            except ApiUnavailable as error:
                if self._clock.monotonic() - heard > self._patience:
                    raise _failed(f"the others of the session cannot be waited for: {error.message}") from error
                pause = 1.0
                continue
            except ApiError as error:
                raise _failed(error.message) from error
            heard = self._clock.monotonic()
            if told.result == "broken":
                raise _failed(f"the members of the session did not come together: {told.reason}")
            if told.result != "gathering":
                return
            pause = told.again
