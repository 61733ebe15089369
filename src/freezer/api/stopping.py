"""Knowing that this process is to end, before the server has finished what it is doing.

A WSGI server tells its application nothing: on SIGTERM it takes no new requests and waits for those in flight. Those
that wait for news themselves would be waited for in vain. Python can write the number of every signal that it handles
to a descriptor, whoever handles it, which does not get in the server's way.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

_ENDING = {signal.SIGTERM, signal.SIGINT}
if sys.platform != "win32":
    _ENDING.add(signal.SIGQUIT)
_MOST_AT_ONCE = 64


def watch_signals(stopping: threading.Event) -> None:
    """Set ``stopping`` when a signal asks this process to end. Only in the main thread."""
    reading, writing = os.pipe()
    if sys.platform != "win32":
        os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, stopping), name="freezer-stopping", daemon=True).start()


def _watch(reading: int, stopping: threading.Event) -> None:
    while not stopping.is_set():
        if _ENDING.intersection(os.read(reading, _MOST_AT_ONCE)):
            stopping.set()
