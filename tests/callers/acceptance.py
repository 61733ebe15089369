"""Running groups of freezer-tempest-plugin 3.5.0 in the environment of the original's clients, with a real Keystone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers import keystone
from support.cache import cache, locked

_SETTINGS = """
[auth]
use_dynamic_credentials = true
admin_username = admin
admin_password = {password}
admin_project_name = admin
admin_domain_name = Default
tempest_roles = member
[identity]
auth_version = v3
uri_v3 = {auth_url}
region = RegionOne
[identity-feature-enabled]
api_v3 = true
[service_available]
neutron = false
nova = false
glance = false
cinder = false
swift = false
[oslo_concurrency]
lock_path = {folder}
"""
LEFT = tuple(
    Path("/tmp") / name
    for name in ("test_action.json", "test_client.json", "freezer_test", "freezer_central_test", "freezer_no_trust")
)
"""What they make under names of their own, and stumble over if a run that was killed has left it."""


def passes(
    clients: Path,
    about: Mapping[str, Any],
    folder: Path,
    group: str,
    count: int,
    **more: str,
) -> None:
    """So many tests of a package of ``freezer_tempest_plugin.tests`` pass, none of them skipped. ``folder`` is their
    home; ``more``: variables of theirs besides, ``PATH`` in front of that of the clients."""
    config = folder / "tempest.conf"
    config.write_text(_SETTINGS.format(password=keystone.ADMIN, auth_url=about["auth_url"], folder=folder))
    env = {
        "HOME": str(folder),
        "TEMPEST_CONFIG_DIR": str(folder),
        "TEMPEST_CONFIG": config.name,
        "OS_AUTH_URL": about["auth_url"],
        "PYTHONWARNINGS": "ignore",
        **more,
        "PATH": ":".join((*filter(None, (more.get("PATH"),)), str(clients), os.environ["PATH"])),
    }
    modules = _modules(clients, f"freezer_tempest_plugin.tests.{group}")
    command = [clients / "python", "-m", "unittest", *modules]
    with locked(cache("interop") / "tempest.lock"):
        _tidy()
        done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=550, check=False)
        _tidy()
    (folder / "said").write_text(done.stderr)
    assert done.returncode == 0, done.stderr[-8000:]
    assert re.search(rf"^Ran {count} tests", done.stderr, re.MULTILINE), done.stderr[-2000:]
    assert "skipped" not in done.stderr


def _tidy() -> None:
    for each in LEFT:
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink(missing_ok=True)


def _modules(clients: Path, group: str) -> list[str]:
    """The modules of tests in a package."""
    (packages,) = (clients.parent / "lib").glob("python3.*/site-packages")
    folder = packages / group.replace(".", "/")
    found = sorted(folder.rglob("test_*.py"))
    return [str(path.relative_to(packages).with_suffix("")).replace("/", ".") for path in found]
