"""Whatever a network does to a storage: success after further tries or one clear error, never a lost object.

Each fault strikes the first time, at random, or always. Whatever happens, requests stay below three times those of an
undisturbed run, and no operation takes longer than twice its time limit.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest
from network_places import PLACES, SEGMENT, WEB, Place, Work

from freezer.testing.network.between import WebFault
from freezer.testing.network.deeds import (
    CutAnswer,
    Deed,
    Dribble,
    LoseAnswer,
    LoseRequest,
    Reply,
    Rewrite,
    Stall,
    Twice,
    wrong_etag,
)
from freezer.testing.network.line import Harm, LineFault
from freezer.testing.network.when import When, always, first, some

LATER = (("Retry-After", "1"),)
METHODS = ("PUT", "GET", "HEAD", "POST", "DELETE")
DEEDS: Mapping[str, tuple[Deed, Sequence[str]]] = {
    "429": (Reply(429), METHODS),
    "429 with Retry-After": (Reply(429, LATER), METHODS),
    "500": (Reply(500), METHODS),
    "502": (Reply(502), METHODS),
    "503": (Reply(503), METHODS),
    "503 with Retry-After": (Reply(503, LATER), METHODS),
    "401": (Reply(401), METHODS),
    "403": (Reply(403), METHODS),
    "409": (Reply(409), METHODS),
    "412": (Reply(412), METHODS),
    "500 although it was done": (Reply(500, carried_out=True), METHODS),
    "404 after the object was stored": (Reply(404), ("GET", "HEAD")),
    "the request is lost in mid-body": (LoseRequest(), ("PUT",)),
    "the answer is lost": (LoseAnswer(), METHODS),
    "half of the answer": (CutAnswer(told=False), ("GET",)),
    "half of the answer, as if it were all": (CutAnswer(told=True), ("GET",)),
    "delivered twice": (Twice(), METHODS),
    "another ETag": (Rewrite(wrong_etag), ("PUT", "GET")),
    "one byte a second": (Dribble(), ("GET",)),
    "no answer": (Stall(), METHODS),
    "moved elsewhere": (Reply(301, (("Location", "http://127.0.0.1:1/"),)), METHODS),
}
MIDDLE = SEGMENT + 50_000  # somewhere in the large object
HARMS: Mapping[str, LineFault] = {
    "refused": LineFault(Harm.REFUSE),
    "reset in mid-upload": LineFault(Harm.RESET, after=MIDDLE),
    "reset in mid-download": LineFault(Harm.RESET, after=MIDDLE, up=False),
    "cut in mid-upload": LineFault(Harm.CUT, after=MIDDLE),
    "cut in mid-download": LineFault(Harm.CUT, after=MIDDLE, up=False),
    "stalled in mid-upload": LineFault(Harm.STALL, after=MIDDLE),
    "stalled in mid-download": LineFault(Harm.STALL, after=MIDDLE, up=False),
    "stalled at once": LineFault(Harm.STALL),
    "one byte a second in mid-upload": LineFault(Harm.DRIBBLE, after=MIDDLE),
    "one byte a second in mid-download": LineFault(Harm.DRIBBLE, after=MIDDLE, up=False),
}
TIMES = ("first", "some", "always")
CLEAN_FAILURES = {"403", "409", "412", "404 after the object was stored", "moved elsewhere"}
"""What no further try can mend, even if it happens only once."""

NEVER_REACHED = {"ssh": {"refused", "stalled at once"}}
"""Faults after which a storage gives up at once, as its first connection may simply have been to the wrong place."""

LASTING = {"503", "404 after the object was stored", "the answer is lost", "half of the answer, as if it were all",
           "another ETag", "refused", "reset in mid-upload", "cut in mid-download"}  # fmt: skip
"""What happens again and again in short runs."""

WAITING = {"no answer", "stalled in mid-upload", "stalled in mid-download"}
"""What only takes as long as other faults of short runs do: less than a byte a second is not much less."""


def cases(faults: Mapping[str, object], places: Sequence[str]) -> Iterator[object]:
    """Place, fault and time. Short runs leave out most of what happens always, and what happens at random."""
    for place in places:
        for name in faults:
            for times in ("first", "always", "some"):
                short = (times == "first" and name not in WAITING) or (times == "always" and name in LASTING)
                marks = () if short else pytest.mark.slow(only=True)
                yield pytest.param(place, name, times, marks=marks, id=f"{place}, {name}, {times}")


def when(times: str, chance: random.Random) -> When:
    return {"first": first, "always": always}.get(times) or some(chance)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Each place is opened once."""
    with ExitStack() as stack:
        yield functools.cache(lambda kind: stack.enter_context(PLACES[kind](tmp_path_factory.mktemp("place"))))


@pytest.fixture
def place(places: Callable[[str], Place], kind: str) -> Iterator[Place]:
    """The place, without idle connections, which a fault would not meet."""
    opened = places(kind)
    opened.bare.close()
    yield opened
    opened.line.faults = []
    if opened.web is not None:
        opened.web.set_faults([])


USUAL: dict[str, int] = {}


def usual(kind: str, place: Place) -> int:
    """The traffic of an undisturbed run on a storage of this kind."""
    if kind not in USUAL:
        before, work = place.traffic(), Work()
        work.run(place.storage)
        assert work.error is None
        USUAL[kind] = place.traffic() - before
        place.bare.close()
    return USUAL[kind]


def judge(place: Place, work: Work, usually: int, traffic: int, counted: Counter[str]) -> None:
    """Whether what came of it is one of the two things that are allowed."""
    counted |= {"failed" if work.error else "succeeded": 1, "traffic": traffic, "usually": usually}
    if work.error is not None:
        assert "\n" not in work.error.message
        assert len(work.error.message) < 300
    work.check(place.direct)
    assert work.longest < 2 * place.limit
    assert traffic <= 3 * usually


@pytest.mark.parametrize(("kind", "name", "times"), list(cases(DEEDS, WEB)))
def test_web_servers_that_fail(place: Place, kind: str, name: str, times: str, chance, counted) -> None:
    assert place.web is not None
    usually = usual(kind, place)
    deed, methods = DEEDS[name]
    place.web.set_faults(WebFault(deed, method, when=when(times, chance)) for method in methods)
    work = Work()
    work.run(place.storage)
    traffic = place.traffic()
    place.web.set_faults([])
    if times == "first" and name not in CLEAN_FAILURES:
        assert work.error is None
    judge(place, work, usually, traffic, counted)


@pytest.mark.parametrize(("kind", "name", "times"), list(cases(HARMS, list(PLACES))))
def test_lines_that_fail(place: Place, kind: str, name: str, times: str, chance, counted) -> None:
    usually = usual(kind, place)
    before = place.traffic()
    place.line.faults = [replace(HARMS[name], when=nth(when(times, chance), place.line.connections))]
    work = Work()
    work.run(place.storage)
    traffic = place.traffic() - before
    place.line.faults = []
    judge(place, work, usually, traffic, counted)
    if times == "first" and name not in NEVER_REACHED.get(kind, ()):
        assert work.error is None


def nth(strikes: When, before: int) -> When:
    """``strikes``, counting from now."""
    return lambda number: strikes(number - before)
