"""Entering a service into a cloud: service, endpoints, a user of its own with a role. What is there already stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from freezer.errors import UsageError
from freezer.secret import Secret


class Identity(Protocol):
    """Who asks Keystone as an administrator."""

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """The document that Keystone answers to a request below ``/v3``."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """What is entered. ``endpoints``: URLs by interface (``public``, ``internal``, ``admin``)."""

    type: str
    name: str
    description: str
    region: str
    endpoints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """The user by which the service asks Keystone about tokens. ``domain``: the id of its and the project's."""

    user: str
    project: str
    role: str
    domain: str = "default"


def enter(identity: Identity, service: Service) -> Iterator[str]:
    """Enter ``service``; a line for each thing that was made or changed."""
    id, made = _one(identity, "service", service.name, type=service.type, description=service.description)
    if made:
        yield f"service {service.name} ({service.type})"
    regions = {each["id"] for each in identity.ask("GET", "/regions")["regions"]}
    if service.region not in regions:
        identity.ask("POST", "/regions", {"region": {"id": service.region}})
        yield f"region {service.region}"
    found = identity.ask("GET", f"/endpoints?{urlencode({'service_id': id})}")["endpoints"]
    known = {each["interface"]: each for each in found if each["region_id"] == service.region}
    for interface, url in service.endpoints.items():
        if interface not in known:
            values = {"service_id": id, "interface": interface, "region_id": service.region, "url": url}
            identity.ask("POST", "/endpoints", {"endpoint": values})
            yield f"endpoint {interface} {url}"
        elif known[interface]["url"] != url:
            identity.ask("PATCH", f"/endpoints/{known[interface]['id']}", {"endpoint": {"url": url}})
            yield f"endpoint {interface} {url}, which was {known[interface]['url']}"


def employ(identity: Identity, account: Account, password: Callable[[], Secret]) -> Iterator[str]:
    """Let there be that user with its role; ``password`` is asked for only if it must be made."""
    roles = identity.ask("GET", f"/roles?{urlencode({'name': account.role})}")["roles"]
    if not roles:
        raise UsageError(f"Keystone has no role {account.role}", hint="name another with --role")
    project, made = _one(identity, "project", account.project, domain_id=account.domain)
    if made:
        yield f"project {account.project}"
    user = _found(identity, "user", account.user, domain_id=account.domain)
    if user is None:
        secret = password().reveal().decode("utf-8", "surrogateescape")
        values = {"name": account.user, "domain_id": account.domain, "password": secret}
        user = str(identity.ask("POST", "/users", {"user": values})["user"]["id"])
        yield f"user {account.user}"
    given = identity.ask("GET", f"/role_assignments?{urlencode({'user.id': user, 'scope.project.id': project})}")
    if all(each["role"]["id"] != roles[0]["id"] for each in given["role_assignments"]):
        identity.ask("PUT", f"/projects/{project}/users/{user}/roles/{roles[0]['id']}")
        yield f"role {account.role} of {account.user} in {account.project}"


def _one(identity: Identity, kind: str, name: str, **values: str) -> tuple[str, bool]:
    """The id of the one of that name, and whether it had to be made."""
    wanted = {key: value for key, value in values.items() if key in {"type", "domain_id"}}
    known = _found(identity, kind, name, **wanted)
    if known is not None:
        return known, False
    made = identity.ask("POST", f"/{kind}s", {kind: {"name": name, **values}})
    return str(made[kind]["id"]), True


def _found(identity: Identity, kind: str, name: str, **values: str) -> str | None:
    found = identity.ask("GET", f"/{kind}s?{urlencode({'name': name, **values})}")[f"{kind}s"]
    return str(found[0]["id"]) if found else None
