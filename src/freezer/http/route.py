"""How an origin is reached: directly or through a proxy, and whose certificates are taken."""

from __future__ import annotations

import base64
import os
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass


@dataclass(frozen=True, slots=True)
class Route:
    """``origin`` is reached through ``proxy``, None if directly; ``context`` is None without TLS."""

    origin: SplitResult
    proxy: SplitResult | None
    context: ssl.SSLContext | None

    @property
    def proxy_login(self) -> dict[str, str]:
        """The headers by which the proxy lets us in."""
        if self.proxy is None or self.proxy.username is None:
            return {}
        words = f"{unquote(self.proxy.username)}:{unquote(self.proxy.password or '')}"
        return {"Proxy-Authorization": "Basic " + base64.b64encode(words.encode()).decode()}


Certificate = str | tuple[str, str]
"""Our own: a PEM file with certificate and key, or one of each."""


def find_route(origin: str, trust: str | None, certificate: Certificate | None = None) -> Route:
    """The route to ``origin`` (``https://host:port``), through the proxy that the environment names for it, if any.

    ``trust`` is the PEM file, or folder, of the authorities whose certificates are taken; empty for the system's, None
    if nothing is checked. ``certificate`` is shown to a server that asks for one.
    """
    parts = urlsplit(origin)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    return Route(
        parts,
        urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None,
        _context(trust, certificate) if parts.scheme == "https" else None,
    )


def _context(trust: str | None, certificate: Certificate | None) -> ssl.SSLContext:
    if trust is None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        folder = os.path.isdir(trust)
        context = ssl.create_default_context(cafile=None if folder else trust or None, capath=trust if folder else None)
    if certificate is not None:
        context.load_cert_chain(*((certificate,) if isinstance(certificate, str) else certificate))
    return context
