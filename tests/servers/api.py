"""A Keystone with our API in its catalogue, and the same program once more with HTTP Basic and TLS.

``python tests/servers/api.py`` runs them until Ctrl-C and says how to use them; tests go through
:func:`servers.shared.used`.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import bcrypt

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers import keystone, shared, tls
from servers.environment import environment, run
from servers.processes import HOST, Programs, answers, free_ports

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-openstack.txt"
PEOPLE = {"demo": ("demo", "member, reader"), "other": ("other", "member, reader"), "root": ("demo", "admin, member")}
"""Who is known to the API without Keystone: name (which is the password too), project and roles."""

_WITH_KEYSTONE = """
[database]
connection = {database}
[api]
bind_host = {host}
bind_port = {port}
trust_keys = {folder}/trust.keys
[centralized_scheduler]
tenants_may_set = path_to_backup, restore_abs_path
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = freezer
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
"""
_WITHOUT = """
[database]
connection = {database}
[api]
auth = basic
bind_host = {host}
bind_port = {port}
tls_certificate = {certificate}
tls_key = {certificate}
[http_basic]
passwords = {folder}/htpasswd
users = {folder}/users.toml
token_key = {folder}/token.key
"""


def start(programs: Programs, folder: Path) -> dict[str, Any]:
    """Run everything in ``folder``; what a user has to know."""
    identity, port, basic_port = free_ports(3)
    auth_url = keystone.start(programs, environment(REQUIREMENTS), folder / "keystone", identity)
    url, basic = f"http://{HOST}:{port}", f"https://{HOST}:{basic_port}"
    certificate, authority = tls.make_certificates(folder)
    told = {"host": HOST, "url": auth_url, "password": keystone.SERVICE, "certificate": certificate}
    admin = keystone.Admin(auth_url)
    _make_our_user(admin)
    _serve(programs, folder / "api", _WITH_KEYSTONE, {**told, "port": port})
    _know(folder / "basic")
    _serve(programs, folder / "basic", _WITHOUT, {**told, "port": basic_port})
    admin.add_service("identity", [("RegionOne", kind, auth_url) for kind in ("public", "internal", "admin")])
    admin.add_service("backup", [("RegionOne", kind, url) for kind in ("public", "internal", "admin")])
    programs.wait_for("api", lambda: answers(f"{url}/healthcheck"))
    programs.wait_for("basic", lambda: _listens(basic_port))
    return {"auth_url": auth_url, "url": url, "basic": basic, "ca": str(authority)}


def _make_our_user(admin: keystone.Admin) -> None:
    """``freezer``, with the roles that the guides say and no more: of the API itself, and of central schedulers."""
    user = admin.make("user", name="freezer", domain_id="default", password=keystone.SERVICE)
    project = admin.find("project", "service")
    for role in ("service", "member"):
        admin.grant(project, user, admin.find("role", role))


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _serve(programs: Programs, folder: Path, config: str, told: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / "freezer-api.conf"
    path.write_text(config.format(folder=folder, database=f"sqlite:///{folder}/api.db", **told))
    path.chmod(0o600)
    bin = Path(sys.executable).parent
    run([bin / "freezer-manage", "--config-file", path, "db", "sync"])
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONWARNINGS": "ignore"}
    programs.start(folder.name, [bin / "freezer-api", "--config-file", path], env)


def _know(folder: Path) -> None:
    folder.mkdir()
    entries = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in PEOPLE}
    (folder / "htpasswd").write_text("".join(f"{name}:{entry}\n" for name, entry in entries.items()))
    lines = []
    for name, (project, roles) in PEOPLE.items():
        lines += [f"[users.{name}]", f'project = "{project}"', f"roles = {roles.split(', ')}"]
    (folder / "users.toml").write_text("\n".join(lines).replace("'", '"') + "\n")


def _tell(about: dict[str, Any]) -> list[str]:
    return [
        f"export OS_AUTH_URL={about['auth_url']} OS_USERNAME=demo OS_PASSWORD=demo OS_PROJECT_NAME=demo",
        "export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_REGION_NAME=RegionOne",
        f"# administrator: OS_USERNAME=admin OS_PASSWORD={keystone.ADMIN} OS_PROJECT_NAME=admin",
        f"# without Keystone: OS_BACKUP_URL={about['basic']} OS_CACERT={about['ca']}, no OS_AUTH_URL",
        f"# or: OS_AUTH_URL={about['basic']}/identity/v3",
    ]


if __name__ == "__main__":
    shared.run(Path(__file__), sys.argv[1:], start, _tell)
