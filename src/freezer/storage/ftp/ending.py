"""How the sending of data ends."""

from __future__ import annotations

import selectors
import socket
import ssl
from contextlib import suppress

from freezer.storage.ftp.login import PATIENCE


def end_sending(channel: socket.socket) -> None:
    """Say over a data connection that nothing more comes.

    Nobody waits for the server to say the same: that would take a round trip, not every server does, and its reply on
    the control connection is what counts.
    """
    with suppress(OSError, ValueError):
        if isinstance(channel, ssl.SSLSocket):
            _end_tls(channel)
        channel.shutdown(socket.SHUT_WR)


def _end_tls(channel: ssl.SSLSocket) -> None:
    channel.setblocking(False)
    with suppress(ssl.SSLWantReadError), selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_WRITE)
        while selector.select(PATIENCE):
            with suppress(ssl.SSLWantWriteError):
                channel.unwrap()
                return
