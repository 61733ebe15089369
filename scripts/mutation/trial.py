"""Running the tests in forked processes, which are warm: everything is imported but the package itself."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

# Imported once, before the forks; their plugins import most of what the tests need.
import cryptography.hazmat.primitives.ciphers.aead
import cryptography.hazmat.primitives.kdf.argon2
import deflate
import hypothesis.strategies
import isal.igzip_threaded
import msgspec
import pytest
from hypothesis import settings
from scripts.mutation.ledger import Ledger
from scripts.mutation.session import Job, Trials

WARM = (cryptography, deflate, hypothesis.strategies, isal, msgspec)

MEMORY = 8 << 30
IMPORT = ""
"""Stands among the tests for what is executed before the first."""
INTERRUPTED = 2
"""pytest's largest exit code that says something about the tests (2: a test module could not be imported)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a test needs and reaches: seconds, and the lines of each file."""

    seconds: float
    lines: dict[str, list[int]]


class _Watch:
    """Notes for every test which lines of the package it executes, and under :data:`IMPORT` what else is executed."""

    def __init__(self, package: str, files: frozenset[str]) -> None:
        self.lines: dict[str, dict[str, list[int]]] = {}
        self._names = {f"{package}/{file}": file for file in files}
        self._lines: dict[str, set[int]] = {}

    def pytest_sessionstart(self) -> None:
        sys.settrace(self._trace)

    def pytest_collection_finish(self) -> None:
        sys.settrace(None)
        self._note(IMPORT)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._note(item.nodeid)

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        file = self._names.get(frame.f_code.co_filename)
        if file is None:
            return None
        self._lines.setdefault(file, set()).add(frame.f_lineno)
        return self._trace

    def _note(self, test: str) -> None:
        self.lines[test] = {file: sorted(numbers) for file, numbers in self._lines.items()}
        self._lines.clear()


class _Only:
    """Runs just these tests, in this order, and notes their seconds in ``times``, if given."""

    def __init__(self, tests: list[str], times: Path | None) -> None:
        self._place = {test: place for place, test in enumerate(tests)}
        self._times = times
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        if self._times is not None:
            self._times.write_text(json.dumps(self._seconds))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self._place), key=lambda item: self._place[item.nodeid])


def start_baseline(folder: Path, tests: list[str], files: frozenset[str], result: Path) -> int:
    """Process number of a run of ``tests`` (files or folders) over the package as it is, which writes ``result``."""

    def run() -> int:
        watch = _Watch(str(folder / "src/freezer"), files)
        code = _pytest(folder, tests, watch)
        result.write_text(json.dumps(watch.lines))
        return code

    return _fork(folder, run, quiet=False)


def read_baseline(result: Path, times: Path) -> dict[str, Seen]:
    """By test; under :data:`IMPORT` what is reached before the first."""
    seconds = json.loads(times.read_text())
    return {test: Seen(seconds.get(test, 0.0), lines) for test, lines in json.loads(result.read_text()).items()}


def start_trial(folder: Path, tests: list[str], times: Path | None = None) -> int:
    """Process number of a run of single ``tests`` in this order; it ends with 0 if all pass. ``times``: gets their
    seconds."""

    def run() -> int:
        sys.dont_write_bytecode = True
        return _pytest(folder, sorted({test.partition("::")[0] for test in tests}), _Only(tests, times))

    return _fork(folder, run, quiet=True)


def start_session(folder: Path, tests: list[str], jobs: Sequence[Job], ledger: Ledger) -> int:
    """Process number of a run of all ``jobs``, which need no tests but ``tests`` (files or folders)."""
    return _fork(folder, lambda: _pytest(folder, tests, Trials(folder, jobs, ledger)), quiet=True)


def _pytest(folder: Path, tests: list[str], plugin: object) -> int:
    settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    settings.load_profile("mutation")
    options = ["-x", "-q", "-c", str(folder / "pyproject.toml"), "--rootdir", str(folder)]
    options += [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "--basetemp",
        str(folder / "tmp" / "pytest"),
    ]
    return int(pytest.main([*options, *(str(folder / test) for test in tests)], plugins=[plugin]))


def _fork(folder: Path, run: Callable[[], int], *, quiet: bool) -> int:
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if quiet:
            null = os.open(folder / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
        scratch = folder / "tmp"
        os.chdir(scratch)
        os.environ |= {"TMPDIR": str(scratch), "PYTHONPATH": str(folder / "src")}
        sys.path.insert(0, str(folder / "src"))
        code = run()
    except BaseException:  # noqa: BLE001  # whatever it is, this process is a fork that must not go on
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
