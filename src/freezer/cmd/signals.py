"""Ends the program when a signal asks for it: first clean up, then die by that very signal.

The first SIGINT, SIGTERM or SIGHUP is raised as :class:`Cancelled` in the main thread, wherever that is, so that every
context on the way out removes what it had begun. Then the program restores the signal's default action and sends it to
itself, because those who started it look for death by SIGTERM. A second signal kills at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

_RETRY = 0.05  # seconds until a cancellation that got lost is raised again


class Cancelled(BaseException):
    """A signal asked the program to end. No ordinary error: whoever catches it cleans up and lets it go on."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Signals become :class:`Cancelled` while the context lasts. Only in the main thread.

    A signal that was ignored when the program started (``nohup``, a background job) stays ignored. After a
    cancellation the next signal kills at once, within the context and behind it.
    """
    canceller = _Canceller()
    # None: an action that is not Python's to take away or put back
    before = {number: signal.getsignal(number) for number in _numbers()}
    watched = {number: action for number, action in before.items() if action not in (signal.SIG_IGN, None)}
    for number in watched:
        signal.signal(number, canceller)
    try:
        with _never_lost(canceller):
            yield
    finally:
        for number, action in watched.items():
            signal.signal(number, signal.SIG_DFL if canceller.cancelled else action)


class _Canceller:
    """The signal handler: cancels once."""

    cancelled = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.cancelled:
            die_by(number)
        self.cancelled = True
        raise Cancelled(number)


def die_by(number: int) -> NoReturn:
    """End this process as if nobody had caught signal ``number``."""
    if sys.platform != "win32":
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    # the first process of a container cannot be killed by its own default actions: shells call such an end 128 + n
    os._exit(128 + number)


def _numbers() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


@contextlib.contextmanager
def _never_lost(canceller: _Canceller) -> Iterator[None]:
    """Where an exception cannot be raised (a finalizer, a callback from C) Python reports it and goes on. That must not
    swallow a cancellation: shortly afterwards the signal is sent again, and counts as the first."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Cancelled):
            before(unraisable)
            return
        canceller.cancelled = False
        timer = threading.Timer(_RETRY, _signal_main_thread, (unraisable.exc_value.number,))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _signal_main_thread(number: int) -> None:
    if sys.platform == "win32":
        signal.raise_signal(number)
    elif (main := threading.main_thread().ident) is not None:
        # delivered to that thread, it also ends a call that blocks there
        signal.pthread_kill(main, number)
