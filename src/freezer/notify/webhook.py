"""Notices as JSON documents, posted to an address."""

from __future__ import annotations

from http.client import HTTPException
from urllib.parse import urlsplit

import msgspec

from freezer.errors import FreezerError, UsageError
from freezer.http import Connections, line_error
from freezer.notify.notice import Notice
from freezer.secret import Secret

_SECONDS = 10.0
_TAKEN = range(200, 300)


class Webhook:
    """An address that may be a secret itself, since who knows it may post; messages name its host alone."""

    def __init__(self, address: Secret, authorities: str = "") -> None:
        self._address = address
        parts = urlsplit(address.reveal().decode("utf-8", "surrogateescape"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError("[notify] webhook is no http or https address")
        self.name = f"webhook at {parts.hostname}"
        self._connections = Connections(authorities, _SECONDS)

    def send(self, notice: Notice) -> None:
        """Post it; FreezerError unless the server says that it has taken it."""
        headers = {"Content-Type": "application/json", "User-Agent": "freezer"}
        url = self._address.reveal().decode("utf-8", "surrogateescape")
        try:
            answer = self._connections.ask("POST", url, headers, msgspec.json.encode(notice.document()))
        except (OSError, HTTPException) as error:
            raise line_error(self.name, error, authorities="[notify] authorities") from None
        if answer.status not in _TAKEN:
            raise FreezerError(f"{self.name} answered {answer.status}")
