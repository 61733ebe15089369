"""The page of results: Markdown from a results document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.claims import Claim, claims
from benchmarks.engines import REPOSITORY, engine_of
from benchmarks.findings import Results, Sample
from benchmarks.peers.contract import Step

_MIB = 1 << 20

_INTRODUCTION = """\
# {title}

<!-- Written by `python -m benchmarks --report`; edit benchmarks/report.py and benchmarks/engines.py instead. -->

{words}

All work on the same trees, one after the other within every step, so that whatever else the machine did met all of
them. Unless a column says otherwise a figure is **CPU seconds**, user and system, of all processes of a command: the
least of all rounds, since other work can only add to it. Every restored tree was compared with its source.
"""

_VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


def page(results: Results, pictures: Sequence[tuple[str, str]]) -> str:
    """The whole page; ``pictures`` are pairs of file name and description."""
    engine = engine_of(results.peers)
    introduction = _INTRODUCTION.format(title=engine.title, words=engine.words)
    parts = [introduction, _setting(results), _demands(claims(results))]
    parts += [_where(results), _restore_floor(results), _bounds(results)]
    parts += [f"![{text}]({name})\n" for name, text in pictures]
    parts += [_corpus(results, name) for name in results.corpora]
    parts += [_codecs(results), _starts(results), _again(results)]
    return "\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _setting(results: Results) -> str:
    rows = [("date", results.date), *results.machine.items(), *results.versions.items()]
    scale = (
        ""
        if results.scale == 1
        else f"\n**Scaled to {results.scale:g} of the full sizes: for a look, not for figures.**\n"
    )
    missing = "".join(f"\n{line}.\n" for line in results.missing)
    return "## Machine and versions\n\n" + table(("", ""), rows) + scale + missing


def _demands(all_claims: Sequence[Claim]) -> str:
    measured = [claim for claim in all_claims if claim.met is not None]
    met = sum(claim.met is True for claim in measured)
    rows = [
        (
            claim.subject,
            f"{'≥' if claim.at_least else '≤'} {claim.demanded:g} {claim.unit}",
            _value(claim),
            _VERDICTS[claim.met],
        )
        for claim in all_claims
    ]
    summary = f"{met} of {len(measured)} measured demands are met.\n\n"
    return "## Demanded and measured\n\n" + summary + table(("", "demanded", "measured", "verdict"), rows)


_WHERE = """\
## Where the time goes

What `perf` saw on 2026-11-22, in per cent of the processor time of one command on source, gzip:

| | full backup | unchanged | encrypted restore |
| --- | ---: | ---: | ---: |
| compression, its checksum included | 69 | 2 | 15 |
| the kernel | 14 | 35 | 31 |
| CPython: our own code, and starting | 13 | 57 | 33 |
| copying and comparing in memory | 2 | 3 | 6 |
| derivation of the key (Argon2id) | | | 10 |
| AES and SHA-256 | 1 | 1 | 4 |
| the rest | 1 | 2 | 1 |

A full backup is its codec: all else would be done in a third of the time. An unchanged one is a look at each of 16,000
files, and about half of what CPython takes for that is its own start. In a restore no part stands out any more.
"""

_WHERE_REPOSITORY = """\
## Where the time goes, and what is missed

What `perf` saw on 2026-11-22, in per cent of the processor time of one command on a repository with one backup:

| | full, source | unchanged, source | verify, source | verify, tiny | restore, source | restore, large |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| Zstandard | 60 | 1 | 42 | 21 | 18 | 18 |
| the kernel | 15 | 32 | 11 | 19 | 44 | 41 |
| CPython: our own code, and starting | 14 | 58 | 17 | 26 | 24 | 21 |
| BLAKE3: ids, and digests of what is stored | 5 | 1 | 17 | 22 | 7 | 9 |
| copying and comparing in memory | 5 | 5 | 10 | 10 | 6 | 7 |
| AES and signatures | 1 | 1 | 2 | 2 | 1 | 4 |
| the rest | 0 | 2 | 1 | 0 | 0 | 0 |

A verification reads, authenticates, decompresses and identifies every chunk; restic's and borg's do no more, so what
can be gained is what they lose. Decompressing with another binding of the same library, or with the system's, was
tried: less than a tenth of Zstandard's part. The next table is the bound of everything that could be done in Python:
what the ratio would be if CPython itself took no time at all. Where that is below what is demanded, only less
compression, or fewer sums, would reach it.

"""

_FLOOR = """\
## What an encrypted restore of small files can reach

Where files are small, most of a restore is the kernel's work for each of them, which nobody can leave out: GNU tar,
written in C, in clear and with the fastest codec, is the bound. Beside it Freezer derives a key (Argon2id, about
0.2 s), authenticates and decrypts every byte, and starts Python. In the profile above two thirds of a restore of source
are the kernel, the codec, the derivation, AES and copying: without one instruction of Freezer's own, and none of
Python's, it would be not quite four times as fast as OpenStack Freezer's.

"""


_PYTHON = {
    ("source", Step.FULL): 14.4,
    ("source", Step.VERIFY): 16.7,
    ("source", Step.RESTORE): 23.6,
    ("large", Step.FULL): 15.3,
    ("large", Step.RESTORE): 21.1,
    ("tiny", Step.VERIFY): 26.1,
}
"""Per cent of the processor time that are CPython's, as the profiler saw it."""


def _where(results: Results) -> str:
    """What a profiler saw, of tar backups."""
    return _WHERE if "freezer-gzip" in results.peers and "source" in results.corpora else ""


def _bounds(results: Results) -> str:
    """What a profiler saw of a repository, and how far that lets anybody get beside the others."""
    rows = []
    for (corpus, step), share in _PYTHON.items():
        own = results.cpu(corpus, REPOSITORY, step)
        for peer in ("restic", "borg"):
            other = results.cpu(corpus, peer, step)
            if own and other:
                bound = other / (own * (1 - share / 100))
                rows.append((f"{corpus}, {step}: {results.peers[peer]}", f"{other / own:.2f} ×", f"{bound:.2f} ×"))
    return _WHERE_REPOSITORY + table(("CPU", "measured", "without CPython"), rows) if rows else ""


def _restore_floor(results: Results) -> str:
    """How far anybody gets where an encrypted restore is to be several times as fast as the original's."""
    peers = ("upstream-encrypted", "freezer-gzip-encrypted", "freezer-zstd-encrypted", "tar-zstd")
    rows = []
    for corpus in results.corpora:
        costs = [results.cpu(corpus, peer, Step.RESTORE) for peer in peers]
        if corpus != "tiny" and all(costs):
            upstream, *others = (cost or 0.0 for cost in costs)
            rows.append((corpus, f"{upstream:.2f}", *(f"{each:.2f} ({upstream / each:.1f} ×)" for each in others)))
    if not rows:
        return ""
    head = ("restore, CPU s", *(results.peers[peer] for peer in peers))
    return _FLOOR + table(head, rows)


def _value(claim: Claim) -> str:
    return "" if claim.measured is None else f"{claim.measured:.2f} {claim.unit}"


def _corpus(results: Results, name: str) -> str:
    facts = results.corpora[name]
    head = f"## {name}: {facts.title}\n\n{facts.note}; {facts.size / _MIB:.0f} MiB.\n\n"
    parts = [head]
    for title, value, choose in _COLUMNS:
        rows = [
            (title_of, *(_cell(results.of(name, peer, step), value, choose) for step in Step))
            for peer, title_of in results.peers.items()
            if results.of(name, peer, Step.FULL)
        ]
        parts.append(table((title, *Step), rows) + "\n")
    return "".join(parts)


_COLUMNS: tuple[tuple[str, Callable[[Sample], float], Callable[[Iterator[float]], float]], ...] = (
    ("CPU s, least", lambda one: one.usage.cpu, min),
    ("CPU s, median", lambda one: one.usage.cpu, median),
    ("wall s, least", lambda one: one.usage.wall, min),
    ("peak memory, MiB", lambda one: one.usage.peak / _MIB, max),
    ("repository, MiB", lambda one: one.stored / _MIB, median),
)


def _cell(
    samples: Sequence[Sample], value: Callable[[Sample], float], choose: Callable[[Iterator[float]], float]
) -> str:
    if not samples:
        return ""
    number = choose(value(one) for one in samples)
    return f"{number:.2f}" if number < 10 else f"{number:.1f}"


def _codecs(results: Results) -> str:
    """One table for all streams, relative to the stream's first codec."""
    if not results.codecs:
        return ""
    rows = []
    for stream, codec in dict.fromkeys((one.stream, one.codec) for one in results.codecs):
        first = next(one.codec for one in results.codecs if one.stream == stream)
        base, own = results.codec(stream, first), results.codec(stream, codec)
        if base and own:
            rows.append(
                (f"{stream}, {codec}", f"{own[0]:.2f}", f"{base[0] / own[0]:.2f} ×", f"{own[1] / base[1]:.3f} ×")
            )
    return "## Codecs alone, one thread\n\n" + table(("stream, codec", "CPU s", "speed", "size"), rows)


def _starts(results: Results) -> str:
    rows = []
    for what in dict.fromkeys(one.what for one in results.starts):
        usages = [one.usage for one in results.starts if one.what == what]
        peak = max(usage.peak for usage in usages) / _MIB
        rows.append((what, f"{min(u.cpu for u in usages):.2f}", f"{min(u.wall for u in usages):.2f}", f"{peak:.0f}"))
    return "## Small things\n\n" + table(("", "CPU s", "wall s", "peak MiB"), rows) if rows else ""


def _again(results: Results) -> str:
    return f"""\
## To repeat it

`make bench` does all of it in an environment of its own, with the restic and the borg that the `PATH` has: `apt-get
install restic borgbackup`, or newer ones. This page is from

```console
$ {results.command}
```
"""
