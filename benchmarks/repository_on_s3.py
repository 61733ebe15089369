"""How much memory a backup takes that is uploaded to S3, beside restic: ``python -m benchmarks.repository_on_s3``.

Both back the same trees up into buckets of the tests' S3 (Swift's), which they reach over loopback, restic with the
settings it comes with. Figures are the most that all processes of a command held together, and CPU and wall seconds; of
several rounds the least.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.corpora import CORPORA
from benchmarks.measure import Usage
from benchmarks.peers.contract import Command
from benchmarks.rounds import prepare
from benchmarks.storages.places import PLACES, Place

_TESTS = Path(__file__).parents[1] / "tests"
_MIB = 1 << 20
Commands = Sequence[tuple[str, Command]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", default="source,large", metavar="NAME,…", help="which trees (%(default)s)")
    parser.add_argument("--scale", type=float, default=0.5, help="part of their full sizes (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    sys.path.insert(0, str(_TESTS))
    print("| tree | program | step | peak memory, MiB | CPU s | wall s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as work:
        for name in given.corpora.split(","):
            prepare(name, CORPORA[name], Path(work), given.scale)
            found: dict[tuple[str, str], list[Usage]] = {}
            for _ in range(given.rounds):
                for program, step, usage in _round(Path(work) / name):
                    found.setdefault((program, step), []).append(usage)
            for (program, step), all in found.items():
                peak, cpu, wall = (min(getattr(each, key) for each in all) for key in ("peak", "cpu", "wall"))
                print(f"| {name} | {program} | {step} | {peak / _MIB:.0f} | {cpu:.1f} | {wall:.1f} |", flush=True)


def _round(source: Path) -> Iterator[tuple[str, str, Usage]]:
    for program, commands in (("Freezer", _ours), ("restic", _restic)):
        with tempfile.TemporaryDirectory() as folder, PLACES["s3"](Path(folder)) as place:
            for step, command in commands(source, Path(folder), place):
                usage = measure.run(command, Path(folder))
                if step:
                    yield program, step, usage


def _ours(source: Path, folder: Path, place: Place) -> Commands:
    secret = folder / "secret"
    secret.write_bytes(os.urandom(32))
    secret.chmod(0o600)
    words = (*place.words, "--machine-secret-file", str(secret))
    agent, environment = (sys.executable, "-m", "freezer.cmd.agent"), {**place.environment, "HOME": str(folder)}
    make = Command((*agent, "init", *words), environment)
    backup = Command((*agent, "backup", "--engine", "dedup", *words, "-N", "tree", "-F", str(source)), environment)
    return [("", make), ("first", backup), ("again", backup)]


def _restic(source: Path, folder: Path, place: Place) -> Commands:
    (folder / "pass").write_text("benchmark\n")
    about = place.about
    environment = {
        "RESTIC_REPOSITORY": f"s3:http://{about['host']}:{about['port']}/{about['container']}",
        "RESTIC_PASSWORD_FILE": str(folder / "pass"),
        "RESTIC_CACHE_DIR": str(folder / "cache"),
        "AWS_ACCESS_KEY_ID": str(about["access_key"]),
        "AWS_SECRET_ACCESS_KEY": str(about["secret_key"]),
        "AWS_DEFAULT_REGION": str(about["region"]),
    }
    make = Command(("restic", "-q", "init", "--repository-version", "2"), environment)
    backup = Command(("restic", "-q", "backup", "--compression", "auto", "."), environment, source)
    return [("", make), ("first", backup), ("again", backup)]


if __name__ == "__main__":
    main()
