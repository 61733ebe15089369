"""Asking the API of a home."""

from __future__ import annotations

import os

from freezer.client import Api
from freezer.client.opening import open_api
from freezer.clock import Clock
from freezer.errors import FreezerError
from freezer.standalone import files
from freezer.standalone.home import Home, Plan
from freezer.standalone.secrets import local_token


def variables(home: Home, plan: Plan, clock: Clock) -> dict[str, str]:
    """What a client of the API is told: as the user of the first home of a project, as the machine that has joined."""
    token = local_token(home, clock) if plan.kind == "first" else (files.read(home.token) or "").strip()
    if not token:
        raise FreezerError(
            f"{home.token} is gone", hint="without it this machine is nobody: join again, in another home"
        )
    found = {"OS_BACKUP_URL": plan.url, "OS_TOKEN": token}
    return {**found, "OS_CACERT": home.certificate} if os.path.exists(home.certificate) else found


def open_home(home: Home, plan: Plan, clock: Clock) -> Api:
    """The API of a home."""
    return open_api(variables(home, plan, clock), home=os.path.expanduser("~"), clock=clock)
