"""Bundles, read ahead in the order in which they will be wanted, by threads that also open and verify them.

Bundles that lie side by side in a pack are read with one request. What was opened stays for a while, since a restore
comes back to it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from itertools import accumulate

from freezer.browse.opened import Opened
from freezer.browse.walking import UNREADABLE
from freezer.errors import DataError, FreezerError
from freezer.repository.documents import ID_SIZE, Bundle
from freezer.repository.index import Pack
from freezer.repository.packs.use import Use, identifiers
from freezer.stream.crew import Crew, Stopped
from freezer.stream.pipeline import processors

KEPT = 16 * 1024 * 1024
"""Bytes of opened bundles that stay at hand: a restore comes back to the last few."""

TOGETHER = 4 * 1024 * 1024
"""Bytes, opened, of neighbouring bundles that are read with one request."""

_PATIENCE = 5.0  # seconds that the end of a thread is waited for


class Load:
    """A bundle: where it is, and from when it is ``done`` its ``plain`` bytes, or the ``problem`` why there are none.

    ``start``: number (of the index) of its first chunk; ``ends``: where chunk *n* begins, and behind the last where it
    ends, in ``plain``; ``wrong``: chunks that are not what their ids say.
    """

    __slots__ = ("bundle", "done", "ends", "pack", "plain", "problem", "start", "wanted", "wrong")

    def __init__(self, pack: Pack, bundle: Bundle, number: int, id: bytes, offset: int) -> None:
        self.pack = pack
        self.bundle = bundle
        self.ends = [0, *accumulate(bundle.lengths)]
        position = bisect_right(self.ends, offset, 0, len(bundle.lengths)) - 1
        while position and not bundle.ids.startswith(id, position * ID_SIZE):
            position -= 1  # a chunk of no bytes begins where the next one does
        self.start = number - position
        self.wanted = self.done = False
        self.plain = memoryview(b"")
        self.wrong: frozenset[int] = frozenset()
        self.problem: FreezerError | None = None

    def span(self, position: int, ids: bytes) -> memoryview | None:
        """The bytes of these chunks, which lie side by side from that position on; None if they cannot be had from
        here."""
        count = len(ids) // ID_SIZE
        if self.problem is not None or (self.wrong and not self.wrong.isdisjoint(range(position, position + count))):
            return None
        if self.bundle.ids[position * ID_SIZE : (position + count) * ID_SIZE] != ids:
            return None
        return self.plain[self.ends[position] : self.ends[position + count]]


class Loader:
    """Loads for one restore. One thread calls everything; :meth:`close` ends the others."""

    def __init__(self, opened: Opened, *, threads: int | None = None) -> None:
        self._opened = opened
        self._identify = identifiers(opened.repository.keys.ids)[Use.CONTENT]
        self._kept: OrderedDict[tuple[str, int], Load] = OrderedDict()
        self._kept_bytes = 0
        self._together: list[Load] = []
        self._together_bytes = 0
        self._jobs: deque[list[Load]] = deque()
        self._crew = Crew("restore")
        ahead = opened.repository.storage.capabilities.read_ahead
        self._threads = threads or max(processors(), ahead)
        self.ahead = (self._threads + 1) * TOGETHER
        """Bytes of bundles, opened, that may be on their way or waiting to be used."""
        self._started = False

    def find(self, number: int) -> Load:
        """The load in which the copy of that number of the index is."""
        index = self._opened.index
        place = index.place(number)
        key = (place.pack.name, place.bundle)
        load = self._kept.get(key)
        if load is not None:
            self._kept.move_to_end(key)
            return load
        load = Load(place.pack, index.bundle(place.pack, place.bundle), number, index.id(number), place.offset)
        self._kept[key] = load
        self._kept_bytes += load.bundle.plain
        while self._kept_bytes > KEPT and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].bundle.plain
        return load

    def want(self, load: Load) -> int:
        """The load will be wanted, after those for which this was called before; returns the bytes that it takes up
        from now on, 0 if it does already."""
        if load.wanted:
            return 0
        load.wanted = True
        size, last = load.bundle.plain, self._together[-1] if self._together else None
        if last is not None and (not _follows(last, load) or self._together_bytes + size > TOGETHER):
            self._send()
        self._together.append(load)
        self._together_bytes += size
        return size

    def wait(self, load: Load) -> Load:
        """Returns when the load is done."""
        if not load.done:
            self.want(load)
            self._send()
            crew = self._crew
            with crew.changed:
                try:
                    crew.wait_for(lambda: load.done)
                except Stopped:
                    raise crew.error or Stopped() from None
        return load

    def close(self) -> None:
        """End all threads."""
        self._crew.dismiss(_PATIENCE)
        self._kept.clear()

    def _send(self) -> None:
        """Have what was gathered read."""
        if not self._together:
            return
        if not self._started:
            self._started = True
            for number in range(self._threads):
                self._crew.start(f"load-{number}", self._work)
        with self._crew.changed:
            self._jobs.append(self._together)
            self._crew.changed.notify_all()
        self._together, self._together_bytes = [], 0

    def _work(self) -> None:
        crew = self._crew
        while True:
            with crew.changed:
                crew.wait_for(lambda: self._jobs)
                loads = self._jobs.popleft()
            self._read(loads)
            with crew.changed:
                crew.changed.notify_all()

    def _read(self, loads: list[Load]) -> None:
        """Read neighbouring bundles and open each. What is missing or damaged is noted; anything else is raised."""
        begin, last = loads[0].bundle.offset, loads[-1].bundle
        try:
            raw = memoryview(self._opened.repository.read(loads[0].pack.name, begin, last.offset + last.sealed - begin))
        except UNREADABLE as error:
            for load in loads:
                load.problem, load.done = error, True
            return
        for load in loads:
            start = load.bundle.offset - begin
            try:
                self._open(load, raw[start : start + load.bundle.sealed])
            except DataError as error:
                load.problem = error
            load.done = True

    def _open(self, load: Load, sealed: memoryview) -> None:
        bundle, ends, identify = load.bundle, load.ends, self._identify
        plain = memoryview(self._opened.reader.open(load.pack, bundle, sealed))
        ids, begin, place, wrong = bundle.ids, 0, 0, []
        for end in ends[1:]:
            if identify(plain[begin:end]) != ids[place : place + ID_SIZE]:
                wrong.append(place // ID_SIZE)
            begin = end
            place += ID_SIZE
        load.plain, load.wrong = plain, frozenset(wrong)


def _follows(first: Load, second: Load) -> bool:
    """Whether one request can read both."""
    return first.pack is second.pack and first.bundle.offset + first.bundle.sealed == second.bundle.offset
