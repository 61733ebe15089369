"""Running faulty restores as root where they can do no harm.

A mutant of the sandbox may write or delete anywhere. Everything runs in name spaces of its own (unshare(1)): all file
systems are read-only there but one scratch directory and a private /dev/shm, and every process ends with the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_FOLDER = "FREEZER_MUTATION_FOLDER"


def confined_folder() -> Path | None:
    """The scratch directory, if this process is confined already."""
    folder = os.environ.get(_FOLDER)
    return Path(folder) if folder else None


def run_confined(folder: Path, arguments: list[str]) -> int:
    """This program once more with ``arguments``, able to write below ``folder`` only; its exit code."""
    if sys.platform != "linux" or os.geteuid() != 0:
        print("mutation runs need Linux and root: the tests do, and faulty code has to be confined", file=sys.stderr)
        return 2
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable]
    environment = {**os.environ, _FOLDER: str(folder)}
    return subprocess.run([*command, "-m", "scripts.mutation", *arguments], env=environment, check=False).returncode


def make_read_only(folder: Path) -> None:
    """Leave only ``folder`` and /dev/shm writable, in this mount name space."""
    _mount("--make-rprivate", "/")
    _mount("--bind", folder, folder)
    points = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
    for point in sorted(points):
        if point not in (str(folder), "/proc", "/dev") and not point.startswith(("/proc/", "/sys", "/dev/")):
            _mount("-o", "remount,bind,ro", point)
    _mount("-t", "tmpfs", "tmpfs", "/dev/shm")
    probe = Path(__file__).parent / "probe"
    try:
        probe.touch()
    except OSError:
        return
    probe.unlink()
    raise SystemExit("could not make the file systems read-only")


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)
