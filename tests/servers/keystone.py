"""A Keystone: SQLite, one process, an in-process cache (without it every request costs a quarter of a second)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from servers.environment import made, run
from servers.processes import HOST, Programs, answers, fetch, free_ports

ADMIN, SERVICE = "adminpw", "servicepw"
PROJECTS = ("service", "demo", "other")
USERS = {"demo": ("demo", "member"), "reader": ("demo", "reader"), "other": ("other", "member"),
         "nobody": ("demo", "freezer-no-role")}  # fmt: skip
"""Name (which is the password too): project and role."""

_SETTINGS = """
[DEFAULT]
log_file = {folder}/keystone.log
use_stderr = false
[database]
connection = sqlite:///{folder}/keystone.db
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[cache]
enabled = true
backend = oslo_cache.dict
[identity]
password_hash_rounds = 4
[auth]
methods = external,password,token,oauth1,mapped,application_credential,ec2credential,totp
"""
_STORED = ("keystone.db", "fernet", "credential")


def start(programs: Programs, bin: Path, folder: Path, port: int) -> str:
    """Run it with the projects and users above; its URL. The catalogue has nothing but itself."""
    folder.mkdir(parents=True)
    settings = _write_settings(folder)
    # The database is made once and copied, as making it takes longer than everything else.
    for name in _STORED:
        source = made(f"keystone-{_fingerprint()}-{bin.parent.name}", lambda new: _make(bin, new)) / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copyfile(source, folder / name)
    _run(programs, bin, settings, port)
    return f"http://{HOST}:{port}/v3"


class Admin:
    """What an administrator does through the API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._token: str | None = None
        self._token = self.token("admin", ADMIN, "admin")

    def token(self, user: str, password: str, project: str | None) -> str:
        """A token of somebody else, for a project or (None) for none."""
        domain = {"id": "default"}
        given = {"user": {"name": user, "domain": domain, "password": password}}
        scope: object = {"project": {"name": project, "domain": domain}} if project else "unscoped"
        auth = {"identity": {"methods": ["password"], "password": given}, "scope": scope}
        return str(self._send("POST", "/auth/tokens", {"auth": auth})[1])

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's document."""
        return self._send(method, path, body)[0]

    def make(self, kind: str, **values: object) -> str:
        """Create one of the collection ``{kind}s``; its id."""
        return str(self.ask("POST", f"/{kind}s", {kind: values})[kind]["id"])

    def find(self, kind: str, name: str) -> str:
        return str(next(one["id"] for one in self.ask("GET", f"/{kind}s")[f"{kind}s"] if one["name"] == name))

    def grant(self, project: str, user: str, role: str) -> None:
        self.ask("PUT", f"/projects/{project}/users/{user}/roles/{role}")

    def add_service(self, type: str, endpoints: Sequence[tuple[str, str, str]]) -> None:
        """Enter a service with ``(region, interface, URL)``."""
        service = self.make("service", type=type, name=type)
        for region, interface, url in endpoints:
            if all(known["id"] != region for known in self.ask("GET", "/regions")["regions"]):
                self.make("region", id=region)
            self.make("endpoint", service_id=service, interface=interface, url=url, region_id=region)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[Any, str | None]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        if self._token:
            request.add_header("X-Auth-Token", self._token)
        headers, text = fetch(request)
        return json.loads(text) if text else None, headers.get("X-Subject-Token")


def _fingerprint() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


def _write_settings(folder: Path) -> Path:
    settings = folder / "keystone.conf"
    settings.write_text(_SETTINGS.format(folder=folder))
    return settings


def _make(bin: Path, folder: Path) -> None:
    """A new database, keys, and in it the projects, roles and users."""
    settings = _write_settings(folder)
    for name in ("fernet", "credential"):
        (folder / name).mkdir(mode=0o700)
        for number in ("0", "1"):
            (folder / name / number).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
            (folder / name / number).chmod(0o600)
    manage = [bin / "keystone-manage", "--config-file", settings]
    run([*manage, "db_sync"])
    run([*manage, "bootstrap", "--bootstrap-password", ADMIN])
    programs = Programs(folder)
    try:
        port = free_ports(1)[0]
        _run(programs, bin, settings, port)
        _fill(Admin(f"http://{HOST}:{port}/v3"))
    finally:
        programs.stop()
    with sqlite3.connect(folder / "keystone.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill(admin: Admin) -> None:
    roles = {"admin": admin.find("role", "admin"), "service": admin.find("role", "service")}
    for name in ("member", "reader"):
        roles[name] = admin.find("role", name)
    roles["freezer-no-role"] = admin.make("role", name="freezer-no-role")
    projects = {name: admin.make("project", name=name, domain_id="default") for name in PROJECTS}
    swift = admin.make("user", name="swift", domain_id="default", password=SERVICE)
    for role in ("admin", "service"):
        admin.grant(projects["service"], swift, roles[role])
    for name, (project, role) in USERS.items():
        user = admin.make("user", name=name, domain_id="default", password=name)
        admin.grant(projects[project], user, roles[role])


def _run(programs: Programs, bin: Path, settings: Path, port: int) -> None:
    server = [bin / "uwsgi", "--http-socket", f"{HOST}:{port}", "--module", "keystone.wsgi.api:application"]
    one = ["--master", "--die-on-term", "--processes", 1, "--threads", 4, "--enable-threads", "--lazy-apps"]
    # It resets connections that are kept alive.
    rest = ["--buffer-size", 65535, "--add-header", "Connection: close", "--http-chunked-input", "--disable-logging"]
    env = {"PATH": f"{bin}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore",
           "OS_KEYSTONE_CONFIG_FILES": str(settings)}  # fmt: skip
    programs.start("keystone", [*server, *one, *rest], env)
    programs.wait_for("keystone", lambda: answers(f"http://{HOST}:{port}/v3"))
