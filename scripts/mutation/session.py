"""Many mutants in one pytest session: the tests are collected once, and every mutant is a fork of that.

The fork gives the mutated function its new code, wherever a reference to it has gone, and runs the tests that reach it.
What acts at import (constants of a module, defaults) cannot be changed so; :mod:`scripts.mutation.trial` runs that.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from scripts.mutation.ledger import Ledger
from scripts.mutation.operators import Mutant


@dataclass(frozen=True, slots=True)
class Job:
    """A mutant, whether it acts at import, the tests that reach it (in this order), and the seconds they may take."""

    mutant: Mutant
    at_import: bool
    tests: Sequence[str]
    limit: float


class Trials:
    """Runs every job instead of the tests, and notes in ``ledger`` what becomes of its mutant: ``killed``, ``survived``
    or ``timeout``."""

    def __init__(self, folder: Path, jobs: Sequence[Job], ledger: Ledger) -> None:
        self._folder = folder
        self._package = folder / "src/freezer"
        self._functions: dict[tuple[str, str], list[FunctionType]] = {}
        self._jobs = jobs
        self._ledger = ledger
        self._failed = False
        self._kills: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self._functions = dict(_functions(str(self._package)))
        gc.freeze()
        for job in self._jobs:
            # What has killed before will kill again; the sort is stable, so the quickest stay first otherwise.
            tests = sorted(job.tests, key=lambda test: -self._kills[test])
            self._ledger.note(job.mutant, self._fate(job, [items[test] for test in tests]) if tests else "survived")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed

    def _fate(self, job: Job, items: Sequence[pytest.Item]) -> str:
        killer, end = os.pipe()
        process = os.fork()
        if not process:
            self._child(job, items, end)
        os.close(end)
        limit = time.monotonic() + job.limit
        while not (done := os.waitpid(process, os.WNOHANG))[0]:
            if time.monotonic() > limit:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
                break
            time.sleep(0.005)
        clean(self._folder / "tmp")
        self._kills.update(filter(None, [os.read(killer, 4096).decode()]) if done[0] else ())
        os.close(killer)
        if not done[0]:
            return "timeout"
        code = os.waitstatus_to_exitcode(done[1])
        if code > 1:
            raise RuntimeError(f"the tests did not run: {job.mutant}")
        return "killed" if code else "survived"

    def _child(self, job: Job, items: Sequence[pytest.Item], end: int) -> None:
        """Run ``items``; tell through ``end`` which of them failed, if any."""
        code = 70
        try:
            os.setpgid(0, 0)
            mutant = job.mutant
            module = compile(mutant.source, str(self._package / mutant.file), "exec", dont_inherit=True)
            mutated = _function(module, str(mutant.function))
            for function in self._functions[mutant.file, str(mutant.function)]:
                function.__code__ = mutated
            for item, after in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                if self._failed:
                    os.write(end, item.nodeid.encode())
                    break
            code = int(self._failed)
        except BaseException:  # noqa: BLE001  # whatever it is, this process is a fork that must not go on
            traceback.print_exc()
        finally:
            os._exit(code)


def clean(scratch: Path) -> None:
    """Empty ``scratch``, also of what a killed test has mounted there."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{scratch}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False)
    subprocess.run(["rm", "-rf", scratch / "pytest"], check=False)


def _functions(package: str) -> dict[tuple[str, str], list[FunctionType]]:
    """Every function of the package, by file and qualified name."""
    found: defaultdict[tuple[str, str], list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(f"{package}/"):
            found[thing.__code__.co_filename[len(package) + 1 :], thing.__code__.co_qualname].append(thing)
    return found


def _function(code: CodeType, name: str) -> CodeType:
    """The code of the function with the qualified name ``name`` in that of its module."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(f"{constant.co_qualname}."):
                return _function(constant, name)
    raise LookupError(name)
