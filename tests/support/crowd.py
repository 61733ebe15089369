"""Programs that run at once and get signals at random instants, without paying for the start of each: children of one
process that has loaded the program (:func:`support.forking.serve_many`)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from support.runs import Run
from support.served import TIME_LIMIT, Hung


class Member:
    """A program that runs. It is not gone before :meth:`end` was called, so signals never meet another process."""

    def __init__(self, crowd: Crowd, process: int, out: Path, err: Path) -> None:
        self.process = process
        self._crowd = crowd
        self._out, self._err = out, err
        self._begun = time.monotonic()

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return _state(self.process) != "Z"

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begun

    def send(self, number: int) -> None:
        os.kill(self.process, number)

    def stop(self) -> None:
        """Stop it, and wait until all of its threads stand still."""
        self.send(signal.SIGSTOP)
        while _state(self.process) not in "TZ":
            time.sleep(0.001)

    def go_on(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def end(self) -> Run:
        """How it ended; :class:`Hung` if it does not."""
        limit = time.monotonic() + TIME_LIMIT
        while self.runs:
            if time.monotonic() > limit:
                self.kill()
                raise Hung(self._err.read_text(errors="surrogateescape"))
            time.sleep(0.002)
        code = self._crowd.order({"wait": self.process})["code"]
        run = Run(code, *(path.read_text(errors="surrogateescape") for path in (self._out, self._err)))
        self._out.unlink()
        self._err.unlink()
        return run


class Crowd:
    """Starts members; ``scratch`` is for their output."""

    def __init__(self, scratch: Path) -> None:
        launcher = Path(__file__).parents[1] / "faults" / "launcher.py"
        self._scratch = scratch
        self._numbers = count()
        self._server = subprocess.Popen(
            [sys.executable, "-B", str(launcher), "--serve-many"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def start(self, words: Sequence[object], env: Mapping[str, str] = os.environ) -> Member:
        """``freezer-agent`` with these words, at work."""
        number = next(self._numbers)
        out, err = self._scratch / f"out{number}", self._scratch / f"err{number}"
        argv = [str(word) for word in words]
        order = {"argv": argv, "cwd": os.getcwd(), "env": dict(env), "out": str(out), "err": str(err)}
        out.touch()
        err.touch()
        return Member(self, self.order(order)["process"], out, err)

    def run(self, words: Sequence[object], env: Mapping[str, str] = os.environ) -> Run:
        return self.start(words, env).end()

    def seconds_of(self, words: Sequence[object]) -> float:
        """How long a run takes that nobody disturbs and that has to succeed."""
        member = self.start(words)
        while member.runs:
            time.sleep(0.001)
        seconds = member.seconds
        run = member.end()
        assert run.code == 0, run.err
        return seconds

    def order(self, order: Mapping[str, object]) -> dict[str, int]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        answer: dict[str, int] = json.loads(self._server.stdout.readline())
        return answer

    def close(self) -> None:
        """End whatever was started."""
        with suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        with self._server:
            pass


@contextmanager
def crowd(scratch: Path) -> Iterator[Crowd]:
    scratch.mkdir()
    made = Crowd(scratch)
    try:
        yield made
    finally:
        made.close()


class Instant:
    """Random instants of runs that take about equally long: ``seconds`` is what the first one took."""

    def __init__(self, chance: random.Random, seconds: float) -> None:
        self._chance = chance
        self._seconds = seconds

    def wait(self, member: Member) -> None:
        """Until the instant, or the end of a member that is quicker; then the next instants are earlier."""
        instant = self._chance.uniform(0, self._seconds)
        while member.runs and member.seconds < instant:
            time.sleep(max(0.0, min(0.002, instant - member.seconds)))
        self._seconds *= 1.02 if member.runs else 0.9


def _state(process: int) -> str:
    """Of its main thread, as ``/proc/<pid>/stat`` says (proc(5))."""
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
