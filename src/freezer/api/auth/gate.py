"""What every way of authentication does the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from freezer.api.requests import IDENTITY
from freezer.api.scope import Identity

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

Environ = dict[str, Any]
OPEN = frozenset({"", "/", "/healthcheck", "/metrics", "/openapi.json"})
IDENTITY_ROUTES = "/identity"


def is_open(path: str) -> bool:
    """Whether everybody may ask for ``path``."""
    return path.rstrip("/") in OPEN or path == IDENTITY_ROUTES or path.startswith(IDENTITY_ROUTES + "/")


def base_url(environ: Mapping[str, Any]) -> str:
    """The address that the caller has used, without the path."""
    host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}"


class NotAuthenticated(Exception):
    """Nobody, or nobody that is known. ``wait``: seconds during which further tries are not even looked at.
    ``reason``: what is wrong with the way in which the request came, whoever it is."""

    def __init__(self, wait: int = 0, reason: str = "") -> None:
        super().__init__("not authenticated")
        self.wait = wait
        self.reason = reason


class Gate:
    """Lets requests through to ``inner`` with the identity that ``identify`` finds in their environment."""

    def __init__(self, inner: WSGIApplication, identify: Callable[[Environ], Identity], challenge: str = "") -> None:
        self._inner = inner
        self._identify = identify
        self._challenge = challenge

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not is_open(environ.get("PATH_INFO", "")):
            try:
                environ[IDENTITY] = self._identify(environ)
            except NotAuthenticated as error:
                return _refused(environ, start_response, self._challenge, error)
        return self._inner(environ, start_response)


_MESSAGE = "The request you have made requires authentication."


def refusal(error: NotAuthenticated) -> tuple[int, str, str]:
    """Status, title and message for whoever is not let in."""
    if error.wait:
        return 429, "Too Many Requests", f"Too many failed attempts; try again in {error.wait} seconds."
    return 401, "Unauthorized", f"Not let in: {error.reason}." if error.reason else _MESSAGE


def _refused(
    environ: Environ, start_response: StartResponse, challenge: str, error: NotAuthenticated
) -> Iterable[bytes]:
    wait = error.wait
    code, title, message = refusal(error)
    body = msgspec.json.encode({"error": {"code": code, "title": title, "message": message}})
    keystone = f'Keystone uri="{base_url(environ)}{IDENTITY_ROUTES}/v3"'
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *([("Retry-After", str(wait))] if wait else [("WWW-Authenticate", keystone)]),
        *([("WWW-Authenticate", challenge)] if challenge and not wait else []),
    ]
    start_response(f"{code} {title}", headers)
    return [body]


def roles_of(text: str) -> frozenset[str]:
    """The roles in a header of Keystone's."""
    return frozenset(each.strip().lower() for each in text.split(",") if each.strip())


def told_identity(environ: Mapping[str, Any]) -> Identity:
    """The identity in the headers that Keystone's middleware sets; NotAuthenticated if it confirms none."""
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
        raise NotAuthenticated
    return Identity(
        user_id=environ.get("HTTP_X_USER_ID", ""),
        project_id=environ.get("HTTP_X_PROJECT_ID") or environ.get("HTTP_X_TENANT_ID") or "",
        roles=roles_of(environ.get("HTTP_X_ROLES", "")),
        user_name=environ.get("HTTP_X_USER_NAME", ""),
        token=environ.get("HTTP_X_AUTH_TOKEN", ""),
    )
