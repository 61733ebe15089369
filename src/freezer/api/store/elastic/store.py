"""The store: units that are committed one after the other, and done again when another was in their way."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from freezer.api.store.contract import Unavailable
from freezer.api.store.elastic import index
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.journal import Journal, Seen
from freezer.api.store.elastic.unit import ElasticUnit
from freezer.api.store.elastic.wire import Wire
from freezer.api.store.known import Known
from freezer.clock import Clock

T = TypeVar("T")
_TRIES = 12
_ALONE_AFTER = 2
_COMMITS = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


class ElasticStore:
    """A store in the index that ``wire`` leads to; ``repeated`` is called whenever a unit is done again."""

    def __init__(
        self, wire: Wire, clock: Clock, known: Known | None = None, repeated: Callable[[], None] | None = None
    ) -> None:
        self._wire = wire
        self._clock = clock
        self._known = known or Known()
        self._repeating = repeated
        self._journal = Journal(wire, clock)
        self._committing = threading.Lock()
        self._alone = threading.Lock()

    @property
    def writes(self) -> bool:
        return True

    def read(self, work: Callable[[ElasticUnit], T]) -> T:
        return work(self._unit(self._journal.now())[0])

    def write(self, work: Callable[[ElasticUnit], T]) -> T:
        pause = _FIRST_PAUSE
        for number in range(_TRIES):
            # Others were twice faster than who has this process for itself now; whoever begins waits for that one.
            if number < _ALONE_AFTER:
                with self._alone:
                    pass
            with self._alone if number >= _ALONE_AFTER else nullcontext():
                before = self._journal.now()
                unit, buffer = self._unit(before)
                result = work(unit)
                if self._committed(before, unit, buffer):
                    return result
            if self._repeating is not None:
                self._repeating()
            self._clock.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise Unavailable("the search server is busy: other changes were always faster")

    def restored(self) -> int:
        """Begin a new incarnation, after the index was restored from a copy; its number."""
        for _ in range(_TRIES):
            seen = self._journal.now()
            incarnation = max(seen.head.incarnation + 1, int(self._clock.now()))
            if self._journal.commit(seen, {}, incarnation):
                return incarnation
        raise Unavailable("other servers still change the index: end them first")

    def close(self) -> None:
        """Give back the connections."""
        self._wire.close()

    def check(self) -> None:
        """Unavailable if the server cannot be reached; FreezerError if the index is not for this version."""
        index.check(self._wire)

    def _unit(self, seen: Seen) -> tuple[ElasticUnit, Buffer]:
        buffer = Buffer(self._wire, self._journal, int(self._clock.now()))
        return ElasticUnit(buffer, self._known, seen.head.incarnation), buffer

    def _committed(self, before: Seen, unit: ElasticUnit, buffer: Buffer) -> bool:
        """Whether what the unit did is durable; False if something it stands on has changed since ``before``."""
        with self._committing:
            seen = before
            for _ in range(_COMMITS):
                last = buffer.branch()
                unit.settle(last)
                documents = last.changes()
                if not documents or self._journal.commit(seen, documents):
                    return True
                seen = self._journal.now()
                if not buffer.still_holds():
                    return False
        return False
