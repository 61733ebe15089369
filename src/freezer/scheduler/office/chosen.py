"""One of two offices, as soon as it is known which API there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from freezer.model.runs import Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Office, Order, Standing, Told, Wanted


class ChosenOffice:
    """``original`` if ``is_original`` says so, else ``ours``."""

    def __init__(self, ours: Office, original: Office, is_original: Callable[[], bool]) -> None:
        self._ours = ours
        self._original = original
        self._is_original = is_original

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        return self._present.take(wanted, after=after)

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        return self._present.renew(hold)

    def tell(self, hold: Hold, told: Told) -> None:
        self._present.tell(hold, told)

    def log(self, hold: Hold, text: str) -> None:
        self._present.log(hold, text)

    def backup(self, hold: Hold, document: Document) -> None:
        self._present.backup(hold, document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        self._present.upkeep(hold, done)

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        self._present.missed(job, first, last, count)

    def noted(self, job: Document, standing: Standing) -> None:
        self._present.noted(job, standing)

    def left(self) -> Sequence[Left]:
        return self._present.left()

    @property
    def _present(self) -> Office:
        return self._original if self._is_original() else self._ours
