"""Whether the API can be asked at present."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from freezer.clock import Clock
from freezer.errors import ApiDenied, ApiError, ApiUnavailable

T = TypeVar("T")
_ASK_AGAIN_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_logger = logging.getLogger(__name__)


class Reach:
    """What the last requests have come to. May be used from any thread; says so in the log when it becomes another
    thing, and not each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: float | None = None
        self._said: str | None = None
        self._pause = _FIRST_PAUSE

    def ask(self, request: Callable[[], T]) -> T:
        """What ``request`` comes to."""
        try:
            answer = request()
        except ApiError as error:
            self._note(error)
            raise
        self._note(None)
        return answer

    def is_away(self) -> bool:
        """Whether it could not be reached a moment ago, so that it makes no sense to ask again now."""
        failed = self._failed_at
        return failed is not None and self._clock.monotonic() - failed < _ASK_AGAIN_SECONDS

    def pause(self) -> float:
        """Seconds to wait before the next attempt: ever more, until one goes well."""
        with self._lock:
            pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause

    def _note(self, error: ApiError | None) -> None:
        away = isinstance(error, ApiUnavailable)
        said = error.message if error is not None and (away or isinstance(error, ApiDenied)) else None
        with self._lock:
            self._failed_at = self._clock.monotonic() if away else None
            if said is None:
                self._pause = _FIRST_PAUSE
            before, self._said = self._said, said
        if said is not None and before != said:
            assert error is not None
            _logger.warning("%s%s", said, f" ({error.hint})" if error.hint else "")
        elif said is None and before is not None:
            _logger.warning("the API can be asked again")
