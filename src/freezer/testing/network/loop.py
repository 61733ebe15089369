"""Coroutines in a thread of their own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

HOST = "127.0.0.1"
PIECE = 1 << 16  # bytes that are passed on together
_ROUNDS = 10  # of the loop; connections are made and closed within three
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: forget what is not sent, and say so


class Loop:
    """An event loop in a thread; ``close`` ends every coroutine in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns, when it has."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    await _rounds()  # connections that were just accepted begin their work, or nobody would close them
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await _rounds()  # connections are closed


async def _rounds() -> None:
    """Let the loop do what it has begun."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection as a crashed peer does: what is on its way is lost."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def for_ever() -> None:
    """Wait until the loop is closed. (Who waits for an event that nobody else knows may be collected as garbage.)"""
    while True:
        await asyncio.sleep(3600.0)
