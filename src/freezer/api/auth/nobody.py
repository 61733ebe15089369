"""No authentication: whoever reaches the server is its administrator, so only this machine may reach it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from freezer.api.auth.gate import Environ, NotAuthenticated, told_identity
from freezer.api.scope import Identity
from freezer.errors import UsageError

PROJECT = "default"
ADMINISTRATOR = Identity("admin", PROJECT, frozenset({"admin", "member", "reader"}), "admin")


def identify(environ: Environ) -> Identity:
    """The identity that the request claims in Keystone's headers, else the administrator."""
    if not is_loopback(environ.get("REMOTE_ADDR", "")) or not _is_ours(environ.get("HTTP_ORIGIN")):
        raise NotAuthenticated
    if "HTTP_X_IDENTITY_STATUS" in environ:
        return told_identity(environ)
    return ADMINISTRATOR


def check_address(host: str) -> None:
    """UsageError unless ``host`` can be reached from this machine alone."""
    if not is_loopback(host):
        raise UsageError(
            f"without authentication freezer-api does not listen on {host}",
            hint="set [api] auth to basic or keystone, or bind_host to 127.0.0.1",
        )


def _is_ours(origin: str | None) -> bool:
    """Whether it is no page of another site that makes a browser on this machine ask."""
    if origin is None:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return bool(host) and is_loopback(str(host))


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address, is this machine, seen from itself."""
    if host in {"localhost", ""}:
        return True  # a Unix socket has no address
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
