"""Swift and Keystone without Freezer: what tests put into them, and look at, behind its back."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from servers import keystone
from servers.processes import fetch

DOMAIN = {"id": "default"}


def variables(about: Mapping[str, Any], user: str = "demo", **other: str) -> dict[str, str]:
    """What this user's openrc file would set."""
    return {
        "OS_AUTH_URL": about["auth_url"],
        "OS_USERNAME": user,
        "OS_PASSWORD": user,
        "OS_PROJECT_NAME": keystone.USERS[user][0],
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "RegionOne",
    } | other


class RawSwift:
    """The account of a user's project."""

    def __init__(self, about: Mapping[str, Any], user: str = "demo") -> None:
        project = keystone.USERS[user][0]
        who = {"name": user, "domain": DOMAIN, "password": user}
        scope = {"project": {"name": project, "domain": DOMAIN}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}}
        request = urllib.request.Request(
            about["auth_url"] + "/auth/tokens", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        answered, document = fetch(request)
        self.token = answered["X-Subject-Token"]
        self.about = json.loads(document)["token"]
        self.url = f"{about['swift']}/v1/AUTH_{self.about['project']['id']}"

    def ask(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of the answer; an error is one."""
        request = urllib.request.Request(f"{self.url}/{quote(path, safe='/?&=')}", data, dict(headers or {}))
        request.method = method
        request.add_header("X-Auth-Token", self.token)
        return fetch(request)

    def make(self, container: str, **headers: str) -> None:
        self.ask("PUT", container, b"", {name.replace("_", "-"): value for name, value in headers.items()})

    def objects(self, container: str) -> dict[str, bytes]:
        """Every Swift object, segments included, with its own bytes (none for manifests)."""
        names = self.ask("GET", container)[1].decode().splitlines()
        return {name: self.ask("GET", f"{container}/{name}?multipart-manifest=get")[1] for name in names}

    def has(self, container: str) -> bool:
        try:
            self.ask("HEAD", container)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True
