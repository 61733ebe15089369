"""``/identity/v3``: as much of Keystone's API as the official clients need to log in to a server without Keystone.

Names of users and projects are their ids. There is one domain, ``default``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

import falcon

from freezer.api.auth.gate import IDENTITY_ROUTES, Environ, NotAuthenticated, refusal
from freezer.api.auth.login import (
    CatalogAnswer,
    IdentityVersionAnswer,
    IdentityVersionsAnswer,
    Login,
    LoginForm,
    ProjectsAnswer,
    TokenAnswer,
)
from freezer.api.describe.answers import NotAuthenticated as NotAuthenticatedAnswer
from freezer.api.describe.operation import Parameter, operation
from freezer.api.requests import answer, document_of
from freezer.api.scope import Identity
from freezer.api.service.answers import text
from freezer.clock import Clock

_DOMAIN = {"id": "default", "name": "Default"}
_REFUSED = {401: NotAuthenticatedAnswer, 429: NotAuthenticatedAnswer}
_TOKEN = Parameter("X-Auth-Token", "A token of the caller's.", str, "header")
_SUBJECT = Parameter("X-Subject-Token", "The token that is asked about.", str, "header")
_USER = {"name": "alice", "password": "secret", "domain": _DOMAIN}
_EXAMPLE = {"auth": {"identity": {"methods": ["password"], "password": {"user": _USER}}}}


class Issuer(Protocol):
    """Who knows users by password and by token."""

    def check_privacy(self, environ: Environ) -> None: ...

    def by_password(self, name: str, password: bytes, address: str) -> Identity: ...

    def by_token(self, token: str) -> Identity: ...

    def issue(self, identity: Identity) -> tuple[str, int]: ...


class Open:
    """The issuer of a server without authentication: everybody is the administrator."""

    def __init__(self, administrator: Identity, clock: Clock, seconds: int) -> None:
        self._administrator = administrator
        self._clock = clock
        self._seconds = seconds

    def check_privacy(self, environ: Environ) -> None:
        pass  # there is no password that could be read

    def by_password(self, name: str, password: bytes, address: str) -> Identity:
        return self._administrator

    def by_token(self, token: str) -> Identity:
        return self._administrator

    def issue(self, identity: Identity) -> tuple[str, int]:
        return "none", int(self._clock.now()) + self._seconds


def _version(req: falcon.Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{req.prefix}{IDENTITY_ROUTES}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


class IdentityVersions:
    """``/identity``."""

    @operation("Which version of Keystone's API these routes are of", {300: IdentityVersionsAnswer})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        answer(resp, text({"versions": {"values": [_version(req)]}}), 300)


class IdentityVersion:
    """``/identity/v3``."""

    @operation("Which version of Keystone's API these routes are of", {200: IdentityVersionAnswer})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        answer(resp, text({"version": _version(req)}))


class Tokens:
    """``/identity/v3/auth/tokens``."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock

    @operation(
        "Log in: a token for a password or for another token",
        {201: TokenAnswer, **_REFUSED},
        body=LoginForm,
        example=_EXAMPLE,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        wanted = Login.of(document_of(req))
        try:
            identity = self._identity(wanted, req)
        except NotAuthenticated as error:
            _refuse(resp, error)
            return
        if wanted.project not in (None, identity.project_id):
            _refuse(resp, NotAuthenticated())
            return
        token, expires = self._issuer.issue(identity)
        resp.set_header("X-Subject-Token", token)
        issued = _instant(self._clock.now())
        answer(resp, text({"token": _token(req, identity, wanted.methods, issued, _instant(expires))}), 201)

    def _identity(self, wanted: Login, req: falcon.Request) -> Identity:
        if wanted.token is not None:
            return self._issuer.by_token(wanted.token)
        self._issuer.check_privacy(req.env)
        return self._issuer.by_password(wanted.user, wanted.password, req.env.get("REMOTE_ADDR", ""))

    @operation("Ask what a token is worth", {200: TokenAnswer, **_REFUSED}, parameters=(_TOKEN, _SUBJECT))
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        subject = req.get_header("X-Subject-Token") or ""
        try:
            self._issuer.by_token(req.get_header("X-Auth-Token") or "")
            identity = self._issuer.by_token(subject)
        except NotAuthenticated as error:
            _refuse(resp, error)
            return
        resp.set_header("X-Subject-Token", subject)
        now = self._clock.now()
        answer(resp, text({"token": _token(req, identity, ("password",), _instant(now), _instant(now + 60))}))


class Projects:
    """``/identity/v3/auth/projects``: the caller's."""

    def __init__(self, identify: Any) -> None:
        self._identify = identify

    @operation("The caller's projects", {200: ProjectsAnswer, **_REFUSED}, parameters=(_TOKEN,))
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            identity: Identity = self._identify(req.env)
        except NotAuthenticated as error:
            _refuse(resp, error)
            return
        project = {**_named(identity.project_id), "domain_id": "default", "enabled": True}
        answer(resp, text({"projects": [project], "links": {"next": None, "previous": None}}))


class Catalog:
    """``/identity/v3/auth/catalog``."""

    def __init__(self, identify: Any) -> None:
        self._identify = identify

    @operation("Where the API is", {200: CatalogAnswer, **_REFUSED}, parameters=(_TOKEN,))
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            self._identify(req.env)
        except NotAuthenticated as error:
            _refuse(resp, error)
            return
        answer(resp, text({"catalog": _catalog(req)}))


def _named(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "domain": _DOMAIN}


def _token(
    req: falcon.Request, identity: Identity, methods: tuple[str, ...], issued: str, expires: str
) -> dict[str, Any]:
    return {
        "methods": list(methods),
        "user": {**_named(identity.user_id), "password_expires_at": None},
        "project": _named(identity.project_id),
        "is_domain": False,
        "roles": [{"id": role, "name": role} for role in sorted(identity.roles)],
        "catalog": _catalog(req),
        "audit_ids": ["freezer"],
        "issued_at": issued,
        "expires_at": expires,
    }


def _catalog(req: falcon.Request) -> list[dict[str, Any]]:
    def service(type: str, name: str, url: str) -> dict[str, Any]:
        faces = ("public", "internal", "admin")
        endpoints = [
            {"id": f"{type}-{face}", "interface": face, "region": "RegionOne", "region_id": "RegionOne", "url": url}
            for face in faces
        ]
        return {"id": type, "type": type, "name": name, "endpoints": endpoints}

    return [
        service("backup", "freezer", req.prefix),
        service("identity", "freezer", f"{req.prefix}{IDENTITY_ROUTES}/v3"),
    ]


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _refuse(resp: falcon.Response, error: NotAuthenticated) -> None:
    code, title, message = refusal(error)
    if error.wait:
        resp.set_header("Retry-After", str(error.wait))
    answer(resp, text({"error": {"code": code, "title": title, "message": message}}), code)
