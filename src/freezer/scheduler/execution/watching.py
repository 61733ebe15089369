"""One stint, from its start or adoption to its ending."""

from __future__ import annotations

import math
import os
import signal

from freezer.clock import Clock
from freezer.errors import EXIT_OK
from freezer.scheduler.contract import Order, Orders
from freezer.scheduler.execution.child import GRACE, Child, end_marked
from freezer.scheduler.execution.judging import UNKNOWN
from freezer.scheduler.execution.telling import Teller
from freezer.stint import deadline
from freezer.stint.ending import Ending
from freezer.stint.folder import Folder

LOOK = 0.5
"""Seconds between two looks at what is asked of us while an agent runs; its end is seen at once."""

_LAST_LINE = 4096

ENDING_ORDERS: frozenset[Order] = frozenset({"abort", "lost"})


class Watch:
    """Watches ``child`` for whoever gives ``orders``, passing on what it says by ``teller``."""

    def __init__(self, child: Child, orders: Orders, teller: Teller, clock: Clock, *, resumable: bool) -> None:
        self._child = child
        self._orders = orders
        self._teller = teller
        self._clock = clock
        self._closing = ENDING_ORDERS | {"close"} if resumable else ENDING_ORDERS
        brief = child.folder.brief()
        self._told = math.inf if brief.until is None else brief.until
        self._margin = brief.margin
        self._limit = brief.limits.seconds
        self._begun = brief.begun

    def run(self, grace: float = GRACE) -> tuple[Ending | None, Order]:
        """How it ended, and by which order if it did so by one; no ending if we are to leave it as it is."""
        while not self._child.wait(LOOK):
            self._teller.look()
            order = self._orders.present()
            if order == "leave":
                return None, order
            if order in self._closing:
                self._child.end(grace)
                return self._ended(f"ended by request ({order})"), order
            if self._limit is not None and self._clock.now() - self._begun > self._limit:
                self._child.end(grace)
                return self._ended(f"it took more than the {self._limit:g} seconds that it may take", code=1), ""
            self._prolong()
        return self._ended(None), ""

    def _prolong(self) -> None:
        until = self._orders.until()
        if until > self._told and deadline.tell(self._child.folder.path, until):
            self._told = until

    def _ended(self, reason: str | None, code: int | None = None) -> Ending:
        """What it said itself, or else what can be said of it; durable from now on."""
        folder = self._child.folder
        said = folder.ending()
        if said is None:
            said = self._unsaid(folder, reason, code)
            folder.end(said)
        folder.forget_secrets()
        return said

    def _unsaid(self, folder: Folder, reason: str | None, code: int | None) -> Ending:
        status = self._child.exit_code()
        now = int(self._clock.now())
        if reason is not None:
            return Ending(code if code is not None else -signal.SIGTERM, reason, ended=now)
        if status is None or status < 0:
            end_marked(folder.path)  # it could not end what it had started
        if status is None:
            return Ending(None, UNKNOWN, ended=now)
        if status < 0 and self._clock.boottime() > self._told - self._margin:
            # it came to its deadline before it could write down why it ends
            return Ending(None, "nobody has said in time that it may go on", ended=now)
        if status < 0:
            return Ending(status, f"the agent was killed by {_name(-status)}", ended=now)
        return Ending(status, None if status == EXIT_OK else _last_line(folder, status), ended=now)


def _name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _last_line(folder: Folder, status: int) -> str:
    """What an agent that says nothing for programs has said to people."""
    try:
        with open(folder.log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_LINE))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    said = f": {lines[-1]}" if lines else ""
    return f"the agent ended with exit status {status}{said}"
