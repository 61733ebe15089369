"""What a proxy in front says about the request: where it came from, and what the caller has asked for.

For operators who say that there is one, by ``[oslo_middleware] enable_proxy_headers_parsing`` as with the original, or
by ``behind_proxy``. Of several hops only the last is believed, which is the proxy's own word; callers can write the
others themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_SCHEMES = frozenset({"http", "https"})


def believing_proxy(inner: WSGIApplication) -> WSGIApplication:
    """``inner``, which sees the request as it came to the proxy."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        said = _forwarded(environ.get("HTTP_FORWARDED", "")) or _older(environ)
        if said.get("proto") in _SCHEMES:
            environ["wsgi.url_scheme"] = said["proto"]
        if said.get("host"):
            environ["HTTP_HOST"] = said["host"]
        if said.get("for"):
            environ["REMOTE_ADDR"] = _address(said["for"])
        if environ.get("HTTP_X_FORWARDED_PREFIX"):
            environ["SCRIPT_NAME"] = _last(environ["HTTP_X_FORWARDED_PREFIX"]).rstrip("/")
        return inner(environ, start_response)

    return application


def is_proxied(environ: Mapping[str, Any]) -> bool:
    """Whether somebody stands between the caller and this server."""
    return "HTTP_FORWARDED" in environ or "HTTP_X_FORWARDED_FOR" in environ


def _forwarded(header: str) -> dict[str, str]:
    """The last hop of a header ``Forwarded`` (RFC 7239)."""
    pairs = (each.partition("=") for each in _last(header).split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if value}


def _older(environ: Mapping[str, Any]) -> dict[str, str]:
    names = {"proto": "PROTO", "host": "HOST", "for": "FOR"}
    return {key: _last(environ.get(f"HTTP_X_FORWARDED_{name}", "")) for key, name in names.items()}


def _last(header: str) -> str:
    return header.rsplit(",", 1)[-1].strip()


def _address(text: str) -> str:
    """The address in ``[2001:db8::1]:4711``, ``192.0.2.1:4711`` and the like."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
