"""Rounds: every step of every peer, peer after peer, again and again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.corpora import SEED, Corpus
from benchmarks.findings import CorpusFacts, Sample
from benchmarks.peers.contract import Peer, Place, Plan, Step

_TICK = 1.1  # seconds; peers name backups, and compare times, by whole seconds
# What changed just before a backup is stored again by the next one (a second change in the same moment would leave no
# trace); the tree settles, so that this does not hit whoever comes first.
_SETTLED = 3.0
_BLOCK = bytes(1 << 20)
_SAMPLED = 40  # of so many files of a restored tree one is compared byte by byte


class WrongRestore(Exception):
    """What a peer restored is not what it backed up; its speed does not matter then."""


def prepare(name: str, corpus: Corpus, work: Path, scale: float) -> CorpusFacts:
    """Make the corpus in ``work/NAME`` anew."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note = corpus.make(folder, scale, SEED)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return CorpusFacts(corpus.title, note, len(sizes), sum(sizes))


def measure_corpus(
    name: str, corpus: Corpus, peers: Sequence[Peer], work: Path, rounds: int, tell: Callable[[str], None]
) -> Iterator[Sample]:
    """All samples of one corpus, which must have been made; its repositories are removed in the end."""
    source, folder = work / name, work / "peers"
    size = sum(_sizes(source).values())
    for number in range(rounds):
        shutil.rmtree(folder, ignore_errors=True)
        places = {peer.name: _place(source, folder / peer.name) for peer in peers if peer.often or not number}
        plans = {peer.name: peer.plan(places[peer.name]) for peer in peers if peer.name in places}
        _initialise(plans, places)
        for step in Step:
            time.sleep(_TICK)
            if step is Step.INCREMENTAL:
                corpus.change(source, number + 1)
                time.sleep(_SETTLED)
            for peer, plan in list(plans.items())[:: 1 if number % 2 else -1]:
                if step not in plan.steps:
                    continue
                if step in (Step.FULL, Step.RESTORE):
                    _touch_memory(work, size)
                usage = measure.run(plan.steps[step], places[peer].home)
                sample = Sample(name, peer, step, number + 1, usage, measure.stored_size(places[peer].store))
                tell(_line(sample))
                yield sample
                if step is Step.RESTORE:
                    _compare(peer, source, plan.restored)
                    shutil.rmtree(places[peer].folder)
    shutil.rmtree(folder, ignore_errors=True)


def _touch_memory(work: Path, size: int) -> None:
    """Have ``size`` bytes of memory at hand: a virtual machine gives back what it does not use, and gets it again
    slowly, which whoever comes first would pay for where files lie in memory."""
    with (work / "memory").open("wb", buffering=0) as file:
        for _ in range(0, size, len(_BLOCK)):
            file.write(_BLOCK)
    (work / "memory").unlink()


def _line(one: Sample) -> str:
    head = f"{one.corpus:7} {one.round} {one.step:11} {one.peer:24}"
    return (
        f"{head} {one.usage.cpu:7.2f} s CPU {one.usage.wall:7.2f} s {one.usage.peak >> 20:4} MiB, stored {one.stored:,}"
    )


def _place(source: Path, folder: Path) -> Place:
    place = Place(source, folder)
    for path in (place.store, place.home, place.target):
        path.mkdir(parents=True)
    place.pass_file.write_text("benchmark\n")
    place.secret_file.write_bytes(os.urandom(32))
    for path in (place.pass_file, place.secret_file):
        path.chmod(0o600)
    return place


def _initialise(plans: dict[str, Plan], places: dict[str, Place]) -> None:
    for peer, plan in plans.items():
        if plan.prepare:
            measure.run(plan.prepare, places[peer].home)


def _compare(peer: str, source: Path, restored: Path) -> None:
    """Names and sizes of all files and the content of some."""
    wanted, got = _sizes(source), _sizes(restored)
    if wanted != got:
        wrong = sorted(set(wanted.items()) ^ set(got.items()))[:3]
        raise WrongRestore(f"{peer} restored {len(got)} of {len(wanted)} files; among those that differ: {wrong}")
    for path in sorted(wanted)[::_SAMPLED]:
        if (source / path).read_bytes() != (restored / path).read_bytes():
            raise WrongRestore(f"{peer} restored {path} with other content")


def _sizes(root: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = os.lstat(path).st_size
    return found
