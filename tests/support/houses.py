"""Projects with one thing of each kind in them, which everybody asks for; and who these are.

Whoever adds a kind of thing adds to ``MAKING`` how one is made: the key is the name that it has in paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import MetaData, select

from freezer.api.store.elastic.place import Place, is_place, place_of
from freezer.api.store.elastic.wire import Wire
from freezer.api.store.sql.engine import open_engine
from freezer.clock import SystemClock
from freezer.model.backups import set_id
from support.api import Person
from support.people import person

Making = Callable[[Person, Mapping[str, str]], str]
SECRET = "cornflower"
"""Stands in whatever a house has, and in no answer to anybody else."""


def _session(owner: Person, _ids: Mapping[str, str]) -> str:
    document = {"schedule": {"schedule_interval": "1 days"}, "description": SECRET}
    return str(owner.made("/sessions", document)["session_id"])


def _job(owner: Person, ids: Mapping[str, str]) -> str:
    job = owner.job(ids["client_id"], description=SECRET)
    assert owner.send("PUT", f"/sessions/{ids['session_id']}/jobs/{job}").status == 204
    begun = {"start": {"job_id": job, "current_tag": 0}}
    assert owner.send("POST", f"/sessions/{ids['session_id']}/action", begun).status == 202
    return job


def _client(owner: Person, _ids: Mapping[str, str]) -> str:
    client = owner.client("its-node")
    if owner.version == "v2":
        owner.made(f"/clients/{client}/key", None)
    return client


def _action(owner: Person, _ids: Mapping[str, str]) -> str:
    action = {"action": "backup", "path_to_backup": f"/{SECRET}", "storage": "local"}
    return str(owner.made("/actions", {"freezer_action": action})["action_id"])


def _backup(owner: Person, _ids: Mapping[str, str]) -> str:
    return str(owner.made("/backups", {"backup_name": SECRET, "container": "c", "hostname": "h"})["backup_id"])


def _run(owner: Person, ids: Mapping[str, str]) -> str:
    if owner.version == "v1":
        return "v1 has no runs"
    job = owner.job(ids["client_id"])
    owner.send("POST", f"/jobs/{job}/event", {"start": None})
    run = owner.made("/runs", {"job_id": job, "cause": "event", "holder": SECRET})
    return str(run["run_id"])


def _enrolment(owner: Person, _ids: Mapping[str, str]) -> str:
    return "v1 has none" if owner.version == "v1" else str(owner.made("/enrolments", {"hours": 1})["enrolment_id"])


MAKING: Mapping[str, Making] = {
    "client_id": _client,
    "session_id": _session,
    "job_id": _job,
    "action_id": _action,
    "backup_id": _backup,
    "set_id": lambda _owner, _ids: set_id("h", SECRET),
    "run_id": _run,
    "enrolment_id": _enrolment,
}
"""How one of each kind is made, in this order, given the ids of those before."""


@dataclass(frozen=True)
class House:
    """``ids`` of what the project has, by the names that they have in paths."""

    owner: Person
    ids: Mapping[str, str]

    def visitors(self) -> Mapping[str, Person | None]:
        """Everybody who may come, by the column of the table; by v1 the owner itself with other roles."""
        at, owner = self.owner.project, self.owner
        old = owner.version == "v1"
        inside = owner.user if old else ""
        elsewhere = {"version": owner.version, "at": "" if old else at}
        return {
            "administrator": person("admin", **elsewhere),
            "member": replace(owner, roles="member") if old else person("member", project=at, user=inside),
            "reader": replace(owner, roles="reader") if old else person("reader", project=at),
            "service": replace(owner, roles="service") if old else person("service", at=at),
            "another project": person(**elsewhere),
            "no token": None,
        }

    def rows(self, database: str) -> Any:
        """Every row of the project, in every table that has projects; of an index, every document that names it."""
        if is_place(database):
            return self._documents(place_of(database))
        engine = open_engine(database)
        tables = MetaData()
        tables.reflect(engine)
        owned = {name: table for name, table in tables.tables.items() if "project_id" in table.c}
        with engine.connect() as connection:
            found = {
                name: sorted(
                    map(repr, connection.execute(select(table).where(table.c.project_id == self.owner.project)))
                )
                for name, table in owned.items()
            }
        engine.dispose()
        return found

    def _documents(self, place: Place) -> Any:
        wire = Wire(place, SystemClock())
        wire.ask("POST", f"/{place.index}/_refresh")
        query = {"term": {"keys": f"project={self.owner.project}"}}
        found = wire.ask("POST", f"/{place.index}/_search", {"query": query, "size": 10_000})
        wire.close()
        return sorted(repr(each["_source"]) for each in msgspec.json.decode(found.body)["hits"]["hits"])


def house(version: str = "v2") -> House:
    """A new one."""
    owner = person(version=version)
    ids: dict[str, str] = {"project_id": owner.project}
    for name, make in MAKING.items():
        ids[name] = make(owner, ids)
    return House(owner, ids)
