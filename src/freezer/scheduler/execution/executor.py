"""Carries a hold out: the actions of its job in their order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from freezer.clock import Clock
from freezer.errors import EXIT_USAGE, FreezerError
from freezer.model.run_reports import ActionResult
from freezer.scheduler.contract import Document, Hold, Office, Orders, Outcome, Told
from freezer.scheduler.execution import child as children
from freezer.scheduler.execution.actions import Action, actions_of
from freezer.scheduler.execution.attempts import Attempts
from freezer.scheduler.execution.judging import outcome
from freezer.scheduler.execution.stints import Stints
from freezer.stint.brief import Limits
from freezer.stint.policy import Policy

AGENT = (sys.executable, "-P", "-m", "freezer.cmd.agent")
"""The agent of this installation."""


def nobody(job: Document) -> Mapping[str, str]:  # noqa: ARG001  it is one of several
    """No variables: for jobs that need no credentials."""
    return {}


class LocalExecutor:
    """Runs agents on this machine. ``folder``: the directory with everything of runs that are not over; ``command``:
    what is started for each action, with the run directory behind it; ``variables``: those of the environment that
    only the agent of a job may have; ``executes``: whether there may be actions ``exec``; ``policy``: what jobs of
    others may have done here, which may depend on the job; None if there are none of others."""

    def __init__(
        self,
        folder: str,
        clock: Clock,
        *,
        command: Sequence[str] = AGENT,
        variables: Callable[[Document], Mapping[str, str]] = nobody,
        limits: Limits = Limits(),  # noqa: B008  it is frozen
        executes: bool = True,
        policy: Policy | Callable[[Document], Policy] | None = None,
        grace: float = children.GRACE,
    ) -> None:
        self.stints = Stints(folder)
        self.clock = clock
        self.command = tuple(command)
        self.variables = variables
        self.limits = limits
        self.executes = executes
        self.policy = policy
        self.grace = grace

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        """As the contract has it. StorageFull if an action cannot begin for want of space: what has been done is known,
        and the run may be given back."""
        return Execution(self, hold, office, orders).run()

    def policy_of(self, job: Document) -> Policy | None:
        """What this job may have done here; None if it is our own."""
        return self.policy(job) if callable(self.policy) else self.policy

    def forget(self, run: str) -> None:
        """Nothing of the run is needed any more: what is still running of it is killed, its directories are removed."""
        for folder in self.stints.of(run).values():
            living = children.found(folder, self.clock)
            if living is not None:
                living.end(self.grace)
                living.close()
        self.stints.remove(run)

    def runs(self) -> frozenset[str]:
        """Runs of which there is something here."""
        return self.stints.runs()


class Execution:
    """One hold being carried out."""

    def __init__(self, executor: LocalExecutor, hold: Hold, office: Office, orders: Orders) -> None:
        self._executor = executor
        self._hold = hold
        self._office = office
        self._orders = orders
        self._results = {number: each for number, each in hold.done.items() if each.state != "running"}
        self._stopped = False

    def run(self) -> Outcome | None:
        """All actions, in order."""
        try:
            actions = actions_of(self._hold.wanted.job)
        except FreezerError as error:
            return Outcome("failed", EXIT_USAGE, error.message)
        for number, action in enumerate(actions):
            if number in self._results:
                continue
            if self._is_skipped(action):
                self._settle(number, ActionResult(state="skipped"))
                continue
            result = Attempts(self._executor, self._hold, self._office, self._orders, number, action).run()
            if result is None:
                return None
            self._settle(number, result.result)
            self._stopped = self._stopped or result.stopped
        return outcome(self._results)

    def _is_skipped(self, action: Action) -> bool:
        """After something went wrong only what is mandatory is done; after somebody's word, nothing."""
        wrong = any(each.state in ("failed", "aborted") for each in self._results.values())
        return self._stopped or (wrong and not action.mandatory)

    def _settle(self, number: int, result: ActionResult) -> None:
        self._results[number] = result
        self._office.tell(self._hold, Told(actions={number: result}))
