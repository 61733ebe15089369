"""The benchmark's command line: measure, keep the results as JSON, write the page."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks import findings, machine, report, rounds, small
from benchmarks.corpora import CORPORA
from benchmarks.engines import ENGINES
from benchmarks.measure import CommandFailed
from benchmarks.peers import catalogue
from benchmarks.peers.contract import Peer

_ROOT = Path(__file__).parent.parent
_STREAM = 64 << 20
_ROOM = 10 << 30


def main(words: Sequence[str] | None = None) -> int:
    """0: done; 1: a peer failed or restored something else than it had been given."""
    arguments = _parser().parse_args(words)
    arguments.peers = arguments.peers or ENGINES[arguments.engine].peers
    if arguments.report:
        _publish(findings.read(arguments.report), arguments.page, arguments.no_plots)
        return 0
    today = _ROOT / "benchmarks" / "results" / f"{datetime.now(UTC):%Y-%m-%d}-{arguments.engine}.json"
    path = arguments.output or arguments.resume or today
    try:
        found = _measure(arguments, path)
    except (CommandFailed, rounds.WrongRestore) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    _tell(f"results: {path}")
    _publish(found, arguments.page, arguments.no_plots)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Freezer beside its peers.")
    parser.add_argument(
        "--corpora",
        type=_several(tuple(CORPORA)),
        default=tuple(CORPORA),
        metavar="NAME,…",
        help=f"which trees: {' '.join(CORPORA)} (all)",
    )
    parser.add_argument(
        "--engine",
        choices=tuple(ENGINES),
        default="tar",
        help="which of Freezer's, with its peers and the sizes that suit it (%(default)s)",
    )
    parser.add_argument(
        "--peers",
        type=_several(catalogue.NAMES),
        metavar="NAME,…",
        help=f"which programs instead: {' '.join(catalogue.NAMES)}",
    )
    parser.add_argument("--rounds", type=int, default=2, help="how often each step is taken (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full sizes, such as 0.02 for a look")
    parser.add_argument(
        "--upstream",
        type=Path,
        metavar="FILE",
        help="freezer-agent of an installed OpenStack Freezer; without it, one is installed below --work",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=_roomy() / "freezer-benchmarks",
        help="directory for trees and repositories, about 8 GiB at full size (%(default)s)",
    )
    parser.add_argument(
        "--resume", type=Path, metavar="RESULTS", help="go on with a run that was cut off, with the corpora it lacks"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="results, written after every corpus (benchmarks/results/DATE-ENGINE.json)",
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="Markdown page to write, with its pictures beside it")
    parser.add_argument("--no-plots", action="store_true", help="a page without pictures, and without matplotlib")
    parser.add_argument(
        "--report", type=Path, metavar="RESULTS", help="measure nothing; write the page of these results"
    )
    return parser


def _roomy() -> Path:
    """Memory if there is enough of it, since a disk adds its own moods; otherwise the directory for temporary files."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= _ROOM
    return memory if roomy else Path(tempfile.gettempdir())


def _several(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def names(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name} is none of: {' '.join(known)}")
        return chosen

    return names


def _measure(arguments: argparse.Namespace, path: Path) -> findings.Results:
    """Everything that is asked for; what is done stands in ``path`` after every corpus."""
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    peers, missing = catalogue.find(arguments.peers, arguments.upstream, work / "upstream")
    found = findings.read(arguments.resume) if arguments.resume else _begin(arguments, peers, missing)
    for name in arguments.corpora:
        if name not in found.corpora:
            found = _with_corpus(found, name, arguments, peers)
            findings.write(found, path)
    _tell(f"{time.monotonic() - began:.0f} s in all")
    return found


def _begin(arguments: argparse.Namespace, peers: Sequence[Peer], missing: Sequence[str]) -> findings.Results:
    """Results without a corpus."""
    engine = ENGINES[arguments.engine]
    return findings.Results(
        date=datetime.now(UTC).isoformat(timespec="minutes"),
        command=f"python -m benchmarks {shlex.join(map(_shown, sys.argv[1:]))}".strip(),
        scale=arguments.scale,
        machine=machine.describe(arguments.work),
        versions=machine.versions(peers),
        peers={peer.name: peer.title for peer in peers},
        missing=tuple(missing),
        corpora={},
        samples=(),
        starts=tuple(small.starts(arguments.work, 2 * arguments.rounds + 1)) if engine.small else (),
        codecs=(),
    )


def _shown(word: str) -> str:
    """A word of the command line as it means something on other machines: paths from the root become names."""
    return Path(word).name if word.startswith("/") else word


def _with_corpus(
    found: findings.Results, name: str, arguments: argparse.Namespace, peers: Sequence[Peer]
) -> findings.Results:
    """``found`` and everything about one corpus, which is made and removed again."""
    work, rounds_wanted, engine = arguments.work, arguments.rounds, ENGINES[arguments.engine]
    facts = rounds.prepare(name, CORPORA[name], work, arguments.scale * engine.size(name))
    _tell(f"{name}: {facts.note}, {facts.size >> 20} MiB")
    codecs, costs = found.codecs, found.costs
    if engine.small:
        streams = small.codecs(name, work / name, int(_STREAM * min(1.0, arguments.scale * 4)), rounds_wanted)
        codecs = (*codecs, *streams)
        costs = (*costs, *small.costs(name, work, 2 * rounds_wanted + 1))
    samples = (*found.samples, *rounds.measure_corpus(name, CORPORA[name], peers, work, rounds_wanted, _tell))
    shutil.rmtree(work / name)
    corpora = {**found.corpora, name: facts}
    return msgspec.structs.replace(found, corpora=corpora, samples=samples, codecs=codecs, costs=costs)


def _publish(found: findings.Results, page: Path | None, no_plots: bool) -> None:
    pictures: list[tuple[str, str]] = []
    if page and not no_plots:
        from benchmarks import plots

        pictures = plots.draw(found, page)
    text = report.page(found, pictures)
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
        _tell(f"page: {page}")
    else:
        print(text, end="")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
