"""The servers of this test run: each is started by the first test that asks for it, in whichever process."""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers import shared
from servers.databases import DatabaseServer, running

HERE = Path(__file__).parent
_MEMORY = "/dev/shm"


@functools.cache
def openstack() -> dict[str, Any]:
    """Keystone and Swift: ``auth_url``, ``auth_url_tls``, ``swift``, ``swift_tls``, ``ca``."""
    return _used("openstack")


@functools.cache
def api() -> dict[str, Any]:
    """Our API behind a Keystone of its own, ``url`` and ``auth_url``; with HTTP Basic, ``basic``, signed by ``ca``."""
    return _used("api")


@functools.cache
def api_of_recordings() -> dict[str, Any]:
    """Another one, without the central clients that other tests make, which every project sees."""
    return _used("api", as_name="api-of-recordings")


@functools.cache
def ceph() -> dict[str, Any]:
    """Ceph's S3 gateway: ``endpoint``, ``endpoint_tls``, ``ca``, ``keys`` and ``other_keys``."""
    return _used("ceph")


@functools.cache
def database(kind: str) -> DatabaseServer:
    """``postgresql`` or ``mariadb``."""
    # Tables are made and thrown away all the time, which takes seconds on a disk.
    return running(kind, _used(kind, _MEMORY if os.access(_MEMORY, os.W_OK) else ""))


@functools.cache
def opensearch() -> dict[str, Any]:
    """One node of OpenSearch: ``url``, to which the name of an index is to be added."""
    return _used("opensearch", _MEMORY if os.access(_MEMORY, os.W_OK) else "")


def _used(name: str, memory: str = "", *, as_name: str = "") -> dict[str, Any]:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(memory or tempfile.gettempdir()) / f"freezer-server-{as_name or name}-{run}"
    return stack.enter_context(shared.used(HERE / f"{name}.py", folder))
