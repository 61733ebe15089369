"""Programs that run in the background, and ports for them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from servers.environment import UnavailableError

HOST = "127.0.0.1"
_PORTS = range(20000, 32000)  # below those that the kernel gives to outgoing connections
_GRACE = 3.0
_START = 120.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):  # whatever seed several processes share
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise UnavailableError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")


def free_range(count: int) -> Sequence[int]:
    """So many ports in a row that nobody listens on."""
    while True:
        (start,) = free_ports(1)
        ports = range(start, start + count)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in ports:
                stack.enter_context(socket.create_server((HOST, port)))
            return ports


class Programs:
    """The programs of one server, with their logs in ``folder``; ends them all, with what they have started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[object], env: Mapping[str, str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                env=dict(env), start_new_session=True,
            )  # fmt: skip

    def wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        """Return when ``name`` is ready; :class:`UnavailableError` with its log if it dies or takes too long."""
        deadline = time.monotonic() + _START
        while not ready():
            if self._running[name].poll() is not None or time.monotonic() > deadline:
                raise UnavailableError(f"{name} did not start: {self.log(name)[-3000:]}")
            time.sleep(0.1)

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            _signal(process, signal.SIGKILL)  # and what it has started
            process.wait()
        self._running.clear()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def fetch(request: urllib.request.Request) -> tuple[Mapping[str, str], bytes]:
    """Headers and body of the answer. A connection that the server closes unanswered (uWSGI does that now and then) is
    made anew."""
    for last in (False, False, False, True):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.headers, answer.read()
        except ConnectionResetError:  # RemoteDisconnected is one
            if last:
                raise
            time.sleep(0.3)
    raise AssertionError


def answers(url: str) -> bool:
    """Whether a web server answers at ``url`` without an error of its own."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
