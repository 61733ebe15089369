"""What the scheduler costs a machine: its start, its idling, and how punctually many jobs begin.

``python -m benchmarks.scheduler`` measures and prints a table; ``--jobs`` of them fall due within ``--minutes``, and
are executed by a small program in the place of the agent, which writes down when it is started.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

_PROGRAM = [sys.executable, "-m", "freezer.cmd.scheduler"]
_MEMBER = """
import sys
from freezer.scheduler import assembly
whole, agent = assembly.assemble, sys.argv.pop(1)
assembly.assemble = lambda *parts: whole(*parts, agent=(agent,))
from freezer.cmd.scheduler import main
sys.exit(main())
"""
_AGENT = """#!/bin/sh
date +%s.%N > "{folder}/begun/$(basename "$(dirname "$2")").$$"
exit 0
"""
_FIRST = 20  # seconds until the first of many jobs is due


def main() -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| | measured | at most |\n|---|---|---|")
        print(f"| start until it works, CPU | {_start(folder / 'start'):.2f} s | 0.4 s |")
        memory, share = _idle(folder / "idle", chosen.idle)
        print(f"| idle, memory (PSS) | {memory / 1024:.0f} MiB | 40 MiB |")
        print(f"| idle, of a processor | {share * 100:.3f} % | 0.1 % |")
        lags = sorted(_punctuality(folder / "many", chosen.jobs, chosen.minutes * 60))
        what = f"{chosen.jobs} jobs due within {chosen.minutes:g} minutes: agents started after"
        print(f"| {what}, median | {lags[len(lags) // 2]:.2f} s | |")
        print(f"| the same, the latest | {lags[-1]:.2f} s | 1 s |")
        assert len(lags) == chosen.jobs, f"{len(lags)} agents were started"
    return 0


def _options(folder: Path) -> list[str]:
    (folder / "jobs").mkdir(parents=True)
    return ["--no-api", "-f", str(folder / "jobs"), "--scheduler-state-dir", str(folder / "state")]


def _start(folder: Path) -> float:
    """Processor seconds of ``start`` in the background, of both processes until the daemon works; the least of five."""
    options = _options(folder)
    figures = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*_PROGRAM, *options, "start"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        pid = int((folder / "state" / "scheduler.pid").read_text())
        front = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        figures.append(front + _cpu(pid))
        subprocess.run([*_PROGRAM, *options, "stop"], check=True)
    return min(figures)


def _idle(folder: Path, seconds: float) -> tuple[int, float]:
    """KiB of memory, and the share of a processor, with ten jobs that are not due."""
    options = _options(folder)
    for number in range(10):
        _write(folder / "jobs" / f"{number}.conf", {"schedule_interval": "50 weeks"})
    subprocess.run([*_PROGRAM, *options, "start"], check=True)
    pid = int((folder / "state" / "scheduler.pid").read_text())
    time.sleep(5)
    before = _cpu(pid)
    time.sleep(seconds)
    spent = _cpu(pid) - before
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    memory = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    subprocess.run([*_PROGRAM, *options, "stop"], check=True)
    return memory, spent / seconds


def _punctuality(folder: Path, jobs: int, seconds: float) -> list[float]:
    """How many seconds after its instant each job's agent was started."""
    options = _options(folder)
    (folder / "begun").mkdir()
    agent = folder / "agent"
    agent.write_text(_AGENT.format(folder=folder))
    agent.chmod(0o755)
    first = int(time.time()) + _FIRST
    due = {f"job{number}": first + int(number * seconds / jobs) for number in range(jobs)}
    for id, instant in due.items():
        text = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        _write(folder / "jobs" / f"{id}.conf", {"schedule_date": text}, job_id=id)
    command = [sys.executable, "-c", _MEMBER, str(agent), *options, "--concurrent-jobs", "20", "--no-daemon", "start"]
    daemon = subprocess.Popen(command, stderr=(folder / "log").open("wb"))
    time.sleep(_FIRST + seconds + 10)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)
    runs = {}
    for id, instant in due.items():
        state = json.loads((folder / "jobs" / f"{id}.conf.status.json").read_text())
        runs[state["runs"][0]["run_id"]] = instant
    lags = []
    for path in (folder / "begun").iterdir():
        run = next(run for run in runs if path.name.startswith(run) or run in path.name)
        lags.append(float(path.read_text()) - runs[run])
    return lags


def _write(path: Path, schedule: dict[str, str], **more: str) -> None:
    action = {"action": "exec", "command": "true"}
    path.write_text(json.dumps({"job_actions": [{"freezer_action": action}], "job_schedule": schedule, **more}))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
