"""The figures that are demanded of Freezer, and how each is worked out from results. All of them are CPU seconds, the
least of all rounds, unless they say otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.engines import REPOSITORY as _OURS
from benchmarks.findings import Results
from benchmarks.peers.contract import Step
from benchmarks.small import COSTED, GZIP, HELP, ONE_FILE, ONE_FILE_ENCRYPTED

_MIB = 1 << 20
_MANY = 200_000


@dataclass(frozen=True)
class Claim:
    """``measured`` None: not measured in this run. ``at_least``: more is better; else less is."""

    subject: str
    demanded: float
    measured: float | None
    unit: str = "×"
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """None if it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.demanded if self.at_least else self.measured <= self.demanded


def claims(results: Results) -> list[Claim]:
    """All claims about the corpora and peers of a run, those that could not be measured included."""
    of_tar = (_codecs, _backups, _restores, _costs, _starts)
    parts = (_repositories,) if _OURS in results.peers else of_tar
    return [claim for part in parts for claim in part(results)]


def _codecs(results: Results) -> Iterator[Claim]:
    for stream in dict.fromkeys(one.stream for one in results.codecs):
        base = results.codec(stream, GZIP)
        for level, speed, size in (("fast", 5.0, 1.25), ("default", 2.5, 1.1)):
            ours = results.codec(stream, f"gzip {level}")
            what = f"codec, gzip {level}, {stream} stream"
            yield Claim(f"{what}: speed of `gzip -6`", speed, base and ours and base[0] / ours[0], at_least=True)
            yield Claim(f"{what}: size of `gzip -6`", size, base and ours and ours[1] / base[1])


def _backups(results: Results) -> Iterator[Claim]:
    for corpus, peer, speed, size in (
        ("source", "freezer-fast", 3.5, 1.25),
        ("source", "freezer-gzip", 2.5, 1.1),
        ("debian", "freezer-fast", 3.5, 1.25),
        ("debian", "freezer-gzip", 2.5, 1.1),
        ("tiny", "freezer-gzip", 2.0, 1.3),
        ("large", "freezer-gzip", 3.5, 1.05),
    ):
        if corpus in results.corpora:
            what = f"full backup, {peer.removeprefix('freezer-')}, {corpus}"
            faster = _cpu_ratio(results, corpus, "upstream", peer, Step.FULL)
            larger = _size_ratio(results, corpus, peer, "upstream")
            yield Claim(f"{what}: speed of OpenStack Freezer", speed, faster, at_least=True)
            yield Claim(f"{what}: size of OpenStack Freezer's", size, larger)
    for corpus in results.corpora:
        what = f"full backup, zstd, {corpus}"
        ratio = _cpu_ratio(results, corpus, "freezer-zstd", "tar-zstd", Step.FULL)
        yield Claim(f"{what}: CPU of GNU tar with `zstd -3`", 1.3 if corpus == "tiny" else 1.0, ratio)
        larger = _size_ratio(results, corpus, "freezer-zstd", "tar-zstd")
        yield Claim(f"{what}: size of GNU tar with `zstd -3`", 1.1, larger)


def _restores(results: Results) -> Iterator[Claim]:
    for corpus in results.corpora:
        what = f"restore, encrypted, {corpus}"
        if corpus == "tiny":
            for form in ("gzip", "zstd"):
                ratio = _cpu_ratio(results, corpus, f"freezer-{form}-encrypted", f"tar-{form}", Step.RESTORE)
                yield Claim(f"{what}, {form}: CPU of GNU tar's restore", 1.2, ratio)
        else:
            ratio = _cpu_ratio(results, corpus, "upstream-encrypted", "freezer-gzip-encrypted", Step.RESTORE)
            yield Claim(f"{what}: speed of OpenStack Freezer", 4.0, ratio, at_least=True)


def _costs(results: Results) -> Iterator[Claim]:
    tiny = results.corpora.get("tiny")
    unchanged = results.cpu("tiny", "freezer-gzip", Step.UNCHANGED) if tiny and tiny.files >= _MANY * 0.99 else None
    yield Claim("unchanged incremental of 200,000 files", 1.5, unchanged, "s")
    for corpus in results.corpora:
        for codec in COSTED:
            extra = _encryption(results, corpus, codec)
            yield Claim(f"encryption, {codec}, {corpus}: extra CPU without the derivation", 15.0, extra, "%")
    for corpus in results.corpora:
        peaks = [one.usage.peak for one in results.samples if one.corpus == corpus and one.peer.startswith("freezer-")]
        yield Claim(
            f"peak memory, {corpus}, all our peers and steps", 128.0, max(peaks) / _MIB if peaks else None, "MiB"
        )


def _encryption(results: Results, corpus: str, codec: str) -> float | None:
    """What sealing costs a full backup, in percent; a derivation is what one file costs more when encrypted."""
    pair = results.encryption(corpus, codec)
    one, one_sealed = results.start(ONE_FILE), results.start(ONE_FILE_ENCRYPTED)
    if pair is None or one is None or one_sealed is None:
        return None
    clear, sealed = pair
    return ((sealed - (one_sealed - one)) / clear - 1) * 100


def _starts(results: Results) -> Iterator[Claim]:
    yield Claim("`--help`", 0.3, results.start(HELP), "s")
    yield Claim("backup of one file", 0.5, results.start(ONE_FILE), "s")
    yield Claim("backup of one file, encrypted", 0.6, results.start(ONE_FILE_ENCRYPTED), "s")


def _repositories(results: Results) -> Iterator[Claim]:
    """The dedup engine beside other programs that store every piece once."""
    for corpus in results.corpora:
        what = f"repository, {corpus}"
        for step, cpu, wall in _RESTIC[corpus]:
            speed = f"{what}, {step}: speed of restic"
            yield Claim(f"{speed}, CPU", cpu, _cpu_ratio(results, corpus, "restic", _OURS, step), at_least=True)
            yield Claim(f"{speed}, wall", wall, _wall_ratio(results, corpus, "restic", _OURS, step), at_least=True)
        borg = _cpu_ratio(results, corpus, "borg", _OURS, Step.FULL)
        yield Claim(f"{what}, full: speed of borg, CPU", 1.4 if corpus == "large" else 3.0, borg, at_least=True)
        size = _size_ratio(results, corpus, _OURS, "restic")
        yield Claim(f"{what}: size of restic's", 0.7 if corpus == "tiny" else 1.0, size)
        yield Claim(f"{what}: memory of restic", 1.0, _peak_ratio(results, corpus, _OURS, "restic"))
    if "large" in results.corpora:
        yield Claim("repository, large, unchanged", 0.5, results.cpu("large", _OURS, Step.UNCHANGED), "s")
        ours, restic = (_growth(results, "large", peer) for peer in (_OURS, "restic"))
        ratio = ours / restic if ours is not None and restic else None
        yield Claim("repository, large: growth after small edits, of restic's", 0.25, ratio)


_USUAL = (
    (Step.FULL, 1.9, 1.9),
    (Step.INCREMENTAL, 2.5, 2.5),
    (Step.UNCHANGED, 4.0, 4.0),
    (Step.VERIFY, 3.0, 3.0),
    (Step.RESTORE, 2.0, 2.0),
)
_RESTIC = {
    "source": _USUAL,
    "debian": _USUAL,
    "tiny": ((Step.FULL, 2.2, 2.2), *_USUAL[1:2], (Step.UNCHANGED, 2.5, 2.5), *_USUAL[3:]),
    "large": (*_USUAL[:2], *_USUAL[3:4], (Step.RESTORE, 1.8, 1.2)),
}
"""Of restic's, how many times as fast: a step, in CPU seconds, in wall time."""


def _growth(results: Results, corpus: str, peer: str) -> float | None:
    before, after = (results.stored(corpus, peer, step) for step in (Step.FULL, Step.INCREMENTAL))
    return after - before if before is not None and after is not None else None


def _wall_ratio(results: Results, corpus: str, above: str, below: str, step: Step) -> float | None:
    upper, lower = results.wall(corpus, above, step), results.wall(corpus, below, step)
    return upper / lower if upper is not None and lower else None


def _peak_ratio(results: Results, corpus: str, above: str, below: str) -> float | None:
    """Of the most memory that any step took."""
    peaks = [
        [one.usage.peak for one in results.samples if (one.corpus, one.peer) == (corpus, peer)]
        for peer in (above, below)
    ]
    return max(peaks[0]) / max(peaks[1]) if all(peaks) else None


def _cpu_ratio(results: Results, corpus: str, above: str, below: str, step: Step) -> float | None:
    upper, lower = results.cpu(corpus, above, step), results.cpu(corpus, below, step)
    return upper / lower if upper is not None and lower else None


def _size_ratio(results: Results, corpus: str, above: str, below: str) -> float | None:
    upper, lower = results.stored(corpus, above, Step.FULL), results.stored(corpus, below, Step.FULL)
    return upper / lower if upper is not None and lower else None
