"""What changes in a project: asked for once, or followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from freezer.client.wire import Wire
from freezer.errors import ApiError, ApiUnavailable

FEATURE = "changes"
_LONGEST_WAIT = 50
_UNKNOWN = -1
_MARGIN = 10  # seconds that an answer may take beside the waiting
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """``deed`` (``made``, ``changed``, ``removed``) is what happened to the ``kind`` (``job``) with this ``id``;
    ``client``: whose scheduler it concerns, None if nobody's in particular."""

    number: int
    kind: str
    id: str
    deed: str
    client: str | None


@dataclass(frozen=True, slots=True)
class News:
    """``changes``, oldest first. ``reset``: there may be others that nobody knows any more, so that whoever keeps lists
    reads them again. ``last``: from where to go on."""

    changes: tuple[Change, ...]
    last: int
    reset: bool


class Changes:
    """The changes of a project, of one client's alone if it is named."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def last(self) -> int:
        """The number of the newest change. Ask for it *before* the lists that are to be kept up to date."""
        return self._ask({}).last

    def after(self, number: int, *, client: str | None = None, wait: float = 0) -> News:
        """What has changed behind ``number``; if there is nothing, as soon as there is, ``wait`` seconds at most. The
        API may have no room for another who waits; the answer is then that nothing has changed."""
        return self._ask({"since": number, "wait": int(wait), **({} if client is None else {"client_id": client})})

    def follow(
        self,
        *,
        client: str | None = None,
        every: float = 30.0,
        going: Callable[[], bool] = lambda: True,
        patient: bool = True,
    ) -> Iterator[News]:
        """News without end, as long as ``going`` says so; the first at once, with ``reset``.

        Where the API cannot let us wait, it is asked ``every`` so many seconds; one that knows no changes at all (the
        original's) is taken to have changed each time. While it cannot be reached it is asked again, ever more seldom;
        unless ``patient`` that is :class:`freezer.errors.ApiUnavailable`.
        """
        last: int | None = None
        pause = _FIRST_PAUSE
        while going():
            begun = self._wire.clock.monotonic()
            try:
                news = self._next(last, client)
            except ApiUnavailable:
                if not patient:
                    raise
                self._wire.clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause, last = _FIRST_PAUSE, news.last
            if news.reset or news.changes:
                yield news
                if last != _UNKNOWN:
                    continue
            rest = every - (self._wire.clock.monotonic() - begun)  # the answer came early: there was no waiting
            if rest > 0 and going():
                self._wire.clock.sleep(rest)

    def _next(self, last: int | None, client: str | None) -> News:
        if FEATURE not in self._wire.features():
            return News((), _UNKNOWN, reset=True)
        if last is None or last == _UNKNOWN:
            return News((), self.last(), reset=True)
        wait = max(min(_LONGEST_WAIT, self._wire.timeout - _MARGIN), 1)
        return self.after(last, client=client, wait=wait)

    def _ask(self, query: dict[str, object]) -> News:
        answer = self._wire.ask("GET", "/changes", "list of changes", query=query)
        if not isinstance(answer, dict) or "last" not in answer:
            raise ApiError(f"{self._wire.place} does not tell what changes", hint="it may be older than this program")
        changes = tuple(
            Change(each["number"], each["kind"], each["id"], each["deed"], each.get("client_id"))
            for each in answer.get("changes", [])
        )
        return News(changes, int(answer["last"]), bool(answer.get("reset")))
