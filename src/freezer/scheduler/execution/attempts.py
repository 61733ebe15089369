"""One action of a hold: its stints, until one of them decides."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Protocol

import msgspec

from freezer.clock import Clock
from freezer.errors import EXIT_FAILED, EXIT_USAGE, FreezerError
from freezer.model.run_reports import ActionResult
from freezer.scheduler.contract import Document, Hold, Office, Order, Orders, Told
from freezer.scheduler.execution import child as children
from freezer.scheduler.execution.actions import Action, actions_of
from freezer.scheduler.execution.child import Child
from freezer.scheduler.execution.config import config_of
from freezer.scheduler.execution.judging import UNKNOWN, is_repeatable, judge, may_be_tried_again
from freezer.scheduler.execution.stints import Stint, Stints
from freezer.scheduler.execution.surroundings import surroundings
from freezer.scheduler.execution.telling import Teller
from freezer.scheduler.execution.watching import Watch
from freezer.stint.brief import Brief, Limits
from freezer.stint.ending import Ending
from freezer.stint.folder import Folder
from freezer.stint.policy import Policy

_OF_SESSIONS = ("backup", "restore")
_MARGIN = 15.0  # seconds before the end of a hold at which an agent begins to end, or a quarter of what is left
_PATIENCE = 5.0  # seconds between two looks at whether the run is still ours


class Means(Protocol):
    """What it is done with: see :class:`freezer.scheduler.execution.executor.LocalExecutor`."""

    stints: Stints
    clock: Clock
    command: tuple[str, ...]
    limits: Limits
    executes: bool
    grace: float

    def variables(self, job: Document) -> Mapping[str, str]: ...

    def policy_of(self, job: Document) -> Policy | None: ...


class Done(msgspec.Struct, frozen=True):
    """What became of the action; ``stopped``: somebody wants that nothing follows."""

    result: ActionResult
    stopped: bool = False


class Attempts:
    """Of the action that is ``number`` within the job."""

    def __init__(self, means: Means, hold: Hold, office: Office, orders: Orders, number: int, action: Action) -> None:
        self._means = means
        self._hold = hold
        self._office = office
        self._orders = orders
        self._number = number
        self._action = action
        self._run = hold.wanted.run_id

    def run(self) -> Done | None:
        """Until it is decided; None if it is left to somebody else."""
        refusal = self._refusal()
        if refusal is not None:
            return Done(_failed(refusal, self._now(), EXIT_USAGE))
        earlier = self._earlier()
        if not isinstance(earlier, int):
            return earlier
        return self._try(earlier)

    def _refusal(self) -> str | None:
        """Why this node does not do it."""
        if self._action.does.action == "exec" and not self._means.executes:
            return "the action exec is disabled on this node (disable_exec)"
        policy = self._means.policy_of(self._hold.wanted.job)
        return None if policy is None else policy.refusal(self._action.does)

    def _try(self, failed: int) -> Done | None:
        """Start stints, ``failed`` of which have failed already."""
        while True:
            order = self._orders.present()
            if order in ("leave", "lost"):
                return None
            if order == "abort" or (order == "close" and not self._action.mandatory):
                return Done(_aborted(order, self._now()), stopped=True)
            done = self._start()
            if done is None or done.stopped:
                return done
            if done.result.exit_code is None:  # it ended because nobody had told it that it may go on
                if not self._is_repeatable():
                    return done
                self._orders.wait(_PATIENCE)
                continue
            if failed >= self._retries() or not may_be_tried_again(done.result, repeatable=self._is_repeatable()):
                return done
            failed += 1
            self._say(f"it failed, and is tried again in {self._action.interval:g} seconds")
            self._pause()

    def _earlier(self) -> Done | int | None:
        """What earlier stints here, or tries elsewhere, have left: a result, or how many failures that count."""
        known = {
            each: folder for each, folder in self._means.stints.of(self._run).items() if each.action == self._number
        }
        for each, folder in known.items():
            living = children.found(folder, self._means.clock)
            if living is None:
                if folder.ending() is None:
                    children.end_marked(folder.path)  # it died while nobody watched
                folder.forget_secrets()
                continue
            try:
                if each == max(known) and self._is_ours(each):
                    return self._again(self._watch(living), each, known)
                living.end(self._means.grace)
            finally:
                living.close()
        return self._again(None, None, known)

    def _again(self, watched: Done | None, stint: Stint | None, known: Mapping[Stint, Folder]) -> Done | int | None:
        """What the endings say."""
        if stint is not None and (watched is None or watched.stopped):
            return watched
        failed = 0
        for each, folder in known.items():
            ending = folder.ending()
            if ending is None or ending.exit_code is None:
                if folder.entered() and not self._is_repeatable():
                    return Done(_failed(UNKNOWN, self._now()))
                continue
            result = self._settled(folder, ending)
            if result.state in ("success", "partial"):
                return Done(result)
            if each.fence != self._hold.fence:
                continue
            if failed >= self._retries() or not may_be_tried_again(result, repeatable=self._is_repeatable()):
                return Done(result)
            failed += 1
        if not known and self._number in self._hold.done and not self._is_repeatable():
            return Done(_failed(UNKNOWN, self._now()))
        return failed

    def _settled(self, folder: Folder, ending: Ending) -> ActionResult:
        Teller(folder, self._hold, self._office, self._means.clock).finish(ending)
        return judge(ending, folder.brief().begun)

    def _is_ours(self, stint: Stint) -> bool:
        """Whether nobody can have held the run between that try and ours."""
        theirs, ours = stint.fence, self._hold.fence
        return theirs.incarnation == ours.incarnation and ours.number - theirs.number in (0, 1)

    def _retries(self) -> int:
        """How often it may be tried again: behind a barrier not at all, since that would be another point in time."""
        return 0 if self._hold.barrier and self._is_first_of_its_kind() else self._action.retries

    def _is_repeatable(self) -> bool:
        return is_repeatable(self._action.does.action, self._hold.wanted.job)

    def _start(self) -> Done | None:
        """One stint, from its beginning to its end."""
        begun = self._now()
        try:
            config = config_of(self._action.does)
            variables = dict(self._means.variables(self._hold.wanted.job))
        except FreezerError as error:
            return Done(_failed(error.message, begun, EXIT_USAGE))
        stint = Stint(self._number, self._hold.fence, self._next())
        folder = Folder.make(self._means.stints.place(self._run, stint), self._brief(stint, begun), config, variables)
        # told before anything is done: whoever takes over elsewhere knows that something may have been
        self._office.tell(self._hold, Told(actions={self._number: ActionResult(state="running", started=begun)}))
        try:
            child = children.start(self._means.command, folder, surroundings(os.environ, folder.path))
        except FreezerError as error:
            folder.end(Ending(EXIT_FAILED, error.message, ended=self._now()))
            folder.forget_secrets()
            return Done(_failed(error.message, begun, EXIT_FAILED))
        try:
            return self._watch(child)
        finally:
            child.close()

    def _watch(self, child: Child) -> Done | None:
        teller = Teller(child.folder, self._hold, self._office, self._means.clock)
        watch = Watch(child, self._orders, teller, self._means.clock, resumable=self._is_repeatable())
        ending, order = watch.run(self._means.grace)
        if ending is None or order == "lost":
            return None
        teller.finish(ending)
        return Done(judge(ending, child.folder.brief().begun), stopped=bool(order))

    def _brief(self, stint: Stint, begun: int) -> Brief:
        until = self._orders.until()
        left = until - self._means.clock.boottime()
        wanted = self._hold.wanted
        return Brief(
            run=self._run,
            action=self._number,
            fence=self._hold.fence,
            stint=stint.number,
            begun=begun,
            when=wanted.number if wanted.cause == "schedule" else 0,
            until=None if math.isinf(until) else until,
            margin=0.0 if math.isinf(until) else max(0.0, min(_MARGIN, left / 4)),
            limits=self._means.limits,
            policy=self._means.policy_of(wanted.job),
            barrier=self._hold.barrier if self._is_first_of_its_kind() else 0,
        )

    def _is_first_of_its_kind(self) -> bool:
        """Whether it is the action by which a member of a session takes part: the first that stores or brings back."""
        entries = actions_of(self._hold.wanted.job)
        return self._number == next((n for n, each in enumerate(entries) if each.does.action in _OF_SESSIONS), None)

    def _next(self) -> int:
        """The number of the next stint of this try."""
        mine = (each for each in self._means.stints.of(self._run) if each.action == self._number)
        return max((each.number for each in mine if each.fence == self._hold.fence), default=-1) + 1

    def _pause(self) -> None:
        """Let the interval pass, unless something else is wanted."""
        clock = self._means.clock
        end = clock.monotonic() + self._action.interval
        order: Order = ""
        while order in ("", "stop") and (left := end - clock.monotonic()) > 0:
            order = self._orders.wait(left)

    def _say(self, text: str) -> None:
        self._office.log(self._hold, f"freezer-scheduler: {self._action.does.action}: {text}\n")

    def _now(self) -> int:
        return int(self._means.clock.now())


def _failed(error: str, now: int, code: int | None = None) -> ActionResult:
    return ActionResult(state="failed", exit_code=code, error=error, started=now, ended=now)


def _aborted(order: Order, now: int) -> ActionResult:
    why = "the backup window has ended" if order == "close" else "it was not begun: the run was aborted"
    return ActionResult(state="aborted", error=why, started=now, ended=now)
