"""The services of a home: what is started, with what, and what has to be there first."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import msgspec

from freezer.errors import FreezerError
from freezer.standalone import files
from freezer.standalone.home import Home, Plan, direct
from freezer.standalone.repository import environment
from freezer.standalone.settings import api_file, scheduler_file


class Service(msgspec.Struct, frozen=True):
    """``needs``: a file without which it is not started yet; ``stop_seconds``: how long it may take to end."""

    name: str
    module: str
    arguments: Sequence[str]
    needs: str
    stop_seconds: float

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module, *self.arguments]


def services(home: Home, plan: Plan) -> list[Service]:
    """Those of a home, in the order in which they are started, and ended the other way round."""
    api, scheduler = api_file(home), scheduler_file(home)
    found = [
        Service(
            "scheduler", "freezer.cmd.scheduler", ("--config-file", scheduler, "--no-daemon", "start"), home.token, 30
        )
    ]
    if plan.kind == "first":
        found.insert(0, Service("api", "freezer.cmd.api", ("--config-file", api), api, 15))
    return found


def variables(home: Home, plan: Plan, service: Service) -> Mapping[str, str]:
    """The environment of a service. The scheduler's token is in it, where nobody but this user can read it."""
    kept = {**environment(home), **direct(os.environ, plan.host)}
    if service.name != "scheduler":
        return kept
    token = files.read(home.token)
    if token is None:
        raise FreezerError(f"{home.token} is gone", hint="freezer up makes another one")
    kept |= {"OS_BACKUP_URL": plan.url, "OS_TOKEN": token.strip()}
    if os.path.exists(home.certificate):
        kept["OS_CACERT"] = home.certificate
    return kept
