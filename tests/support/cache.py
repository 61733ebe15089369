"""Things that take long to make or to fetch, made once and kept in a folder that many test processes share.

A name in a cache changes with what is asked for, so a change of pinned requirements makes a new environment. Several
test processes may ask at once: one makes it, the others wait. Only the standard library is used here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PREPARING_SECONDS = 300  # for one program that fetches or makes something


class UnavailableError(Exception):
    """It could not be fetched, made or started; the text says why."""


def cache(name: str) -> Path:
    """The cache ``name``: ``$FREEZER_NAME_CACHE``, otherwise ``.cache/NAME`` of the checkout."""
    named = os.environ.get(f"FREEZER_{name.upper()}_CACHE")
    return Path(named) if named else Path(__file__).parents[2] / ".cache" / name


def made(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, made by ``make`` unless an earlier run has finished it.

    It is made where it stays, because virtual environments cannot be moved; a mark says that it is complete.
    """
    complete = folder / ".complete"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            complete.touch()
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else is in here; the lock dies with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def environment(cache: Path, requirements: Path, name: str, *, importing: str | None = None) -> Path:
    """The folder of programs of a virtual environment with these requirements, all of them pinned.

    ``importing`` is a module that it has to have, or else it is not complete.
    """
    pinned = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]

    def make(folder: Path) -> None:
        run([sys.executable, "-m", "venv", folder])
        python = folder / "bin" / "python"
        # Everything is pinned, so nothing is resolved; most modules are never imported, so nothing is compiled.
        quick = ("--no-deps", "--no-compile", "--disable-pip-version-check", "--quiet")
        run([python, "-m", "pip", "install", *quick, "-r", requirements])
        if importing:
            run([python, "-c", f"import {importing}"])

    return made(cache / f"{name}-{pinned}-py{sys.version_info[0]}.{sys.version_info[1]}", make) / "bin"


def run(command: Sequence[object], cwd: Path | None = None) -> str:
    """What a program prints, in English; :class:`UnavailableError` with the end of what it said if it fails."""
    words = [str(word) for word in command]
    env = os.environ | {"LC_ALL": "C", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=PREPARING_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{' '.join(words)}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise UnavailableError(f"{' '.join(words)} ended with {done.returncode}: {said}")
    return done.stdout
