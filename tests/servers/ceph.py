"""A Ceph of one node with its S3 gateway (RGW): packages of Debian 13 in a chroot. It needs root and mmdebstrap.

Each program runs in a mount namespace of its own, so that nothing stays mounted when it ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers import shared, tls
from servers.environment import UnavailableError, made, run
from servers.processes import HOST, Programs, answers, free_ports

SUITE = "trixie"
PACKAGES = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "ceph-common")
_START = 60.0
_WORK = "/mnt"  # the server's folder as the programs see it
_INSIDE = """
set -e
root=$1 work=$2; shift 2
for place in proc sys dev; do mount --rbind "/$place" "$root/$place"; done
mount --bind "$work" "$root/mnt"
exec chroot "$root" "$@"
"""
_SETTINGS = """
[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v2:{host}:{mon}/0,v1:{host}:{old}/0]
public_addr = {host}
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
osd_crush_chooseleaf_type = 0
osd_objectstore = bluestore
bluestore_block_size = 8589934592
osd_memory_target = 939524096
log_file = /mnt/$name.log
admin_socket = /mnt/$name.asok
pid_file = /mnt/$name.pid
run_dir = /mnt
mon_data = /mnt/mon
mgr_data = /mnt/mgr
osd_data = /mnt/osd
rgw_data = /mnt/rgw
keyring = /mnt/keyring
[client.rgw.a]
rgw_frontends = beast endpoint={host}:{gateway}
"""


class Node:
    """The chroot, and the folder of this server."""

    def __init__(self, programs: Programs, root: Path, folder: Path) -> None:
        self._programs = programs
        self._root = root
        self._folder = folder
        self._env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CEPH_CONF": f"{_WORK}/ceph.conf", "LC_ALL": "C"}

    def run(self, *words: object) -> str:
        """What a program prints that runs to its end; :class:`UnavailableError` if it fails."""
        command = [str(word) for word in self._inside(words)]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False, timeout=_START)
        if done.returncode:
            raise UnavailableError(f"{words} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
        return done.stdout

    def says(self, word: str, *words: object) -> bool:
        """Whether a program soon succeeds and prints ``word``."""
        try:
            return word in self.run("timeout", 10, *words)
        except UnavailableError:
            return False

    def start(self, name: str, *words: object) -> None:
        """A program that stays."""
        self._programs.start(name, self._inside(words), self._env)

    def _inside(self, words: tuple[object, ...]) -> list[object]:
        private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSIDE, "sh"]
        return [*private, self._root, self._folder, *words]


def start(programs: Programs, folder: Path) -> dict[str, Any]:
    """Run it in ``folder``; endpoints (plain and TLS), keys of two users, the TLS authority."""
    root = made(f"ceph-{SUITE}", _fetch) / "root"
    mon, old, gateway, secure = free_ports(4)
    for name in ("mon", "mgr", "osd", "rgw"):
        (folder / name).mkdir()
    fsid = str(uuid.uuid4())
    (folder / "ceph.conf").write_text(_SETTINGS.format(fsid=fsid, host=HOST, mon=mon, old=old, gateway=gateway))
    node = Node(programs, root, folder)
    _make_keys(node)
    map = f"{_WORK}/monmap"
    node.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:{HOST}:{mon},v1:{HOST}:{old}]", map)
    node.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map, "--keyring", f"{_WORK}/keyring")
    node.start("mon", "ceph-mon", "-f", "-i", "a")
    _until(lambda: node.says("quorum", "ceph", "-s"), "the monitor")
    node.start("mgr", "ceph-mgr", "-f", "-i", "x")
    disk = str(uuid.uuid4())
    node.run("ceph", "osd", "new", disk)
    node.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
    node.start("osd", "ceph-osd", "-f", "-i", "0")
    _until(lambda: node.says("1 up", "ceph", "osd", "stat"), "the disk")
    node.start("gateway", "radosgw", "-f", "-n", "client.rgw.a")
    programs.wait_for("gateway", lambda: answers(f"http://{HOST}:{gateway}"))
    certificate, authority = tls.make_certificates(folder)
    tls.serve(certificate, {secure: gateway})
    return {
        "endpoint": f"http://{HOST}:{gateway}",
        "endpoint_tls": f"https://{HOST}:{secure}",
        "ca": str(authority),
        "keys": _make_user(node, "demo"),
        "other_keys": _make_user(node, "other"),
    }


def _fetch(folder: Path) -> None:
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise UnavailableError("Ceph needs root and mmdebstrap")
    plain = ["--variant=minbase", '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(PACKAGES)}"]
    run(["mmdebstrap", *plain, SUITE, folder / "root", f"deb {_mirror()} {SUITE} main"])


def _mirror() -> str:
    """Where this machine has its own packages from."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)"]
    sites = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    found = next((site for site in sites if site.endswith("/debian")), None)
    if found is None:
        raise UnavailableError("Ceph needs Debian's package mirror in apt's sources")
    return found


def _make_keys(node: Node) -> None:
    ring = f"{_WORK}/keyring"
    node.run("ceph-authtool", "--create-keyring", ring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    for name in ("client.admin", "mgr.x", "osd.0", "client.rgw.a"):
        rights = [word for part in ("mon", "osd", "mgr") for word in ("--cap", part, "allow *")]
        node.run("ceph-authtool", ring, "--gen-key", "-n", name, *rights)


def _make_user(node: Node, name: str) -> tuple[str, str]:
    """Access and secret key."""
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    words = ["--uid", name, "--display-name", name, "--access-key", access, "--secret-key", secret]
    node.run("radosgw-admin", "user", "create", *words)
    return access, secret


def _until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START
    while not ready():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} of Ceph did not start")
        time.sleep(0.5)


def _tell(about: dict[str, Any]) -> list[str]:
    access, secret = about["keys"]
    return [f"# S3: endpoint {about['endpoint']}, access key {access}, secret key {secret}"]


if __name__ == "__main__":
    shared.run(Path(__file__), sys.argv[1:], start, _tell)
