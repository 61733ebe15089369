"""A Swift: four processes, one replica, one "disk" that is a plain folder; with the S3 interface (s3api)."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from servers.environment import run
from servers.keystone import SERVICE
from servers.processes import HOST, Programs, answers

HERE = Path(__file__).parent
QUOTA = "x-container-meta-quota-bytes"
"""Header of a container that limits its bytes."""

_PARTS = ("account", "container", "object")
_PIPELINE = (
    "catch_errors gatekeeper healthcheck memory bulk tempurl authtoken s3api s3token keystoneauth copy "
    "container-quotas account-quotas slo dlo versioned_writes symlink proxy-server"
)
_COMMON = """
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/disks
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
log_level = WARNING
log_address = {folder}/none
log_custom_handlers = swift_hooks.log_to_file
log_file = {folder}/../swift-{part}.log
"""
_TOKENS = """
auth_url = {keystone}
auth_uri = {keystone}
www_authenticate_uri = {keystone}
auth_type = password
username = swift
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
delay_auth_decision = true
"""
# How long the parts wait for each other; the defaults (0.5 and 3 s) are too little for a busy machine.
_PATIENT = "conn_timeout = 30\nnode_timeout = 60\n"
_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, host = sys.argv[1:3]
for word in sys.argv[3:]:
    name, port = word.split(":")
    ring = RingBuilder(4, 1, 0)
    place = dict(ip=host, port=int(port), replication_ip=host, replication_port=int(port))
    ring.add_dev(dict(id=0, region=1, zone=1, device="d1", weight=1.0, meta="", **place))
    ring.rebalance()
    ring.get_ring().save(f"{folder}/{name}.ring.gz")
"""


def start(programs: Programs, bin: Path, folder: Path, keystone: str, ports: Mapping[str, int]) -> str:
    """Run it on ``ports`` of account, container, object and proxy; the URL of the proxy."""
    (folder / "disks" / "d1").mkdir(parents=True)
    prefix, suffix = secrets.token_hex(8), secrets.token_hex(8)
    (folder / "swift.conf").write_text(
        f"[swift-hash]\nswift_hash_path_prefix = {prefix}\nswift_hash_path_suffix = {suffix}\n"
        "[storage-policy:0]\nname = gold\ndefault = yes\n"
    )
    run([bin / "python", "-W", "ignore", "-c", _RINGS, folder, HOST, *(f"{part}:{ports[part]}" for part in _PARTS)])
    env = {"PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(HERE / "plugins"), "PYTHONWARNINGS": "ignore"}
    for part in (*_PARTS, "proxy"):
        common = _COMMON.format(host=HOST, port=ports[part], user=_user(), folder=folder, part=part)
        own = _proxy(keystone) if part == "proxy" else _server(part)
        settings = folder / f"{part}-server.conf"
        settings.write_text(common + own)
        programs.start(f"swift-{part}", [bin / f"swift-{part}-server", settings], env)
    url = f"http://{HOST}:{ports['proxy']}"
    programs.wait_for("swift-proxy", lambda: answers(f"{url}/healthcheck"))
    return url


def _server(part: str) -> str:
    # On a busy machine an object's name must get into the listing, and out of it, all the same: the program that does
    # so later (object-updater) does not run here.
    patient = f"container_update_timeout = 60\n{_PATIENT}" if part == "object" else _PATIENT
    return f"[pipeline:main]\npipeline = {part}-server\n[app:{part}-server]\nuse = egg:swift#{part}\n{patient}"


def _proxy(keystone: str) -> str:
    tokens = _TOKENS.format(keystone=keystone, password=SERVICE)
    filters = {
        "catch_errors": "", "gatekeeper": "", "healthcheck": "", "bulk": "", "tempurl": "", "copy": "",
        "container_quotas": "", "account_quotas": "", "slo": "rate_limit_after_segment = 1000000",
        "dlo": "rate_limit_after_segment = 1000000", "symlink": "",
        "versioned_writes": "allow_versioned_writes = true\nallow_object_versioning = true",
        "keystoneauth": "operator_roles = admin, member\nproject_reader_roles = reader",
        "s3api": "location = RegionOne\nauth_pipeline_check = true", "s3token": tokens,
    }  # fmt: skip
    text = [f"[pipeline:main]\npipeline = {_PIPELINE}\n"]
    text.append(
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nrequest_node_count = 1\n" + _PATIENT
    )
    for name, settings in filters.items():
        section = name.replace("_", "-") if name.endswith("_quotas") else name
        text.append(f"[filter:{section}]\nuse = egg:swift#{name}\n{settings}\n")
    text.append("[filter:memory]\npaste.filter_factory = swift_hooks:memory_factory\n")
    text.append("[filter:authtoken]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\n" + tokens)
    # Needed for application credentials with access rules.
    text.append("service_type = object-store\ninclude_service_catalog = true\ncache = swift.cache\n")
    return "".join(text)


def _user() -> str:
    import pwd

    if sys.platform == "win32":
        raise RuntimeError("Swift does not run on Windows")
    return pwd.getpwuid(os.getuid()).pw_name
