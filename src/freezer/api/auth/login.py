"""Documents of logging in, as far as Keystone's API has them that clients need."""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.api.refusals import bad_request
from freezer.decoding import convert


class LoginUser(msgspec.Struct, frozen=True):
    """A user with its password; one of ``id`` and ``name``."""

    password: str
    id: str | None = None
    name: str | None = None


class LoginPassword(msgspec.Struct, frozen=True):
    """Logging in by password."""

    user: LoginUser


class LoginToken(msgspec.Struct, frozen=True):
    """Logging in by a token."""

    id: str


class LoginIdentity(msgspec.Struct, frozen=True):
    """How to log in: ``methods`` is one of password and token."""

    methods: tuple[str, ...]
    password: LoginPassword | None = None
    token: LoginToken | None = None


class LoginProject(msgspec.Struct, frozen=True):
    """The project to work on; names are ids."""

    id: str | None = None
    name: str | None = None


class LoginScope(msgspec.Struct, frozen=True):
    """Where the token is to be good for."""

    project: LoginProject | None = None


class LoginAuth(msgspec.Struct, frozen=True):
    """Who, and where."""

    identity: LoginIdentity
    scope: LoginScope | str | None = None


class LoginForm(msgspec.Struct, frozen=True):
    """A request for a token, as Keystone's clients send it."""

    auth: LoginAuth


class Login(msgspec.Struct, frozen=True):
    """Who wants to log in, how, and to which project."""

    methods: tuple[str, ...]
    user: str
    password: bytes
    token: str | None
    project: str | None

    @staticmethod
    def of(document: object) -> Login:
        """What Keystone's clients send to log in."""
        try:
            wanted = convert(document, LoginForm).auth
        except msgspec.ValidationError as error:
            raise bad_request(str(error)) from None
        given = wanted.identity
        scope = wanted.scope if isinstance(wanted.scope, LoginScope) else None
        project = None if scope is None or scope.project is None else scope.project.id or scope.project.name
        if "token" in given.methods and given.token is not None:
            return Login(given.methods, "", b"", given.token.id, project)
        if "password" not in given.methods or given.password is None:
            raise bad_request("auth.identity.methods must be password or token")
        user = given.password.user
        return Login(given.methods, user.name or user.id or "", user.password.encode(), None, project)


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A user, project or role; its name is its id."""

    id: str
    name: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token; its text is in the header ``X-Subject-Token``."""

    methods: list[str]
    user: Named
    project: Named
    roles: list[Named]
    catalog: list[dict[str, Any]]
    issued_at: str
    expires_at: str


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token of this server."""

    token: Token


class ProjectsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The projects that the caller may work on."""

    projects: list[Named]
    links: dict[str, Any]


class CatalogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API and these routes are."""

    catalog: list[dict[str, Any]]


class IdentityVersionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The version of Keystone's API that these routes are of."""

    versions: dict[str, Any]


class IdentityVersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The version of Keystone's API that these routes are of."""

    version: dict[str, Any]
