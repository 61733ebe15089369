"""The command line: measure, and tell as tables of Markdown what was found and what is demanded."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.storages import whole
from benchmarks.storages.demands import Key, judged
from benchmarks.storages.measuring import Taken, least, measured
from benchmarks.storages.ours import PIECE, SEGMENT
from benchmarks.storages.places import PLACES, About, over_a_line
from benchmarks.storages.programs import BRIEF, FEW, programs

_TESTS = Path(__file__).parents[2] / "tests"
_NEIGHBOURS = tuple(name for name in PLACES if name != "local")
_MIB = 1 << 20
_MOST = 200 * _MIB  # of a whole agent


def main(words: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(words)
    sys.path.insert(0, str(_TESTS))
    if given.whole:
        _tell_whole(given.storage or tuple(PLACES), given.whole, given.work)
        return
    taken: dict[Key, list[Taken]] = defaultdict(list)
    for storage in given.storage or _NEIGHBOURS:
        with tempfile.TemporaryDirectory(dir=whole.memory()) as folder:
            _measure(storage, Path(folder), given, taken)
    found = {key: least(all) for key, all in taken.items()}
    _tell(found, given)


def _parser() -> argparse.ArgumentParser:
    description = "Measure Freezer's storages beside other programs, on the servers of the tests."
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storages", description=description)
    parser.add_argument("--storage", choices=tuple(PLACES), action="append", help="one, or several (all)")
    parser.add_argument("--segments", type=int, default=32, help="of 32 MiB, for streams (%(default)s)")
    parser.add_argument("--objects", type=int, default=2000, help="small ones, of 4 KiB (%(default)s)")
    parser.add_argument("--far-objects", type=int, default=100, help="small ones over a line (%(default)s)")
    parser.add_argument("--far-segments", type=int, default=16, help="for streams over a line (%(default)s)")
    parser.add_argument(
        "--round-trip", type=float, default=50.0, metavar="MS",
        help="milliseconds that a line adds, for a comparison with one that adds none; 0: no line (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--upstream", metavar="PYTHON", help="of an installed OpenStack Freezer 19.0.0")
    parser.add_argument("--only", nargs="*", default=(), metavar="WORD", help="programs and tasks of these names")
    parser.add_argument(
        "--whole", type=int, metavar="GIB",
        help="instead: let a real freezer-agent store so much in every storage, and look at its memory",
    )  # fmt: skip
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="where --whole may store it")
    return parser


def _measure(storage: str, folder: Path, given: argparse.Namespace, taken: dict[Key, list[Taken]]) -> None:
    far = given.round_trip / 1000
    with PLACES[storage](folder) as place:
        lines: tuple[float | None, ...] = (None, 0.0, far) if far else (None,)
        sources = {line: _source(folder, given.segments if line is None else given.far_segments) for line in lines}
        many = _many(folder, given.objects)
        for _ in range(given.rounds):
            for line in lines:
                with over_a_line(place, line) as there, _inside(place.environment):
                    segments = os.path.getsize(sources[line]) // SEGMENT
                    objects = given.objects if line is None else given.far_objects
                    task = {"segments": segments, "objects": objects, "file": sources[line], "many": many}
                    task["far"] = line is not None
                    _round(there | task, line, given, taken)


def _round(about: About, line: float | None, given: argparse.Namespace, taken: dict[Key, list[Taken]]) -> None:
    for program in programs(about, given.upstream, far=line is not None):
        if not given.only or {program.name, program.task} & set(given.only):
            if program.task.endswith("put"):
                _clear(about.get("folder"))
            key = (about["storage"], line, program.name, program.task)
            taken[key].append(measured(program, about["file"]))
            one = taken[key][-1]
            print(*key, f"{one.cpu:.2f} CPU s, {one.wall:.2f} s", file=sys.stderr, flush=True)


def _clear(folder: str | None) -> None:
    """Remove the last stream from a server's directory, so that all programs find the memory that it took: one that
    replaces a file only when the new one is whole would need twice as much, and fresh memory is slow to come."""
    for path in Path(folder).rglob("*") if folder else ():
        if path.is_file() and path.stat().st_size > SEGMENT and not path.name.startswith("source-"):
            path.unlink()


def _source(folder: Path, segments: int) -> str:
    """A file of so many segments of noise."""
    path = folder / f"source-{segments}"
    if not path.exists():
        with path.open("wb") as file:
            for _ in range(segments):
                file.write(os.urandom(SEGMENT))
    return str(path)


def _many(folder: Path, count: int) -> str:
    """A folder of small files."""
    many = folder / "many"
    many.mkdir()
    for number in range(count):
        (many / str(number)).write_bytes(PIECE)
    return str(many)


@contextmanager
def _inside(environment: Mapping[str, str]) -> Iterator[None]:
    """Let programs have this environment."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tell(found: dict[Key, Taken], given: argparse.Namespace) -> None:
    far = given.round_trip / 1000
    print("| storage | added round trip | task | program | CPU s | wall s | a second |\n|---|---|---|---|---|---|---|")
    for key in sorted(found, key=lambda key: (key[0], key[1] is not None, key[1] or 0, key[3])):
        storage, line, program, task = key
        one = found[key]
        there = "" if line is None else f"{line * 1000:g} ms"
        if task == "small":
            rate = f"{(given.objects if line is None else given.far_objects) / one.wall:.0f}"
        else:
            rate = f"{_segments(task, line, given) * SEGMENT / _MIB / one.wall:.0f} MiB"
        print(f"| {storage} | {there} | {task} | {program} | {one.cpu:.2f} | {one.wall:.2f} | {rate} |")
    print("\n| what | demanded | measured | |\n|---|---|---|---|")
    for what, wanted, figure in judged(found, far):
        print(f"| {what} | ≥ {wanted:g} | {figure:.2f} | {'met' if figure >= wanted else 'MISSED'} |")


def _segments(task: str, line: float | None, given: argparse.Namespace) -> int:
    if task.startswith(BRIEF):
        return FEW
    return int(given.segments if line is None else given.far_segments)


def _tell_whole(storages: Sequence[str], size: int, work: Path) -> None:
    print("| storage | action | CPU s | wall s | MiB of memory, of all processes | |\n|---|---|---|---|---|---|")
    for storage in storages:
        for action, used in whole.measured(storage, size, work):
            cells = (storage, action, f"{used.cpu:.1f}", f"{used.wall:.1f}", f"{used.peak / _MIB:.0f}")
            print(f"| {' | '.join(cells)} | {'met' if used.peak <= _MOST else 'MISSED'} |", flush=True)


if __name__ == "__main__":
    main()
