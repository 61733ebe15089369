"""Later deadlines, told to an agent through a socket in its run directory.

One datagram holds one deadline: a reading of the clock ``boottime``, which all processes of a machine share. The
greatest one counts. Paths of sockets are short; so the directory is named by an open descriptor.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator

from freezer.errors import NotBuiltError

_NAME = "control"
_FORM = struct.Struct("!d")


class Listener:
    """The agent's end."""

    def __init__(self, folder: str) -> None:
        self._socket = _socket()
        with _short(folder) as short, contextlib.suppress(FileNotFoundError):
            os.unlink(f"{short}/{_NAME}")
        with _short(folder) as short:
            self._socket.bind(f"{short}/{_NAME}")

    def wait(self, seconds: float | None) -> float | None:
        """The next deadline that is told, None if none is within ``seconds``."""
        self._socket.settimeout(None if seconds is None else max(seconds, 0.001))
        try:
            data = self._socket.recv(64)
        except TimeoutError:
            return None
        return float(_FORM.unpack(data)[0]) if len(data) == _FORM.size else None


def tell(folder: str, until: float) -> bool:
    """Tell the agent of a run directory that it may go on until then; False if it does not listen (yet, any more)."""
    with _short(folder) as short, contextlib.closing(_socket()) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(_FORM.pack(until), f"{short}/{_NAME}")
        except OSError:
            return False
    return True


def _socket() -> socket.socket:
    if sys.platform == "win32":
        raise NotBuiltError("a scheduler runs agents on Linux only")
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@contextlib.contextmanager
def _short(folder: str) -> Iterator[str]:
    if sys.platform != "linux":
        yield folder
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
