"""Who did what: noted with every change, read by administrators."""

from __future__ import annotations

import threading
from typing import TypeVar

from msgspec.structs import replace

from freezer.api.service.caller import Caller
from freezer.api.store.audit import LONGEST_TARGET
from freezer.api.store.contract import Store, Unit

T = TypeVar("T")
_AT_ONCE = 1000
_DAY = 86_400
_HOUR = 3600
_MOST_REMEMBERED = 10_000


class Sights:
    """Who has lately been noted to have looked at what; each process has its own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def is_first(self, user_id: str, operation: str, now: int) -> bool:
        """Whether it has not been noted within the hour."""
        with self._lock:
            if now - self._seen.get((user_id, operation), -_HOUR) < _HOUR:
                return False
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[user_id, operation] = now
            return True


def noted(unit: Unit, caller: Caller, result: T, made: str = "") -> T:
    """``result``, after what the caller has done is noted; ``made``: the id of what is new."""
    if caller.deed is not None:
        target = f"{caller.deed.target}/{made}"[:LONGEST_TARGET] if made else caller.deed.target
        unit.audit.note(replace(caller.deed, target=target))
    return result


def forget(store: Store, now: int, days: int) -> int:
    """Remove what is older than ``days``, a thousand rows at a time; how many there were."""
    total = 0
    while True:
        gone = store.write(lambda unit: unit.audit.forget(now - days * _DAY, _AT_ONCE))
        total += gone
        if gone < _AT_ONCE:
            return total
