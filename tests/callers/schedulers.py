"""Schedulers and APIs of both kinds as programs, and somebody who looks at what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.cache import cache, environment
from support.wsgi import OverHttp

HERE = Path(__file__).parent
PATIENCE = 180.0
PROJECT = "5f6c0de2a1b94b7e8f3d2c1b0a998877"


def upstream() -> Path:
    """The programs of freezer 19.0.0."""
    requirements = HERE.parent / "interop" / "requirements-upstream.txt"
    return environment(cache("interop"), requirements, "upstream", importing="freezer.main")


def upstream_api() -> Path:
    """The programs of freezer-api 19.0.0."""
    requirements = HERE.parents[1] / "benchmarks" / "api" / "requirements-upstream.txt"
    return environment(cache("interop"), requirements, "freezer-api", importing="freezer_api")


@contextmanager
def serving_upstream(bin: Path, folder: Path) -> Iterator[str]:
    """The original's API; the address below which the project is."""
    with _program([bin / "python", HERE / "upstream_api.py", folder], {}, folder, "api") as said:
        wait(lambda: said().rstrip().rpartition("\n")[2].startswith("http"), True, said)
        yield said().rstrip().rpartition("\n")[2] + f"/v2/{PROJECT}"


@contextmanager
def ours(env: Mapping[str, str], client: str, folder: Path) -> Iterator[Callable[[], str]]:
    """Our scheduler, on a state directory in ``folder``; what it has said."""
    config = folder / f"{client}.conf"
    config.write_text(
        f"[scheduler]\nclient_id = {client}\ninterval = 1\nconcurrent_jobs = 4\n"
        f"state_dir = {folder / f'state-{client}'}\njobs_dir = {folder / f'jobs-{client}'}\n"
    )
    words = [sys.executable, "-m", "freezer.cmd.scheduler", "start", "--no-daemon", "--config-file", config]
    with _program(words, {**env, "PATH": _path(Path(sys.executable).parent)}, folder, client) as said:
        yield said


@contextmanager
def theirs(bin: Path, env: Mapping[str, str], client: str, folder: Path) -> Iterator[Callable[[], str]]:
    """The original's scheduler 19.0.0; what it has said."""
    agent = folder / "bin" / "freezer-agent"  # the script itself has the path where it was first installed
    agent.parent.mkdir(exist_ok=True)
    agent.write_text(f'#!/bin/sh\nexec "{bin}/python" "{bin}/freezer-agent" "$@"\n')
    agent.chmod(0o755)
    words = [bin / "python", bin / "freezer-scheduler", "-c", client, "-i", "1", "-f", folder / f"jobs-{client}"]
    with _program([*words, "--no-daemon", "start"], {**env, "PATH": _path(agent.parent)}, folder, client) as said:
        yield said


def _path(bin: Path) -> str:
    return f"{bin}:{os.environ['PATH']}"


@contextmanager
def _program(words: list[Any], env: Mapping[str, str], folder: Path, name: str) -> Iterator[Callable[[], str]]:
    said = folder / f"{name}.log"
    around = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONWARNINGS": "ignore", "LC_ALL": "C.UTF-8"}
    with said.open("wb") as out:
        process = subprocess.Popen(
            [str(each) for each in words], env={**around, **env}, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            yield lambda: said.read_text(errors="replace")[-6000:]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait(look: Callable[[], object], wanted: object, *said: Callable[[], str]) -> None:
    """Return when ``look`` finds what is wanted; or fail with what it found last, and what the programs have said."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != wanted:
        words = [f"found: {found!r}", f"wanted: {wanted!r}", *(each() for each in said)]
        assert time.monotonic() < deadline, "\n".join(words)
        time.sleep(0.2)


@dataclass(frozen=True)
class Watcher:
    """Somebody who asks the API at ``base``, below the project."""

    base: str
    headers: Mapping[str, str]

    def send(self, method: str, path: str, document: object = None) -> Any:
        """The answer, whatever it is."""
        return OverHttp(self.base).send(method, "/" + self.base.split("/", 3)[3] + path, document, **self.headers)

    def get(self, path: str, search: object = None) -> Any:
        """A document."""
        answer = self.send("GET", path, search)
        assert answer.status == 200, answer
        return answer.json()

    def made(self, path: str, document: object) -> Any:
        """What was made."""
        answer = self.send("POST", path, document)
        assert answer.status in {201, 202}, answer
        return answer.json()

    def schedule(self, job: str) -> Any:
        """How a job is."""
        return self.get(f"/jobs/{job}")["job_schedule"]

    def ask(self, job: str, event: str) -> None:
        """Ask for an event."""
        self.made(f"/jobs/{job}/event", {event: None})

    def job(self, client: str, action: Mapping[str, object], **schedule: object) -> str:
        """Make a job."""
        entry = {"freezer_action": action, "max_retries": 0, "max_retries_interval": 1}
        document = {"client_id": client, "job_actions": [entry], "job_schedule": schedule}
        return str(self.made("/jobs", document)["job_id"])

    def is_known(self, client: str) -> bool:
        """Whether the client is registered."""
        return bool(self.send("GET", f"/clients/{client}").status == 200)

    def state(self, job: str) -> tuple[Any, ...]:
        """Status, result and event of a job."""
        schedule = self.schedule(job)
        return schedule.get("status"), schedule.get("result"), schedule.get("event") or ""

    def standing(self, job: str) -> tuple[Any, Any]:
        """Status of a job, and the event that is asked for and not answered."""
        status, _, event = self.state(job)
        return status, event

    def backed_up(self, name: str) -> list[Any]:
        """What the backups of that name are of."""
        found = self.get("/backups", {"match": [{"backup_name": name}]})["backups"]
        return [each["backup_metadata"]["path_to_backup"] for each in found]
