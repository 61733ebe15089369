"""Jobs that need not be looked at for a while.

A round goes through all jobs once a minute, and there may be a hundred thousand. Most of them can be left alone until
their next instant: what happens to them meanwhile either changes their document, as every run does, or puts off what is
looked for.
"""

from __future__ import annotations

from freezer.api.store.contract import Record


class Rest:
    """Until when jobs rest, as long as their documents stay as they are."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int | None]] = {}
        self._known: dict[str, tuple[int, int | None]] = {}

    def begin(self) -> None:
        """Begin a round; whoever did not come in the last one is forgotten."""
        self._before, self._known = self._known, {}

    def has(self, job: Record, now: int) -> bool:
        """Whether ``job`` rests; it is asked once in a round."""
        found = self._before.get(job.id)
        if found is None or found[0] != job.revision or (found[1] is not None and found[1] <= now):
            return False
        self._known[job.id] = found
        return True

    def until(self, job: Record, instant: int | None) -> None:
        """Let ``job`` rest until ``instant``; None: until its document changes."""
        self._known[job.id] = (job.revision, instant)
