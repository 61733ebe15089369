"""Keystone, by its own middleware, with a short cache in this process.

A token that is revoked is believed for as long as it is cached: 30 seconds, unless the configuration says otherwise.
"""

from __future__ import annotations

import logging
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from freezer.api.auth.gate import IDENTITY_ROUTES, Environ, Gate, is_open, told_identity
from freezer.api.checks import OK, Check
from freezer.api.refusals import Refusal
from freezer.options.configuration import read_lines
from freezer.options.ini import read_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_LOG = logging.getLogger(__name__)
_CHECK_SECONDS = 3.0
_RETRY_SECONDS = "5"
_SECTION = "keystone_authtoken"
_DEFAULTS = {"token_cache_time": 30, "http_connect_timeout": 10}
"""Seconds. Without the second a Keystone that accepts connections and says nothing would hold every thread for ever."""


def guarded(inner: WSGIApplication, files: Sequence[str]) -> WSGIApplication:
    """``inner`` behind Keystone, configured by the section ``[keystone_authtoken]`` of ``files``."""
    from keystonemiddleware import auth_token
    from oslo_config import cfg

    settings = cfg.ConfigOpts()
    settings([], project="freezer-api", default_config_files=list(files), default_config_dirs=[])
    told: dict[str, Any] = {"oslo_config_config": settings}
    said = _section(files)
    # What is told to the middleware would win over the files.
    told.update({key: value for key, value in _DEFAULTS.items() if key not in said})
    closed = auth_token.AuthProtocol(Gate(inner, told_identity), told)

    def application(environ: Environ, start_response: StartResponse) -> Any:
        path = environ.get("PATH_INFO", "")
        ours = path == IDENTITY_ROUTES or path.startswith(IDENTITY_ROUTES + "/")
        if is_open(path) and not ours:
            return inner(environ, start_response)
        try:
            return closed(environ, _patient(start_response))
        except Exception:  # noqa: BLE001  our application answers whatever happens in it; Keystone talks nonsense
            _LOG.exception("Keystone's answer cannot be understood")
            return _come_again(start_response)

    return application


def _come_again(start_response: StartResponse) -> Iterable[bytes]:
    told = Refusal(503, "Service Unavailable", "The server cannot reach Keystone.").document()
    body = msgspec.json.encode(told)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    _patient(start_response)("503 Service Unavailable", headers)
    return [body]


def _patient(start_response: StartResponse) -> StartResponse:
    """Tells callers when to come again if Keystone cannot be reached, which its middleware leaves out."""

    def told(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Any:
        if status.startswith("503") and all(name.lower() != "retry-after" for name, _ in headers):
            headers = [*headers, ("Retry-After", _RETRY_SECONDS)]
        return start_response(status, headers, error) if error else start_response(status, headers)

    return told


def keystone_check(files: Sequence[str]) -> Check:
    """Whether Keystone answers at the address that we ask it at, or show to callers if there is no other."""
    said = _section(files)
    url = said.get("auth_url") or said.get("www_authenticate_uri") or said.get("auth_uri") or ""
    context = _context(said) if url.startswith("https:") else None

    def check() -> str:
        if not url.startswith(("http:", "https:")):
            return "KEYSTONE HAS NO ADDRESS"
        try:
            with urllib.request.urlopen(url, timeout=_CHECK_SECONDS, context=context):  # noqa: S310
                return OK
        except urllib.error.HTTPError as error:
            # A list of versions is 300.
            if error.code < 500:
                return OK
            _LOG.warning("healthcheck: Keystone at %s answers %d", url, error.code)
        except (OSError, ValueError) as error:
            _LOG.warning("healthcheck: Keystone at %s: %s", url, error)
        return "KEYSTONE NOT READY"

    return check


def _context(said: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=said.get("cafile") or None)
    if said.get("insecure", "").lower() in {"true", "yes", "on", "1"}:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _section(files: Sequence[str]) -> dict[str, str]:
    """What the configuration says about Keystone."""
    lines = (line for path in files for line in read_lines(read_text(path, "configuration file"), path))
    return {key: text.strip() for section, key, text, _ in lines if section == _SECTION}
