"""The program ``freezer`` with a real Keystone, by every login that it has, and with HTTP Basic over TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import struct
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freezer.cmd.freezer import main
from servers import keystone
from servers.session import api

_DOMAINS = {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}
_NAMES = {"OS_USERNAME": "demo", "OS_PROJECT_NAME": "demo", **_DOMAINS}
_SEED = b"a seed of 20 bytes.."


class Done(NamedTuple):
    code: int
    out: str
    err: str


Freezer = Callable[..., Done]


class _Somebody(keystone.Admin):
    """Somebody who asks Keystone for things of their own."""

    def __init__(self, url: str, name: str, project: str) -> None:
        self.url = url
        self._token: str | None = None
        self._token = self.token(name, name, project)


class World:
    """What there is in Keystone, made once."""

    def __init__(self) -> None:
        self.about: Mapping[str, Any] = api()
        self.url = str(self.about["auth_url"])
        self.admin = keystone.Admin(self.url)
        self.users = {name: self.admin.find("user", name) for name in ("demo", "other")}
        self.project = self.admin.find("project", "demo")
        self.demo = _Somebody(self.url, "demo", "demo")
        self.name = uuid.uuid4().hex
        path = f"/users/{self.users['demo']}/application_credentials"
        wanted = {"name": self.name, "roles": [{"name": "member"}]}
        self.application = self.demo.ask("POST", path, {"application_credential": wanted})["application_credential"]
        trust = {"trustor_user_id": self.users["demo"], "trustee_user_id": self.users["other"],
                 "project_id": self.project, "impersonation": False, "roles": [{"name": "member"}]}  # fmt: skip
        self.trust = str(self.demo.ask("POST", "/OS-TRUST/trusts", {"trust": trust})["trust"]["id"])
        blob = base64.b32encode(_SEED).decode()
        self.admin.make("credential", type="totp", user_id=self.users["demo"], blob=blob)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def freezer(own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Freezer:
    def run(*words: str, **env: str) -> Done:
        for name in [name for name in os.environ if name.startswith("OS_")]:
            monkeypatch.delenv(name)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        code = main(words)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


def _passcode() -> str:
    """The one-time code of this half minute (RFC 6238)."""
    digest = hmac.digest(_SEED, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place : place + 4]) & 0x7FFF_FFFF) % 1_000_000:06d}"


LOGINS: Mapping[str, Callable[[World], dict[str, str]]] = {
    "names": lambda _: {**_NAMES, "OS_PASSWORD": "demo"},
    "ids": lambda w: {"OS_USER_ID": w.users["demo"], "OS_PROJECT_ID": w.project, "OS_PASSWORD": "demo"},
    "v3password": lambda _: {**_NAMES, "OS_AUTH_TYPE": "v3password", "OS_PASSWORD": "demo"},
    "a token": lambda w: {"OS_TOKEN": w.demo.token("demo", "demo", "demo"), "OS_PROJECT_ID": w.project},
    "v3token": lambda w: {
        "OS_AUTH_TYPE": "v3token", "OS_TOKEN": w.demo.token("demo", "demo", "demo"), "OS_PROJECT_ID": w.project,
    },
    "application credential": lambda w: {
        "OS_APPLICATION_CREDENTIAL_ID": w.application["id"],
        "OS_APPLICATION_CREDENTIAL_SECRET": w.application["secret"],
    },
    "v3applicationcredential": lambda w: {
        "OS_AUTH_TYPE": "v3applicationcredential", "OS_USERNAME": "demo", "OS_USER_DOMAIN_NAME": "Default",
        "OS_APPLICATION_CREDENTIAL_NAME": w.name, "OS_APPLICATION_CREDENTIAL_SECRET": w.application["secret"],
    },
    "a trust": lambda w: {
        "OS_TRUST_ID": w.trust, "OS_USERNAME": "other", "OS_PASSWORD": "other", "OS_USER_DOMAIN_NAME": "Default",
    },
    "v3totp": lambda _: {**_NAMES, "OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": _passcode()},
    "v3multifactor": lambda _: {
        **_NAMES, "OS_AUTH_TYPE": "v3multifactor", "OS_AUTH_METHODS": "v3password,v3totp", "OS_PASSWORD": "demo",
        "OS_PASSCODE": _passcode(),
    },
}  # fmt: skip


@pytest.mark.parametrize("login", LOGINS)
def test_every_login_leads_to_the_api_of_the_catalogue(world: World, freezer: Freezer, login: str) -> None:
    done = freezer("client-list", "--limit", "1", "-f", "json", OS_AUTH_URL=world.url, **LOGINS[login](world))
    assert done.code == 0, done.err
    assert isinstance(json.loads(done.out), list)


@pytest.mark.parametrize("login", ["names", "a token", "application credential", "v3totp", "v3multifactor"])
def test_the_same_from_clouds_yaml(world: World, freezer: Freezer, login: str, own_home: Path) -> None:
    given = LOGINS[login](world)
    kind = given.pop("OS_AUTH_TYPE", "")
    kind = kind or {"a token": "token", "application credential": "v3applicationcredential"}.get(login, "password")
    auth: dict[str, Any] = {name.removeprefix("OS_").lower(): value for name, value in given.items()}
    if methods := auth.get("auth_methods"):
        auth["auth_methods"] = methods.split(",")
    cloud = {"auth_type": kind, "region_name": "RegionOne", "auth": {"auth_url": world.url, **auth}}
    (own_home / "clouds.yaml").write_text(json.dumps({"clouds": {"mine": cloud}}))
    done = freezer("job-list", "--os-cloud", "mine", "-f", "json")
    assert done.code == 0, done.err


def test_what_is_made_belongs_to_whoever_logged_in(world: World, freezer: Freezer, tmp_path: Path) -> None:
    name = f"n{uuid.uuid4().hex[:10]}"
    (tmp_path / "client.json").write_text(json.dumps({"client_id": name}))
    login = {"OS_AUTH_URL": world.url, **LOGINS["application credential"](world)}
    made = freezer("--json", "client-register", "--file", str(tmp_path / "client.json"), **login)
    assert made.code == 0, made.err
    told = json.loads(made.out)
    assert (told["project_id"], told["user_id"]) == (world.project, world.users["demo"])
    other = {"OS_USERNAME": "other", "OS_PROJECT_NAME": "other", "OS_PASSWORD": "other", **_DOMAINS}
    assert "has no client" in freezer("client-show", name, OS_AUTH_URL=world.url, **other).err


def test_who_is_not_let_in_is_told_by_whom(world: World, freezer: Freezer) -> None:
    done = freezer("job-list", OS_AUTH_URL=world.url, OS_PASSWORD="wrong", **_NAMES)
    assert done.code == 1
    assert "the name or the password is wrong" in done.err
    done = freezer("job-list", OS_AUTH_URL=world.url, OS_AUTH_TYPE="v3totp", OS_PASSCODE="000000", **_NAMES)
    assert done.code == 1
    assert f"the identity service at {world.url} does not let us in" in done.err


def test_without_keystone_a_password_is_enough_and_the_certificate_is_looked_at(world: World, freezer: Freezer) -> None:
    known = {"OS_BACKUP_URL": str(world.about["basic"]), "OS_USERNAME": "demo", "OS_PASSWORD": "demo"}
    done = freezer("job-list", "-f", "json", OS_CACERT=str(world.about["ca"]), **known)
    assert (done.code, done.err) == (0, "")
    refused = freezer("job-list", **known)
    assert refused.code == 1
    assert "certificate" in refused.err
    loud = freezer("job-list", "--insecure", "-f", "json", **known)
    assert loud.code == 0
    assert "certificates are not checked (--insecure)" in loud.err
