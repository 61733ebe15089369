"""Broken lines as errors of the storage contract."""

from __future__ import annotations

import ssl
from http.client import HTTPException, IncompleteRead

from freezer.errors import PermanentError, StorageError, TransientError
from freezer.keystone.failures import certificate_error, connection_error

_NO_TLS = ("wrong version number", "record layer failure")


def line_error(
    place: str, error: OSError | HTTPException, *, authorities: str, hint: str | None = None
) -> StorageError:
    """``error`` of a conversation with ``place`` (``S3 at https://host``).

    ``authorities`` names what the user sets for an authority of his own; ``hint`` is for servers not reached at all.
    """
    if isinstance(error, ssl.SSLEOFError):
        return TransientError(f"{place}: the connection was lost")
    if isinstance(error, ssl.SSLError):
        if any(words in str(error).lower() for words in _NO_TLS):
            return PermanentError(f"{place}: its port speaks no TLS", hint="an address without TLS begins with http://")
        return PermanentError(
            certificate_error(place, error).message,
            hint=f"name the PEM file of its authority in {authorities}; --insecure trusts anybody",
        )
    if isinstance(error, IncompleteRead):
        return TransientError(f"{place}: the answer ended before its end")
    return connection_error(place, error, hint)
