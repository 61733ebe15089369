"""Threads that work on one stream: one lock, the first error, and an end for all of them together."""

from __future__ import annotations

import threading
from collections.abc import Callable

from freezer.clock import Interrupted, interruptible


class Stopped(Exception):
    """How a thread learns that its work is not wanted any more: another one failed or the crew was dismissed."""


class Crew:
    """Shared state is changed while holding ``changed``, followed by ``changed.notify_all()``.

    ``error`` is the first thing that went wrong in any of the threads; from then on all of them stop as soon as they
    wait for something, and at once if they sleep (for a storage with a speed limit, or before it tries again).
    """

    def __init__(self, name: str) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None
        self.running = 0
        self._stop = threading.Event()
        self._name = name
        self._threads: list[threading.Thread] = []

    def start(self, role: str, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of its own. Threads are daemons: one that hangs in a system call must not keep a
        program from ending."""

        def run() -> None:
            try:
                with interruptible(self._stop):
                    work()
            except (Stopped, Interrupted):
                pass
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for us
                self.fail(error)
            finally:
                with self.changed:
                    self.running -= 1
                    self.changed.notify_all()

        with self.changed:
            self.running += 1
        thread = threading.Thread(target=run, name=f"{self._name}-{role}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait_for(self, ready: Callable[[], object], *, poll: Callable[[], None] | None = None) -> None:
        """Wait, holding ``changed``, until ``ready()`` is true; :class:`Stopped` if there is an error first.

        ``poll`` is called ten times a second meanwhile; what it raises is raised here.
        """
        while self.error is None and not ready():
            self.changed.wait(0.1 if poll else None)
            if poll:
                poll()
        if self.error is not None:
            raise Stopped

    def fail(self, error: BaseException) -> None:
        """Stop everybody because of ``error``; only the first one counts."""
        with self.changed:
            self.error = self.error or error
            self._stop.set()
            self.changed.notify_all()

    def dismiss(self, timeout: float) -> None:
        """Stop everybody and wait until they have, but no longer than ``timeout`` seconds for each."""
        self.fail(Stopped())
        for thread in self._threads:
            thread.join(timeout)
