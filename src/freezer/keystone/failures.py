"""Errors that every service of a cloud can meet on the way, as ours."""

from __future__ import annotations

from freezer.errors import PermanentError, StorageError, TransientError

_UNKNOWN_NAME = ("Name or service not known", "nodename nor servname", "No address associated", "getaddrinfo failed")
_REASONS = (
    "certificate has expired", "self-signed certificate", "self signed certificate",
    "unable to get local issuer certificate", "IP address mismatch", "Hostname mismatch", "doesn't match",
    "wrong version number", "Connection refused", "Temporary failure in name resolution", "timed out",
    "No route to host", "Network is unreachable", "Connection reset by peer", "Remote end closed connection",
    *_UNKNOWN_NAME,
)  # fmt: skip


def certificate_error(place: str, error: Exception) -> StorageError:
    """For a server whose certificate is not trusted."""
    return PermanentError(
        f"{place}: its certificate is not trusted ({_reason(error)})",
        hint="name the PEM file of its authority in OS_CACERT; --insecure trusts anybody",
    )


def connection_error(place: str, error: Exception, hint: str | None = None) -> StorageError:
    """For a server that cannot be reached; a name that nobody knows does not become known by trying again."""
    reason = _reason(error)
    if reason in _UNKNOWN_NAME:
        return PermanentError(f"{place} cannot be reached: nobody knows this host name", hint=hint)
    return TransientError(f"{place} cannot be reached: {reason}", hint=hint)


def _reason(error: Exception) -> str:
    """The part of a library's long message that says what is wrong."""
    text = " ".join(str(error).split())
    return next((reason for reason in _REASONS if reason.lower() in text.lower()), text[:200])
