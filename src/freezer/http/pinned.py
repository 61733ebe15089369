"""The certificate of a server that is known by its fingerprint."""

from __future__ import annotations

import hmac
import ssl

from freezer.crypto.certificate import fingerprint
from freezer.errors import PermanentError, StorageError
from freezer.http.failures import line_error


def fetch_certificate(host: str, port: int, wanted: str, timeout: float) -> str:
    """The certificate in PEM form that the server shows, if its SHA-256 is ``wanted``; otherwise PermanentError, and
    nothing was said to it."""
    place = f"the server at {host}:{port}"
    try:
        found = ssl.get_server_certificate((host, port), timeout=timeout)
    except OSError as error:
        failed: StorageError = line_error(place, error, authorities="the join token", hint="does its API run?")
        raise failed from None
    if not hmac.compare_digest(fingerprint(found), wanted):
        raise PermanentError(
            f"{place} is not the one that the token is for: its certificate is another",
            hint="make a new token there; if it is right, somebody stands between the two machines",
        )
    return found
