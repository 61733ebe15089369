"""Telling the API which client we are, what we can do, and how we are."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping

from freezer import __version__
from freezer.client import Api
from freezer.clock import Clock
from freezer.errors import ApiConflict, ApiError, ApiMissing
from freezer.scheduler.contract import Host

_FEATURE = "runs"  # an API that knows runs knows health
_EVERY_SECONDS = 240.0
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_MOST_OFFSET = 60
_logger = logging.getLogger(__name__)


def default_client(api: Api) -> str:
    """The name of this machine's client if nobody has given one: ``<project>_<host name>``, as the original's."""
    return f"{api.project()}_{socket.gethostname()}"


def register(api: Api, document: Mapping[str, object]) -> bool:
    """Make the client of ``document``, or bring up to date what is known of it. False: it is known already to an API
    that cannot do the latter, the original's."""
    try:
        api.clients.create(document)
    except ApiConflict:
        return False
    return True


class Attendance:
    """Registers the client that ``document`` gives, and says every few minutes how we are; ``waiting``: how much is
    yet to be delivered."""

    def __init__(
        self, api: Api, document: Callable[[], Mapping[str, object]], clock: Clock, waiting: Callable[[], int]
    ) -> None:
        self._api = api
        self._document = document
        self._clock = clock
        self._waiting = waiting
        self._client = ""
        self._registered = False
        self._said: str | None = None
        self._is_wrong = False

    def serve(self, host: Host) -> None:
        """Do so as long as ``host`` goes on."""
        pause = _FIRST_PAUSE
        while host.going():
            try:
                self.attend()
            except ApiError as error:
                if error.message != self._said:
                    _logger.warning("this scheduler cannot register: %s", error)
                self._said = error.message
                host.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._said, pause = None, _FIRST_PAUSE
                host.wait(_EVERY_SECONDS)

    def attend(self) -> None:
        """Register if that has not been done, or somebody has removed the client, and say how we are."""
        if not self._registered:
            document = self._document()
            register(self._api, document)
            self._registered, self._client = True, str(document["client_id"])
            _logger.info("client %s is registered", self._client)
        if _FEATURE not in self._api.features():
            return
        try:
            told = {"version": __version__, "time": int(self._clock.now()), "spool": self._waiting()}
            self._api.operations.report_health(self._client, **told)
            self._compare(self._api.operations.health(self._client).get("clock_offset"))
        except ApiMissing:
            self._registered = False
            raise

    def _compare(self, offset: object) -> None:
        """Say so if our clock is wrong, once."""
        wrong = isinstance(offset, int) and abs(offset) > _MOST_OFFSET
        if wrong and not self._is_wrong:
            assert isinstance(offset, int)
            where = "ahead of" if offset > 0 else "behind"
            _logger.error("this machine's clock is %d s %s the API's: runs are not on time", abs(offset), where)
        self._is_wrong = wrong
