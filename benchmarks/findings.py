"""What a run of the benchmark found, as a document: ``benchmarks/results/*.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.measure import Usage


class CorpusFacts(msgspec.Struct, frozen=True):
    """A corpus as it was made: ``note`` says from what; ``size`` in bytes."""

    title: str
    note: str
    files: int
    size: int


class Sample(msgspec.Struct, frozen=True):
    """One step of one peer in one round. ``stored`` is the size of the repository after it, in bytes."""

    corpus: str
    peer: str
    step: str
    round: int
    usage: Usage
    stored: int


class StartSample(msgspec.Struct, frozen=True):
    """One run of something small: ``help``, ``one file`` or ``one file, encrypted``."""

    what: str
    usage: Usage


class CodecSample(msgspec.Struct, frozen=True):
    """A codec on a stream in memory, one thread: CPU seconds and stored bytes."""

    stream: str
    codec: str
    cpu: float
    stored: int


class CostSample(msgspec.Struct, frozen=True):
    """CPU seconds of a full backup of a corpus in clear and of one encrypted, one right after the other."""

    corpus: str
    codec: str
    clear: float
    encrypted: float


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run, or of one that was cut off the corpora that were done. ``machine`` and ``versions`` are words to
    print; ``peers`` maps names to titles; ``missing`` says in lines what was left out and why."""

    date: str
    command: str
    scale: float
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    peers: Mapping[str, str]
    missing: tuple[str, ...]
    corpora: Mapping[str, CorpusFacts]
    samples: tuple[Sample, ...]
    starts: tuple[StartSample, ...]
    codecs: tuple[CodecSample, ...]
    costs: tuple[CostSample, ...] = ()

    def of(self, corpus: str, peer: str, step: str) -> list[Sample]:
        """All samples of one step, round after round; empty if it was not measured."""
        return [one for one in self.samples if (one.corpus, one.peer, one.step) == (corpus, peer, step)]

    def cpu(self, corpus: str, peer: str, step: str) -> float | None:
        """The least CPU seconds of a step; None if it was not measured."""
        return min((one.usage.cpu for one in self.of(corpus, peer, step)), default=None)

    def wall(self, corpus: str, peer: str, step: str) -> float | None:
        """The least wall seconds of a step; None if it was not measured."""
        return min((one.usage.wall for one in self.of(corpus, peer, step)), default=None)

    def stored(self, corpus: str, peer: str, step: str) -> float | None:
        """The median of the repository's size after a step, in bytes."""
        samples = self.of(corpus, peer, step)
        return median(one.stored for one in samples) if samples else None

    def start(self, what: str) -> float | None:
        """The least CPU seconds of something small."""
        return min((one.usage.cpu for one in self.starts if one.what == what), default=None)

    def encryption(self, corpus: str, codec: str) -> tuple[float, float] | None:
        """The least CPU seconds of a full backup in clear, and encrypted."""
        pairs = [one for one in self.costs if (one.corpus, one.codec) == (corpus, codec)]
        return (min(one.clear for one in pairs), min(one.encrypted for one in pairs)) if pairs else None

    def codec(self, stream: str, codec: str) -> tuple[float, int] | None:
        """The least CPU seconds of a codec on a stream, and the size."""
        return min(
            ((one.cpu, one.stored) for one in self.codecs if (one.stream, one.codec) == (stream, codec)), default=None
        )


def write(results: Results, path: Path) -> None:
    """As JSON for people and diffs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results)
