"""Becoming a daemon, and hearing signals as one."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from freezer.errors import EXIT_FAILED, EXIT_OK

_LONGEST_NOTE = 65_536
_HEARD = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")


def in_background(main: Callable[[Callable[[], None]], int], say: Callable[[str], None]) -> int:
    """Do ``main`` in a process of its own that has no terminal, and end when it calls what it is given, or ends itself:
    the exit code is then its own, and what it has written to standard error is said. Not on Windows."""
    if sys.platform == "win32":
        raise AssertionError("there is no fork on Windows")
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    first = os.fork()
    if first:
        os.close(write)
        note = _read_all(read)
        os.waitpid(first, 0)
        if text := note.rstrip(b"\n\0"):
            say(text.decode(errors="backslashreplace"))
        return EXIT_OK if note.endswith(b"\0") else EXIT_FAILED
    os.close(read)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(write, 2)
    os.close(write)

    def ready() -> None:
        sys.stderr.flush()
        with suppress(OSError):
            os.write(2, b"\0")
        os.dup2(nowhere, 2)

    code = EXIT_FAILED
    try:
        code = main(ready)
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _read_all(fd: int) -> bytes:
    note = b""
    while len(note) < _LONGEST_NOTE and (more := os.read(fd, _LONGEST_NOTE)):
        note += more
    os.close(fd)
    return note


def harden() -> None:
    """What this process makes is its user's alone, and its memory is never written to a file."""
    os.umask(0o077)
    if sys.platform != "win32":
        import resource

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def signals() -> Iterator[Iterator[int]]:
    """The numbers of the signals that ask the daemon for something, as they come. Only in the main thread."""
    near, far = socket.socketpair()
    for end in (near, far):
        end.setblocking(False)
    numbers = [signal.Signals[name] for name in _HEARD if name in signal.Signals.__members__]
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    wakeup = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
    try:
        yield _heard(near)
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, action in before.items():
            signal.signal(number, action)
        near.close()
        far.close()


def _heard(near: socket.socket) -> Iterator[int]:
    while True:
        select.select([near], [], [])
        with suppress(BlockingIOError):
            yield from near.recv(256)


def tell_systemd(state: str) -> None:
    """Say how we are to whoever started us and wants to know (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if sys.platform == "win32" or address[:1] not in {"/", "@"}:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect("\0" + address[1:] if address[0] == "@" else address)
        connection.send(state.encode())
