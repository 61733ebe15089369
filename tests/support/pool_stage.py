"""Several central schedulers, an API, a repository, and projects with jobs; and whatever can befall them.

Everything is a real process. Jobs back small trees up into one repository of the dedup engine, each once, so that what
must be there in the end is known.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.clock import SystemClock
from freezer.model.runs import OVER, run_id
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.protocol.backups import history
from freezer.storage.local.storage import LocalStorage
from servers.environment import run
from servers.processes import HOST, Programs, answers, free_ports

CLIENT = "pool"
LEASE = 3
_SHORT = 60
_API = """
[database]
connection = sqlite:///{folder}/api.db
[api]
auth = none
bind_host = {host}
bind_port = {port}
threads = 24
access_log = false
[centralized_scheduler]
tenants_may_set = path_to_backup
"""
_MEMBER = """
[DEFAULT]
log_file = {folder}/log
[scheduler]
client_id = {client}
centralized_scheduler = {central}
concurrent_jobs = {workers}
lease_seconds = {lease}
tenants_may_set = path_to_backup
state_dir = {folder}
jobs_dir = {folder}/jobs
no_daemon = true
[capabilities]
supported_actions = all
supported_modes = all
supported_storages = all
supported_engines = tar, dedup
"""


def scheduler(
    config: Path, folder: Path, agent: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """The program, in the foreground, with the home ``folder``, where ``out`` has its words. ``agent``: the command of
    agents, the real one if it is empty."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "support.pool_member", str(config), *agent]
    with (folder / "out").open("ab") as out:
        return subprocess.Popen(
            command,
            env={**env, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


class Member:
    """A scheduler of the pool with a machine's state of its own."""

    def __init__(self, stage: Stage, number: int, agent: Sequence[str]) -> None:
        self.folder = stage.folder / f"member-{number}"
        self.folder.mkdir(mode=0o700)
        config = _MEMBER.format(
            folder=self.folder, client=CLIENT, workers=stage.workers, lease=LEASE, central=str(stage.central).lower()
        )
        (self.folder / "scheduler.conf").write_text(config)
        self._agent = agent
        self.environment = {"OS_BACKUP_URL": f"{stage.url}/v2/default"}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._process = scheduler(self.folder / "scheduler.conf", self.folder, self._agent, self.environment)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Without a word; its agents go on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def agents(self) -> list[int]:
        """The processes of the agents that it has started, or one before it."""
        found = []
        for name in os.listdir("/proc"):
            with suppress(OSError):
                if name.isdigit() and f"{self.folder}/runs/".encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                    found.append(int(name))
        return found

    def said(self) -> str:
        """All it has written."""
        return "\n".join(each.read_text(errors="replace") for each in self.folder.glob("*") if each.name in "log out")


class Stage:
    """The whole of it, below ``folder``, not begun. ``agent``: the command of agents, the real one if it is empty. If
    not ``central``, the members are schedulers of one node: machines that were given the same client id."""

    def __init__(
        self,
        folder: Path,
        *,
        members: int = 3,
        workers: int = 4,
        agent: Sequence[str] = (),
        central: bool = True,
    ) -> None:
        self.folder = folder
        self.workers = workers
        self.central = central
        self.asleep = folder / "asleep"
        """Where agents leave their number that have stopped themselves."""
        self.asleep.mkdir()
        (port,) = free_ports(1)
        self.url = f"http://{HOST}:{port}"
        self._programs = Programs(folder)
        self._serve(port)
        self.repository = founding.init(
            LocalStorage(str(folder / "container"), clock=SystemClock()), SystemClock(), Plan(Opener())
        )
        self.api = Api(Wire(Standalone(f"{self.url}/v2/default", "default"), SystemClock()))
        self.api.clients.create({
            "client_id": CLIENT, "is_central": central, "supported_actions": ["backup"], "supported_modes": ["fs"],
            "supported_storages": ["local"], "supported_engines": ["dedup"],
        })  # fmt: skip
        self.members = [Member(self, number, agent) for number in range(members)]
        self.due: dict[str, int] = {}
        """When each job is due, by its id."""
        self.projects: dict[str, str] = {}

    def _serve(self, port: int) -> None:
        config = self.folder / "freezer-api.conf"
        config.write_text(_API.format(folder=self.folder, host=HOST, port=port))
        bin = Path(sys.executable).parent
        run([bin / "freezer-manage", "--config-file", config, "db", "sync"])
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONWARNINGS": "ignore"}
        self._programs.start("api", [bin / "freezer-api", "--config-file", config], env)
        self._programs.wait_for("api", lambda: answers(f"{self.url}/healthcheck"))

    def add_member(self, agent: Sequence[str] = ()) -> Member:
        """One more, not begun."""
        self.members.append(Member(self, len(self.members), agent))
        return self.members[-1]

    def wake_all(self) -> None:
        """Let every agent go on."""
        for member in self.members:
            for pid in member.agents():
                _wake(pid)

    def job(self, project: str, due: float) -> str:
        """A job of a project, due once."""
        name = f"b{len(self.due)}"
        source = self.folder / "sources" / name
        source.mkdir(parents=True)
        (source / "file").write_text(name * 50)
        action = {
            "action": "backup", "mode": "fs", "engine_name": "dedup", "storage": "local",
            "container": str(self.folder / "container"), "path_to_backup": str(source), "backup_name": name,
        }  # fmt: skip
        moment = datetime.fromtimestamp(int(due), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = self.api.of_project(project).jobs.create(
            {
                "client_id": CLIENT,
                "job_schedule": {"schedule_date": moment},
                "job_actions": [{"freezer_action": action, "max_retries": 3, "max_retries_interval": 1}],
            }
        )
        self.due[made], self.projects[made] = int(due), project
        return made

    def committed(self) -> Counter[str]:
        """How many backups there are of each run."""
        notices: list[str] = []
        found = history(self.repository, None, notices.append).backups()
        return Counter(each.summary.run.split(".")[0] for each in found)

    def states(self) -> Mapping[str, str]:
        """What has become of the run of each job."""
        found = self.api.runs.each(**({"served_by": CLIENT} if self.central else {}))
        by_id = {str(each["run_id"]): str(each["state"]) for each in found}
        return {job: by_id.get(run_id(job, "schedule", due), "none") for job, due in self.due.items()}

    def settle(self, seconds: float, *, wakes: bool = True) -> Mapping[str, str]:
        """Let everything that is due come to its end, waking whoever falls asleep (``wakes``); how it ended."""
        deadline = time.monotonic() + seconds
        while True:
            for file in self.asleep.iterdir() if wakes else ():
                _wake(int(file.name))
                file.unlink()
            states = self.states()
            if all(each in OVER for each in states.values()) or time.monotonic() > deadline:
                return states
            time.sleep(0.5)

    def end(self) -> None:
        """End everything."""
        for member in self.members:
            if member.runs:
                member.kill()
            for pid in member.agents():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.api.close()
        self._programs.stop()


class Mischief:
    """Kills and stops members and agents at random, for longer than leases last; each comes back."""

    def __init__(self, stage: Stage, chance: random.Random, counted: Counter[str]) -> None:
        self._stage = stage
        self._chance = chance
        self._counted = counted
        self._later: list[tuple[float, Any]] = []

    def go_on(self, seconds: float) -> None:
        """For so long, then put everything back in order. The longer, the more seldom: some work must get done."""
        ends = time.monotonic() + seconds
        pause = 0.2 if seconds < _SHORT else 1.0
        while time.monotonic() < ends:
            self._strike()
            time.sleep(self._chance.uniform(pause, 5 * pause))
            self._restore(time.monotonic())
        self._restore(float("inf"))

    def _strike(self) -> None:
        member = self._chance.choice([each for each in self._stage.members if each.runs] or self._stage.members)
        agents = member.agents()
        deed = self._chance.choice(("kill", "stop", "stop agent", "stop agent", "stop both", "kill agent"))
        if not member.runs or ("agent" in deed and not agents):
            return
        self._counted[deed] += 1
        back = time.monotonic() + self._chance.uniform(1.5, 3.0) * LEASE
        if deed == "kill":
            member.kill()
            self._later.append((time.monotonic() + self._chance.uniform(0, 2.5) * LEASE, member.start))
        if deed in ("stop", "stop both"):
            member.send(signal.SIGSTOP)
            self._later.append((back, lambda: member.runs and member.send(signal.SIGCONT)))
        for pid in agents if "agent" in deed or deed == "stop both" else ():
            number = signal.SIGKILL if deed == "kill agent" else signal.SIGSTOP
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            self._later.append((back, lambda pid=pid: _wake(pid)))

    def _restore(self, now: float) -> None:
        for file in self._stage.asleep.iterdir():
            self._counted["slept before its commit"] += 1
            self._later.append((time.monotonic() + 2.2 * LEASE, lambda pid=int(file.name): _wake(pid)))
            file.unlink()
        for each in [each for each in self._later if each[0] <= now]:
            self._later.remove(each)
            each[1]()
        if now == float("inf"):
            for member in self._stage.members:
                if not member.runs:
                    member.start()
                member.send(signal.SIGCONT)
                for pid in member.agents():
                    _wake(pid)


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
