"""An API server in this process, on a database of its own, and people who call it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freezer.api.config import ApiSettings
from freezer.api.server import Tables, make_application, open_kept
from freezer.api.store.elastic.index import prepare
from freezer.api.store.elastic.place import is_place, place_of
from freezer.api.store.elastic.wire import Wire
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.migrate import upgrade
from freezer.clock import Clock, SystemClock
from servers.session import database, opensearch
from support.wsgi import Answer, Caller, InProcess

DATABASES = ("sqlite", "postgresql", "mariadb")
STORES = (*DATABASES, "opensearch")
"""The first are SQL."""
USUAL = os.environ.get("FREEZER_TEST_DATABASE", "sqlite")
"""The database that tests of the API work on unless they say otherwise; ``make proof`` goes through all of them."""


def empty_database(directory: Path, kind: str = USUAL) -> str:
    """The URL of a new database with nothing in it."""
    if kind == "opensearch":
        return f"{opensearch()['url']}/freezer-{uuid.uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{directory}/{uuid.uuid4().hex}.db"
    return database(kind).new_database()


def fresh_database(directory: Path, kind: str = USUAL) -> str:
    """The URL of a new database with the tables of this version."""
    url = empty_database(directory, kind)
    if is_place(url):
        prepare(Wire(place_of(url), SystemClock()))
        return url
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


def opened(url: str, clock: Clock | None = None, **settings: Any) -> Tables:
    """The store in a database."""
    chosen = ApiSettings(auth="none", database=url, **settings)
    return open_kept(chosen, clock or SystemClock(), connections=10).tables


def serving(directory: Path, clock: Clock | None = None, *, kind: str = USUAL, **settings: Any) -> InProcess:
    """A server without authentication, on a new database of that kind."""
    chosen = {"auth": "none", **settings}
    chosen.setdefault("database", fresh_database(directory, kind))
    return InProcess(make_application(ApiSettings(**chosen), clock), database=str(chosen["database"]))


@dataclass(frozen=True)
class Person:
    """Somebody with roles in a project, who calls paths below ``/v2/PROJECT``, or of v1 below ``/v1``."""

    call: Caller
    project: str
    roles: str = "member,reader"
    user: str = "somebody"
    version: str = "v2"
    at: str = ""

    def headers(self) -> Mapping[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": self.user,
            "X-User-Name": self.user,
            "X-Project-Id": self.project,
            "X-Roles": self.roles,
        }

    def send(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        root = "/v1" if self.version == "v1" else f"/v2/{self.at or self.project}"
        answer = self.call.send(method, root + path, document, **self.headers(), **headers)
        if answer.status == 501 and USUAL == "opensearch":
            pytest.skip("runs are not leased on a search server")
        return answer

    def get(self, path: str, search: object = None) -> Any:
        answer = self.send("GET", path, search)
        assert answer.status == 200, answer
        return answer.json()

    def made(self, path: str, document: object, **headers: str) -> Any:
        answer = self.send("POST", path, document, **headers)
        assert answer.status == 201, answer
        return answer.json()

    def client(self, name: str = "node", **more: object) -> str:
        """Register a client; its id."""
        return str(self.made("/clients", {"client_id": name, **more})["client_id"])

    def job(self, client: str = "node", **more: object) -> str:
        """Make a job of one action; its id."""
        action = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar"}
        document = {"client_id": client, "job_actions": [{"freezer_action": action}], **more}
        return str(self.made("/jobs", document)["job_id"])

    def central_job(self, client: str) -> str:
        """Make a job that another project's central client may be asked for; its id."""
        action = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}
        return str(self.made("/jobs", {"client_id": client, "job_actions": [{"freezer_action": action}]})["job_id"])
