"""A store in which nothing is changed for the time being: for moving a database, or looking at one that is broken."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from freezer.api.refusals import Refusal
from freezer.api.store.contract import Store, Unit

T = TypeVar("T")
_RETRY_SECONDS = "30"


class ReadOnly:
    """``inner`` while ``still`` is false; while it is true every unit that writes is refused with 503.

    ``still`` is asked before each such unit.
    """

    def __init__(self, inner: Store, still: Callable[[], bool]) -> None:
        self._inner = inner
        self._still = still

    @property
    def writes(self) -> bool:
        return not self._still() and self._inner.writes

    def read(self, work: Callable[[Unit], T]) -> T:
        return self._inner.read(work)

    def write(self, work: Callable[[Unit], T]) -> T:
        if self._still():
            message = "The server is read-only at present: what is there can be looked at, and nothing changed."
            raise Refusal(503, "Service Unavailable", message, headers={"Retry-After": _RETRY_SECONDS})
        return self._inner.write(work)

    def check(self) -> None:
        self._inner.check()


def read_only_while(always: bool, path: str) -> Callable[[], bool]:
    """Whether it is time to change nothing: always, or while there is a file ``path``."""

    def still() -> bool:
        return always or bool(path and os.path.exists(path))

    return still
