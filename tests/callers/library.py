"""The Python library of python-freezerclient 6.5.0, every method of every manager: run by the Python that has it.

``python library.py UNIQUE`` takes who asks from ``OS_…`` variables, and prints what came of each call as one JSON
object. Only that library and the standard library are used here.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from freezerclient import client as factory  # type: ignore[import-not-found]
from freezerclient.exceptions import ApiClientException  # type: ignore[import-not-found]
from freezerclient.v2.client import Client  # type: ignore[import-not-found]
from keystoneauth1 import loading, session

_ACTION = {"action": "backup", "mode": "fs", "backup_name": "b", "path_to_backup": "/etc", "storage": "local"}


def _known() -> dict[str, Any]:
    names = ("username", "password", "auth_url", "project_name", "user_domain_name", "project_domain_name")
    return {name: os.environ[f"OS_{name.upper()}"] for name in names}


def _ways(told: dict[str, Any]) -> None:
    """Every way of logging in that the library has: by a password, a token, a session, with an address of its own."""
    cacert = os.environ.get("OS_CACERT")
    known = factory.Client("2", **_known(), cacert=cacert)
    auth = loading.get_plugin_loader("password").load_from_options(**_known())
    open_session = session.Session(auth=auth, verify=cacert or True)
    token = open_session.get_token()
    url = os.environ["FREEZER_API"]
    project = open_session.get_project_id()
    scope = {name: _known()[name] for name in ("auth_url", "project_name", "project_domain_name")}
    ways = {
        "password": known,
        "session": Client(session=open_session, cacert=cacert),
        "endpoint": Client(session=open_session, endpoint=url, project_id=project, cacert=cacert),
        "endpoint with the project": Client(session=open_session, endpoint=f"{url}/v2/{project}", cacert=cacert),
    }
    if os.environ.get("FREEZER_TOKENS_ARE_FOR_A_PROJECT"):  # of Keystone it asks for one without, which is for nothing
        ways["token"] = Client(token=token, cacert=cacert, **scope, project_id=project)
    told["ways"] = {name: isinstance(each.jobs.list_all(limit=1), list) for name, each in ways.items()}


def _clients(api: Any, unique: str, told: dict[str, Any]) -> None:
    told["clients.create"] = api.clients.create({"client_id": unique, "hostname": "h"})
    told["clients.get"] = api.clients.get(unique)["client"]["client_id"]
    found = api.clients.list(limit=5, offset=0, search={"match": [{"client_id": unique}]})
    told["clients.list"] = [each["client"]["client_id"] for each in found]


def _jobs(api: Any, unique: str, told: dict[str, Any]) -> str:
    entry = {"freezer_action": _ACTION, "max_retries": 1, "max_retries_interval": 1}
    document = {"client_id": unique, "job_actions": [entry], "job_schedule": {}}
    job = api.jobs.create(document)
    told["jobs.create with an id"] = api.jobs.create(dict(document), job_id=f"{unique}-job") == f"{unique}-job"
    told["jobs.get"] = api.jobs.get(job)["client_id"]
    told["jobs.list"] = sorted(each["job_id"] for each in api.jobs.list(client_id=unique)) == sorted(
        [job, f"{unique}-job"]
    )
    told["jobs.list of this machine"] = api.jobs.list()
    told["jobs.list_all"] = len(api.jobs.list_all(search={"match": [{"client_id": unique}]}))
    told["jobs.update"] = api.jobs.update(job, {"description": "changed"})
    for event in ("start", "stop", "abort"):
        send = getattr(api.jobs, f"{event}_job")
        told[f"jobs.{event}"] = [send(job)["result"], send(job)["result"]]
    api.jobs.delete(f"{unique}-job")
    told["jobs.get of none"] = api.jobs.get(f"{unique}-job")
    return str(job)


def _sessions(api: Any, job: str, unique: str, told: dict[str, Any]) -> None:
    made = api.sessions.create(
        {"description": "d", "hold_off": 30, "schedule": {}, "session_tag": 0, "session_id": f"{unique}-session"}
    )
    told["sessions.create"] = made == f"{unique}-session"
    api.sessions.add_job(made, job)
    told["sessions.start"] = api.sessions.start_session(made, job, 0)
    told["sessions.end"] = api.sessions.end_session(made, job, 1, "success")
    told["sessions.get"] = [api.sessions.get(made)[key] for key in ("status", "result", "session_tag")]
    told["sessions.update"] = api.sessions.update(made, {"description": "changed"})
    search = {"match": [{"session_id": made}]}
    told["sessions.list"] = [len(each(search=search)) for each in (api.sessions.list, api.sessions.list_all)]
    api.sessions.remove_job(made, job)
    api.sessions.delete(made)
    told["sessions.get of none"] = api.sessions.get(made)


def _actions(api: Any, unique: str, told: dict[str, Any]) -> None:
    action = api.actions.create({"freezer_action": {**_ACTION, "backup_name": unique}, "max_retries": 2})
    told["actions.get"] = api.actions.get(action)["max_retries"]
    told["actions.update"] = api.actions.update(action, {"max_retries": 3}) == action
    told["actions.list"] = len(api.actions.list(search={"match": [{"backup_name": unique}]}))
    api.actions.delete(action)
    told["actions.get of none"] = api.actions.get(action)


def _backups(api: Any, unique: str, told: dict[str, Any]) -> None:
    backup = api.backups.create({"backup_name": unique, "container": "c", "hostname": "h", "time_stamp": 5})
    told["backups.get"] = api.backups.get(backup)["backup_metadata"]["backup_name"] == unique
    changed = api.backups.update(backup, {"status": "error", "backup_metadata": {"why": "x"}})
    told["backups.update"] = isinstance(changed, dict | int | str) or changed is None
    kept = api.backups.get(backup)
    told["backups.update kept"] = [kept["status"], kept["backup_metadata"]["why"], kept["backup_metadata"]["hostname"]]
    told["backups.list"] = len(api.backups.list(search={"match": [{"backup_name": unique}]}))
    api.backups.delete(backup)
    told["backups.get of none"] = api.backups.get(backup)


def _refusals(api: Any, told: dict[str, Any]) -> None:
    for name, call in {
        "missing": lambda: api.jobs.delete("nobody-has-this"),
        "malformed": lambda: api.sessions.create({"description": 5, "schedule": {}}),
    }.items():
        try:
            call()
        except ApiClientException as error:
            told[f"refusal: {name}"] = [error.status_code, str(error)]


def main(unique: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    _ways(told)
    api = factory.Client("2", **_known(), cacert=os.environ.get("OS_CACERT"))
    _clients(api, unique, told)
    job = _jobs(api, unique, told)
    _sessions(api, job, unique, told)
    _actions(api, unique, told)
    _backups(api, unique, told)
    _refusals(api, told)
    api.jobs.delete(job)
    api.clients.delete(unique)
    told["clients.get of none"] = api.clients.get(unique)
    return told


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
