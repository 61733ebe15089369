"""The page of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_INTRODUCTION = """\
# What a request costs the API

```console
$ make bench-api
```

Processor time of the server's processes for each request (user and system; MariaDB's is not in it), Freezer's
`freezer-api` and OpenStack's freezer-api 19.0.0, one after the other in each round, on the same MariaDB 10.11 that
flushes every commit. Both have 2 processes of 2 threads, the original under uWSGI with the settings it comes with, both
without authentication, both with their logs; four connections ask. Of several rounds the least counts, because whatever
else runs on a machine makes requests dearer and never cheaper. *At most* was demanded where the original took less time
than here; *at least* is the same demand without the machine: how many times what the original took.

"""


def text(kept: Mapping[str, Any]) -> str:
    """The page from the figures in ``kept``."""
    return "".join(_parts(kept))


def _parts(kept: Mapping[str, Any]) -> Iterator[str]:
    yield _INTRODUCTION
    if "beside" in kept:
        yield from _beside(kept["beside"])
    if "scale" in kept:
        yield from _scale(kept["scale"])
    if "soak" in kept:
        yield from _soak(kept["soak"])
    yield "\n## The machine\n\n"
    yield from (f"- {name}: {value}\n" for name, value in kept["machine"].items())


def _beside(found: Mapping[str, Any]) -> Iterator[str]:
    costs = {(case, server == "Freezer"): cpu for case, server, cpu, _ in found["costs"]}
    yield "| request | Freezer, CPU ms | at most | OpenStack 19.0.0, CPU ms | times | at least |\n"
    yield "|---|---|---|---|---|---|\n"
    for case, (demanded, original) in found["demanded"].items():
        own, other = costs[case, True], costs[case, False]
        most = least = ""
        if demanded is not None:
            most = f"{demanded:g}" + ("" if own <= demanded else " (missed)")
            times = original / demanded
            least = f"{times:.1f}" + ("" if other / own >= times else " (missed)")
        yield f"| {case} | {own:.2f} | {most} | {_number(other)} | {other / own:.1f} | {least} |\n"
    sizes = {name: f"{size / 2**20:.0f} MiB" for name, size in found["memory"].items()}
    yield "\nMemory of all processes afterwards (PSS): " + ", ".join(f"{n} {s}" for n, s in sizes.items()) + ".\n"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _scale(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    sizes = sorted(found, key=int)
    yield "\n## From a thousand backups to a million\n\nCPU milliseconds of Freezer's server, without MariaDB's. "
    yield "Numbers that were measured in runs of their own are as good as the machine was then.\n\n"
    yield "| request | " + " | ".join(f"{int(size):,}" for size in sizes) + " |\n|---|" + "---|" * len(sizes) + "\n"
    for case in found[sizes[0]]:
        yield f"| {case} | " + " | ".join(f"{found[size][case]:.2f}" for size in sizes) + " |\n"


def _soak(found: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Two hundred schedulers\n\n"
    yield f"200 clients that poll every 15 seconds, and 20 reports about jobs each second, for {found['seconds']:.0f} "
    yield "seconds: the same server, as slow as the rest of the machine made it.\n\n"
    yield "| | found | demanded |\n|---|---|---|\n"
    yield f"| answers | {found['polls']:,} polls, {found['updates']:,} reports | |\n"
    yield f"| errors | {found['errors']} | 0 |\n"
    yield f"| 99 of 100 answers within | {found['p99'] * 1000:.0f} ms | 500 ms |\n"
    yield f"| half of them, the longest | {found['median'] * 1000:.0f} ms, {found['longest'] * 1000:.0f} ms | |\n"
    yield f"| processor | {found['cpu'] * 100:.0f} % of one | |\n"
    yield f"| memory of its own at the end | {found['memory'] / 2**20:.0f} MiB | |\n"
    yield f"| against that after the first fifth | {(found['growth'] - 1) * 100:+.1f} % | within 10 % |\n"
