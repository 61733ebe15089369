"""A home, where everything in it is, and its plan."""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import msgspec

from freezer.decoding import json_decoder
from freezer.errors import BusyError, FreezerError
from freezer.standalone import files, locks

PROJECT = "default"
USER = "admin"
VARIABLE = "FREEZER_HOME"
_DEFAULT = os.path.join(".freezer", "up")
_NAME_PART = re.compile(r"[^a-zA-Z0-9-]+")


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen. ``source``: what is backed up first; ``instance`` is unlike that of any other home; ``store``:
    where the repository is, a path or ``ssh://…``; ``url``: the API's; ``host``: under which others find it, empty if
    they shall not; ``database``: where the API keeps its records, empty for a file in the home."""

    version: Literal[1] = 1
    kind: Literal["first", "joined"]
    source: str
    instance: str
    client: str
    store: str
    url: str
    port: int = 0
    host: str = ""
    database: str = ""

    @property
    def identity(self) -> uuid.UUID:
        """Of this home with this database: what was counted in another one means nothing in it."""
        return uuid.uuid5(uuid.UUID(self.instance), self.database)


class Home:
    """The directory ``path``. The paths of what is in it are its properties; none of them need exist."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    def at(self, *names: str) -> str:
        """The path of something in it."""
        return os.path.join(self.path, *names)

    def log(self, name: str) -> str:
        return self.at("log", f"{name}.log")

    def lock(self, name: str) -> str:
        return self.at("run", f"{name}.lock")

    @property
    def passphrase(self) -> str:
        return self.at("passphrase")

    @property
    def token(self) -> str:
        """By which the scheduler is known to the API."""
        return self.at("scheduler.token")

    @property
    def certificate(self) -> str:
        return self.at("tls", "certificate.pem")

    @property
    def certificate_key(self) -> str:
        return self.at("tls", "key.pem")

    @property
    def sheet(self) -> str:
        return self.at("recovery-sheet.txt")

    @property
    def begun(self) -> str:
        """Is there once the first job has been made."""
        return self.at("first-job")

    @property
    def agent_settings(self) -> str:
        return self.at("repository.conf")

    def plan(self) -> Plan | None:
        """What was chosen; None if this is no home yet."""
        text = files.read(self.at("plan.json"))
        if text is None:
            return None
        try:
            return json_decoder(Plan).decode(text.encode("utf-8", "surrogateescape"))
        except msgspec.DecodeError as error:
            raise FreezerError(f"{self.at('plan.json')}: {error}", hint="it was made by freezer up") from None

    def known_plan(self) -> Plan:
        """The same; :class:`FreezerError` if this is no home."""
        plan = self.plan()
        if plan is None:
            raise FreezerError(f"there is nothing in {self.path} yet", hint="freezer up DIRECTORY makes it")
        return plan

    def choose(self, plan: Plan) -> None:
        """Keep another plan."""
        files.write(self.at("plan.json"), msgspec.json.format(msgspec.json.encode(plan)).decode() + "\n")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While the context lasts nobody else changes this home; :class:`BusyError` if somebody does."""
        for folder in (self.path, self.at("run"), self.at("log"), self.at("tls")):
            files.make_folder(folder)
        lock = locks.take(self.lock("up"))
        if lock is None:
            raise BusyError(f"another program is at work in {self.path}", hint="wait until it has ended")
        with lock:
            yield


def default_home(environ_home: str | None, user_home: str) -> str:
    """Where a home is if nobody says: what ``FREEZER_HOME`` names, otherwise ``~/.freezer/up``."""
    return environ_home or os.path.join(user_home, _DEFAULT)


def direct(environ: Mapping[str, str], host: str = "") -> dict[str, str]:
    """The variables by which what is on this machine, or called ``host``, is asked without a proxy."""
    known = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = [*known.split(","), "127.0.0.1", "localhost", host]
    value = ",".join(dict.fromkeys(name.strip() for name in names if name.strip()))
    return {"no_proxy": value, "NO_PROXY": value}


def machine_name() -> str:
    """The name of this machine as a client may be called."""
    parts = (_NAME_PART.sub("-", part).strip("-") for part in socket.gethostname().split("."))
    return ".".join(part[:60] for part in parts if part) or "this-machine"
