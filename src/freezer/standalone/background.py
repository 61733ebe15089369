"""The supervisor as a process of its own: started, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from freezer.clock import Clock
from freezer.errors import FreezerError, NotBuiltError
from freezer.standalone import locks
from freezer.standalone.home import Home, Plan
from freezer.standalone.ports import answers
from freezer.standalone.repository import environment
from freezer.standalone.services import services
from freezer.standalone.supervisor import end_orphans, forget_state, last_line, read_state

_LOOK_SECONDS = 0.05
_LISTENING = "listening on "
_START_SECONDS = 60.0
_STOP_SECONDS = 90.0


def is_up(home: Home) -> bool:
    """Whether a supervisor runs."""
    return locks.holder(home.lock("supervisor")) is not None


def is_listening(home: Home) -> bool:
    """Whether the API of this home has its port, by its own word."""
    return locks.holder(home.lock("api")) is not None and _LISTENING in last_line(home, "api")


def supervising(home: Home) -> list[str]:
    """The command line of the supervisor."""
    return [sys.executable, "-m", "freezer.cmd.freezer", "up", "--supervise", "--home", home.path]


def start(home: Home) -> None:
    """Start the supervisor if it does not run."""
    if is_up(home):
        return
    forget_state(home)
    with open(home.at("log", "supervisor.out"), "wb", opener=_private) as output:
        subprocess.Popen(
            supervising(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home.path,
            env=environment(home),
            start_new_session=True,
            umask=0o077,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def wait_for_api(home: Home, plan: Plan, clock: Clock) -> None:
    """Return once the API takes connections; FreezerError with what it said if it does not."""
    limit = clock.monotonic() + _START_SECONDS
    # Its own word counts: on its port another program may answer.
    while not (_LISTENING in last_line(home, "api") and answers("127.0.0.1", plan.port)):
        known = read_state(home).services.get("api")
        if known and known.failures:
            raise FreezerError(f"the API does not start: {known.said}", hint=f"see {home.log('api')}")
        if clock.monotonic() > limit:
            said = last_line(home, "api") or last_line(home, "supervisor") or "it says nothing"
            raise FreezerError(f"the API did not start within {_START_SECONDS:.0f} s: {said}")
        clock.sleep(_LOOK_SECONDS)


def stop(home: Home, plan: Plan, clock: Clock) -> bool:
    """End the supervisor and its services; whether there was anything to end."""
    if sys.platform == "win32":
        raise NotBuiltError("freezer up runs on Linux only")
    process = locks.holder(home.lock("supervisor"))
    wanted = services(home, plan)
    if process is None:
        orphans = any(locks.holder(home.lock(each.name)) is not None for each in wanted)
        end_orphans(home, wanted, clock)
        return orphans
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    limit = clock.monotonic() + _STOP_SECONDS
    while is_up(home):
        if clock.monotonic() > limit:
            raise FreezerError(f"process {process} did not end within {_STOP_SECONDS:.0f} s", hint="see freezer status")
        clock.sleep(_LOOK_SECONDS)
    end_orphans(home, wanted, clock)
    return True
