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

HERE = Path(__file__).parent


@functools.cache
def openstack() -> dict[str, Any]:
    """Keystone and Swift: ``auth_url``, ``auth_url_tls``, ``swift``, ``ca``."""
    return _used("openstack")


def _used(name: str) -> dict[str, Any]:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(tempfile.gettempdir()) / f"freezer-server-{name}-{run}"
    return stack.enter_context(shared.used(HERE / f"{name}.py", folder))
