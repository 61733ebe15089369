"""The names a restore waits for, by directory.

They come and go as *runs*: the names of a directory, or of a long list those between two names, each with how it is
waited for. Runs that were asked for lately are dictionaries; others are packed, in a table that moves to disk. Archives
have the members of a directory together and in the order of its list, so that each run is unpacked once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby, islice

from freezer.spill.table import Table

NOW, LATER, MISSING = 1, 2, 3
"""Expected in the level being read; in an older one; looked for although a level that promised it did not hold it."""

IN_MEMORY = 100_000
"""Names in unpacked runs, about 16 MB."""

Run = dict[bytes, int]
"""Name → :data:`NOW`, :data:`LATER` or :data:`MISSING`."""

_NUMBER = 4  # bytes of a run's number in a key
_SORTED = 1000  # names in a run of a list that was in no order


class Waiting:
    """(directory, name) → :data:`NOW`, :data:`LATER` or :data:`MISSING`."""

    def __init__(self) -> None:
        self._near: OrderedDict[bytes, tuple[Run, int]] = OrderedDict()  # with its size when it was put there
        self._near_count = 0  # the sum of these sizes: a dictionary takes as much memory when it is empty again
        self._packed = Table()
        self._starts: dict[bytes, list[bytes]] = {}  # directory with several runs → the first name of each

    def __bool__(self) -> bool:
        return any(run for run, _ in self._near.values()) or bool(self._packed)

    def expect(self, directory: bytes, runs: Iterable[Run]) -> None:
        """Wait for ``runs``, which are the caller's no more, in a directory in which nothing is waited for."""
        rest = (run for run in runs if run)
        starts: list[bytes] = []
        last = b""
        for number, run in enumerate(rest):
            if number:
                if number == 1:
                    starts, last = self._bounds(directory)
                start = min(run)
                if start <= last:
                    self._hold(_key(directory, number), run)
                    self._starts[directory] = [*starts, start]
                    self._sort(directory, rest)
                    return
                starts.append(start)
                last = max(run)
            self._hold(_key(directory, number), run)
        if starts:
            self._starts[directory] = starts

    def take(self, directory: bytes, name: bytes, *, newest: bool) -> int | None:
        """How ``name`` was waited for, which is over now; None if it was not. In the newest level nothing is taken that
        an older one shall have."""
        run = self.at_hand(directory, name)
        state = run.get(name) if run is not None else None
        if run is None or state is None or (newest and state == LATER):
            return None
        del run[name]
        return state

    def at_hand(self, directory: bytes, name: bytes) -> Run | None:
        """The run of ``directory`` in which ``name`` is if it is waited for; names may be taken out of it until
        anything else is called."""
        starts = self._starts.get(directory)
        if starts is None:
            key = _key(directory, 0)
        elif name < starts[0]:
            return None
        else:
            key = _key(directory, bisect_right(starts, name) - 1)
        near = self._near.get(key)
        if near is not None:
            return near[0]
        packed = self._packed.pop(key)
        if packed is None:
            return None
        run = _unpacked(packed)
        self._hold(key, run)
        return run

    def drop(self, directory: bytes) -> None:
        """Wait for nothing in ``directory`` any more."""
        for _ in self._take_out(directory):
            pass

    def directories(self) -> Iterator[tuple[bytes, Iterator[Run]]]:
        """Every directory with its runs; nothing may change meanwhile."""
        while self._near:
            self._pack_one()
        for directory, entries in groupby(self._packed.items(), lambda entry: entry[0][:-_NUMBER]):
            yield directory, (_unpacked(packed) for _, packed in entries)

    def close(self) -> None:
        """Give memory and disk space back."""
        self._near.clear()
        self._starts.clear()
        self._packed.close()
        self._near_count = 0

    def _bounds(self, directory: bytes) -> tuple[list[bytes], bytes]:
        """The least and the greatest name of the first run, the one as a list."""
        run = self.at_hand(directory, b"") or {}
        return [min(run)], max(run)

    def _sort(self, directory: bytes, rest: Iterable[Run]) -> None:
        """Have ``rest`` as well, with names in any order."""
        names = Table()
        for runs in (self._take_out(directory), rest):
            for run in runs:
                for name, state in run.items():
                    names.put(name, bytes((state,)))
        entries = ((name, state[0]) for name, state in names.items())
        self.expect(directory, iter(lambda: dict(islice(entries, _SORTED)), {}))
        names.close()

    def _take_out(self, directory: bytes) -> Iterator[Run]:
        for number in range(len(self._starts.pop(directory, (b"",)))):
            key = _key(directory, number)
            near = self._near.pop(key, None)
            if near is not None:
                self._near_count -= near[1]
                yield near[0]
            elif (packed := self._packed.pop(key)) is not None:
                yield _unpacked(packed)

    def _hold(self, key: bytes, run: Run) -> None:
        self._near[key] = run, len(run)
        self._near_count += len(run)
        while self._near_count > IN_MEMORY and len(self._near) > 1:
            self._pack_one()

    def _pack_one(self) -> None:
        key, (run, size) = self._near.popitem(last=False)
        self._near_count -= size
        if run:
            self._packed.put(key, _packed(run))


def _key(directory: bytes, number: int) -> bytes:
    return directory + number.to_bytes(_NUMBER, "big")


def _packed(run: Run) -> bytes:
    """The names by state, in three parts; none of them is empty or contains a NUL."""
    states = set(run.values())
    if len(states) == 1:  # as in nearly every run of an unchanged directory
        state = states.pop()
        return b"\0\0" * (state - 1) + b"\0".join(run) + b"\0\0" * (MISSING - state)
    by_state: tuple[list[bytes], ...] = ([], [], [])
    for name, state in run.items():
        by_state[state - 1].append(name)
    return b"\0\0".join(b"\0".join(names) for names in by_state)


def _unpacked(packed: bytes) -> Run:
    run: Run = {}
    for state, names in enumerate(packed.split(b"\0\0"), 1):
        if names:
            run.update(dict.fromkeys(names.split(b"\0"), state))
    return run
