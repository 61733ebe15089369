"""Schedulers of a machine alone that are killed at any step of what they do.

``python -m support.dying`` loads everything once and then forks a scheduler for each order on standard input:
``{"home": DIR, "kill_at": N or null, "boot": TEXT}``. It looks at its job files until nothing is left to do, or kills
itself before or after the Nth thing that could matter to whoever comes after it. The answer is ``{"code": N, "steps":
N}``. ``boot`` is what it takes for the name of this start of the machine.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from freezer.clock import SystemClock
from freezer.scheduler import journal as journals
from freezer.scheduler.contract import Update
from freezer.scheduler.daemon import Daemon, Parts
from freezer.scheduler.execution import attempts, child
from freezer.scheduler.execution.executor import LocalExecutor
from freezer.scheduler.execution.stints import Stints
from freezer.scheduler.journal import Journal
from freezer.scheduler.office.alone import Alone
from freezer.scheduler.source.files import JobFiles
from freezer.stint import identity, lock
from freezer.stint.folder import Folder

AGENT = """
import json, os, sys, time
folder, home = sys.argv[2], os.environ["HOME"]
def write(name, what):
    with open(os.path.join(folder, name + ".new"), "w") as file:
        json.dump(what, file)
    os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
brief = json.load(open(os.path.join(folder, "brief.json")))
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
write("agent.json", {"boot": open(os.path.join(home, "boot")).read(), "pid": os.getpid(), "started": int(stat[19])})
name = f"{brief['run']}.{brief['action']}"
with open(os.path.join(home, "begun"), "a") as file:
    file.write(f"{name} {os.getpid()}\\n")
print("at work", flush=True)
time.sleep(float(os.environ["TZ"]))
try:
    os.close(os.open(os.path.join(home, "commits", name), os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
write("ending.json", {"exit_code": 0, "ended": 1, "report": {"action": "backup", "made": name}})
"""
"""In the place of the agent: at work for as long as TZ says (a variable that agents get), then it commits once."""

_MATTERS: list[tuple[Any, str]] = [
    *((Journal, name) for name in ("begin", "keep", "over", "deal")),
    *((Alone, name) for name in ("take", "tell", "log", "backup")),
    *((Folder, name) for name in ("make", "_replace", "forget_secrets")),
    (Stints, "remove"),
    (lock, "take"),
    (child, "start"),
    (attempts.Watch, "run"),
]


class Steps:
    """Counts them, and ends the process at one."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def step(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)
        bound = not isinstance(owner, type) or hasattr(real, "__self__")

        @functools.wraps(real)
        def stepping(*args: Any, **named: Any) -> Any:
            self.step()
            result = real(*(args[1:] if bound and isinstance(owner, type) else args), **named)
            self.step()
            return result

        setattr(owner, name, classmethod(stepping) if bound and isinstance(owner, type) else stepping)


def schedule(home: Path, kill_at: int | None, boot: str) -> int:
    """Look until nothing is left to do; how many steps that took."""
    steps = Steps(kill_at)
    for owner, name in _MATTERS:
        steps.watch(owner, name)
    identity.boot_id = journals.boot_id = lambda: boot
    (home / "boot").write_text(boot)
    clock = SystemClock()
    journal = Journal(str(home / "state"))
    source = JobFiles(str(home / "jobs"), journal, clock)
    office = Alone(journal, source.path_of, str(home / "logs"), clock)
    command = (sys.executable, "-S", "-E", "-c", AGENT)
    executor = LocalExecutor(str(home / "state" / "runs"), clock, command=command, grace=1.0)
    daemon = Daemon(Parts(source, office, executor), journal, clock, concurrent=4)
    daemon.adopt()
    daemon.heard(Update(source.read(), complete=True))
    for _ in range(2):
        daemon.look()
        for worker in daemon.workers():
            worker.join(60)
    journal.close()
    return steps.count


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        forked = os.fork()
        if forked == 0:
            os.environ["HOME"], os.environ["TZ"] = order["home"], order["work"]
            count = schedule(Path(order["home"]), order["kill_at"], order["boot"])
            os.write(writing, str(count).encode())
            os._exit(0)
        os.close(writing)
        _, status = os.waitpid(forked, 0)
        # an agent that lives has no part of the pipe: children get no descriptors
        counted = os.read(reading, 20)
        os.close(reading)
        answer = {"code": os.waitstatus_to_exitcode(status), "steps": int(counted or 0)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
