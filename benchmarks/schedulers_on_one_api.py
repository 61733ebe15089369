"""What it costs a scheduler to ask an API, and an API to have many schedulers.

``python -m benchmarks.schedulers_on_one_api --real 20 --simulated 180 --jobs 100`` starts ``freezer-api`` on an empty
SQLite database, makes the jobs, lets so many schedulers follow them, real ones as processes and simulated ones through
``freezer.client``, has each claim, renew and end runs, and prints figures as JSON. Latencies are those that the
simulated ones see; questions that wait for changes are not counted. They begin one after the other within
``--every`` seconds, as they do where machines have lives of their own: who starts all at once measures the start.
Each executes a run ``--every`` so many seconds, four requests that write: 36 for 180 are 20 a second.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from freezer.client import Api
from freezer.client.opening import open_api
from freezer.clock import SystemClock
from freezer.errors import ApiError, ApiUnavailable
from freezer.model.run_reports import Report
from freezer.model.runs import Claim
from freezer.scheduler.source.api import ApiSource
from freezer.testing.clock import FakeClock

_PROJECT = "default"
_ACTION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "container": "/c"}
_POLLS = 50
_STEPS = ("start", "claim", "renew", "report")

Latencies = dict[str, list[float]]
"""Seconds, by kind of request."""


@contextmanager
def _api(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["freezer-api", "--auth", "none", "--port", str(port), "--database", f"sqlite:///{folder}/api.db"]
    program = str(Path(sys.executable).parent / words[0])
    with (folder / "api.log").open("wb") as log, subprocess.Popen([program, *words[1:]], stderr=log) as server:
        url = f"http://127.0.0.1:{port}/v2/{_PROJECT}"
        try:
            _wait_for(url)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    while True:
        try:
            with _open(url) as api:
                api.clients.create({"client_id": "first"})
            return
        except ApiUnavailable as error:
            print(error, file=sys.stderr)


def _open(url: str) -> Api:
    return open_api({"OS_BACKUP_URL": url, "OS_AUTH_TYPE": "none"}, home="/nonexistent")


def _prepare(url: str, clients: int, jobs: int) -> None:
    def one(client: int) -> None:
        with _open(url) as api:
            api.clients.create({"client_id": f"node{client}"})
            for number in range(jobs):
                schedule = {"schedule_interval": f"{number + 1} hours"}
                document = {"client_id": f"node{client}", "job_schedule": schedule}
                api.jobs.create({**document, "job_actions": [{"freezer_action": _ACTION}]})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(clients)))


def _polls(url: str, jobs: int) -> dict[str, float]:
    """CPU milliseconds of a question for changes when there are none, and of a list of all jobs."""
    clock = FakeClock()
    with open_api({"OS_BACKUP_URL": url, "OS_AUTH_TYPE": "none"}, home="/nonexistent", clock=clock) as api:
        updates = ApiSource(api, lambda: "node0", clock).follow(lambda: True)
        assert len(next(updates).jobs) == jobs
        last = api.changes.last()
        before = time.process_time()
        for _ in range(_POLLS):
            assert api.changes.after(last, client="node0").changes == ()
        asked = time.process_time() - before
        before = time.process_time()
        for _ in range(_POLLS):
            assert len(api.jobs.find(search={"match": [{"client_id": "node0"}]})) == jobs
        listed = time.process_time() - before
    return {"feed_ms": 1000 * asked / _POLLS, "list_ms": 1000 * listed / _POLLS}


def _simulate(url: str, client: str, delay: float, options: argparse.Namespace, latencies: Latencies) -> int:
    """Begin after ``delay`` seconds, follow the feed, and execute runs; how many."""
    time.sleep(delay)
    done, start = 0, time.monotonic()
    end = start + options.seconds
    with _open(url) as api:
        begun = time.monotonic()
        jobs = api.jobs.find(search={"match": [{"client_id": client}]})
        latencies["list"].append(time.monotonic() - begun)
        threading.Thread(target=_follow, args=(url, client, end), daemon=True).start()
        for number, job in enumerate(jobs, 1):
            done += _run(api, job, latencies)
            following = start + number * options.every
            if following > end:
                break
            time.sleep(max(following - time.monotonic(), 0))
    return done


def _follow(url: str, client: str, end: float) -> None:
    with _open(url) as api:
        for _ in api.changes.follow(client=client, going=lambda: time.monotonic() < end):
            pass


def _run(api: Api, job: dict[str, Any], latencies: Latencies) -> int:
    try:
        marks = [time.monotonic()]
        api.jobs.start(job["job_id"])
        marks.append(time.monotonic())
        lease, _ = api.runs.claim(Claim(job_id=job["job_id"], cause="event", holder="simulated"))
        marks.append(time.monotonic())
        api.runs.renew(lease)
        marks.append(time.monotonic())
        fence = lease.fence
        api.runs.report(
            lease.run_id, Report(incarnation=fence.incarnation, fence=fence.number, sequence=1, state="success")
        )
        marks.append(time.monotonic())
    except ApiError as error:
        print(error, file=sys.stderr)
        return 0
    for name, (earlier, later) in zip(_STEPS, pairwise(marks), strict=True):
        latencies[name].append(later - earlier)
    return 1


def _shown(latencies: Latencies) -> dict[str, float]:
    """Milliseconds that half of the requests take at most, and 99 in 100; all of them, and each kind."""
    every = [each for name in latencies for each in latencies[name]]
    cuts = {name: statistics.quantiles(some, n=100) for name, some in {"all": every, **latencies}.items() if some}
    return {f"{name}_p{part}_ms": 1000 * each[part - 1] for name, each in cuts.items() for part in (50, 99)}


@contextmanager
def _real(url: str, folder: Path, count: int, spread: float) -> Iterator[list[subprocess.Popen[bytes]]]:
    programs = []
    env = {**os.environ, "OS_BACKUP_URL": url, "OS_AUTH_TYPE": "none", "HOME": str(folder)}
    for number in range(count):
        config = folder / f"{number}.conf"
        place = folder / f"state{number}"
        config.write_text(f"[scheduler]\nclient_id = node{number}\nstate_dir = {place}\njobs_dir = {place}/jobs\n")
        words = ["-m", "freezer.cmd.scheduler", "start", "--no-daemon", "--config-file", str(config)]
        with (folder / f"{number}.log").open("wb") as log:
            programs.append(subprocess.Popen([sys.executable, *words], env=env, stderr=log))
        time.sleep(spread / count)
    try:
        yield programs
    finally:
        for each in programs:
            each.terminate()
        for each in programs:
            each.wait()


def _cpu(program: subprocess.Popen[bytes]) -> float:
    words = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Schedulers on one API")
    for name, usual in (("real", 20), ("simulated", 180), ("jobs", 100), ("seconds", 120), ("every", 36)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name, _api(Path(name)) as url:
        _prepare(url, options.real + options.simulated, options.jobs)
        found: dict[str, Any] = {**vars(options), **_polls(url, options.jobs)}
        latencies: Latencies = defaultdict(list)
        with (
            _real(url, Path(name), options.real, options.every) as programs,
            ThreadPoolExecutor(options.simulated or 1) as pool,
        ):
            clock.sleep(15)
            before, begun = [_cpu(each) for each in programs], clock.monotonic()

            def one(number: int) -> int:
                delay = options.every * number / options.simulated
                return _simulate(url, f"node{options.real + number}", delay, options, latencies)

            runs = list(pool.map(one, range(options.simulated)))
            if not runs:
                clock.sleep(options.seconds)
            spent = [_cpu(each) - earlier for each, earlier in zip(programs, before, strict=True)]
            passed = clock.monotonic() - begun
        found |= {"runs": sum(runs), **_shown(latencies)}
        found["idle_cpu_percent"] = 100 * max(spent, default=0) / passed
        print(json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}))


if __name__ == "__main__":
    main()
