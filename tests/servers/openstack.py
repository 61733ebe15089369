"""Keystone and Swift (with its S3 interface) together, with and without TLS.

``python tests/servers/openstack.py`` runs them until Ctrl-C and says how to use them; tests go through
:func:`servers.shared.used`. Regions of the catalogue: ``RegionOne`` (plain), ``RegionTLS``, and ``RegionInside``, whose
Swift has an internal interface only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers import keystone, shared, swift, tls
from servers.environment import environment
from servers.processes import HOST, Programs, free_ports

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-openstack.txt"
REGIONS = ("RegionOne", "RegionTLS", "RegionInside")


def start(programs: Programs, folder: Path) -> dict[str, Any]:
    """Run everything in ``folder``; what a user has to know."""
    bin = environment(REQUIREMENTS)
    identity, identity_tls, proxy_tls, *rest = free_ports(7)
    ports = dict(zip(("account", "container", "object", "proxy"), rest, strict=True))
    certificate, authority = tls.make_certificates(folder)
    tls.serve(certificate, {identity_tls: identity, proxy_tls: ports["proxy"]})
    auth_url = keystone.start(programs, bin, folder / "keystone", identity)
    proxy = swift.start(programs, bin, folder / "swift", auth_url, ports)
    admin = keystone.Admin(auth_url)
    admin.add_service("identity", [("RegionOne", kind, auth_url) for kind in ("public", "internal", "admin")])
    secure = f"https://{HOST}:{proxy_tls}"
    account = "/v1/AUTH_%(project_id)s"
    admin.add_service("object-store", [
        ("RegionOne", "public", proxy + account), ("RegionOne", "internal", proxy + account),
        ("RegionTLS", "public", secure + account), ("RegionInside", "internal", proxy + account),
    ])  # fmt: skip
    admin.add_service("s3", [("RegionOne", "public", proxy)])
    tls_url = f"https://{HOST}:{identity_tls}/v3"
    return {"auth_url": auth_url, "auth_url_tls": tls_url, "swift": proxy, "swift_tls": secure, "ca": str(authority)}


def make_ec2_key(about: dict[str, Any], user: str = "demo") -> tuple[str, str]:
    """Access and secret key for the S3 interface, of this user in the project of its own."""
    admin = keystone.Admin(about["auth_url"])
    project = admin.find("project", keystone.USERS[user][0])
    path = f"/users/{admin.find('user', user)}/credentials/OS-EC2"
    made = admin.ask("POST", path, {"tenant_id": project})["credential"]
    return str(made["access"]), str(made["secret"])


def _tell(about: dict[str, Any]) -> list[str]:
    return [
        f"export OS_AUTH_URL={about['auth_url']} OS_USERNAME=demo OS_PASSWORD=demo OS_PROJECT_NAME=demo",
        "export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_REGION_NAME=RegionOne",
        f"# with TLS: OS_AUTH_URL={about['auth_url_tls']} OS_CACERT={about['ca']} OS_REGION_NAME=RegionTLS",
        "# S3: endpoint {}, access key {}, secret key {}".format(about["swift"], *make_ec2_key(about)),
    ]


if __name__ == "__main__":
    shared.run(Path(__file__), sys.argv[1:], start, _tell)
