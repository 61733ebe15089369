"""Virtual environments with the programs of servers, made once and kept below ``.cache/servers`` of the checkout.

``$FREEZER_SERVERS_CACHE`` names another place. A name changes with what is asked for, so a change of the pinned
requirements makes a new environment. Several test processes may ask at once: one makes it, the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


class UnavailableError(Exception):
    """A server could not be had; the text says why."""


def cache() -> Path:
    return Path(os.environ.get("FREEZER_SERVERS_CACHE") or HERE.parents[1] / ".cache" / "servers")


def environment(requirements: Path) -> Path:
    """The folder of programs of a virtual environment with these pinned requirements."""
    pinned = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    name = f"{requirements.stem}-{pinned}-py{sys.version_info[0]}.{sys.version_info[1]}"
    return made(name, lambda folder: _install(folder, requirements)) / "bin"


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache, made by ``make`` unless an earlier run has finished it."""
    folder = cache() / name
    complete = folder / ".complete"
    with locked(cache() / f"{name}.lock"):
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


def run(command: list[object], **options: object) -> None:
    """Run a program to its end; :class:`UnavailableError` with the end of what it said if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise UnavailableError(
            f"{' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        )


def _install(folder: Path, requirements: Path) -> None:
    run([sys.executable, "-m", "venv", folder])
    # Everything is pinned, so nothing is resolved.
    quick = ("--no-deps", "--no-compile", "--disable-pip-version-check", "--quiet")
    run([folder / "bin" / "python", "-m", "pip", "install", *quick, "-r", requirements])


if __name__ == "__main__":
    for requirements in sorted(HERE.glob("requirements-*.txt")):
        print(environment(requirements))
