"""The first jobs of a machine: a daily backup of a directory, and the weekly upkeep of its repository.

Their ids follow from the home and from what they are about, so that asking again makes nothing twice.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from typing import Any

from freezer.errors import UsageError
from freezer.standalone.home import Home, Plan
from freezer.standalone.place import Place, document

Job = dict[str, Any]
_KEPT = {"keep_last": 7, "keep_daily": 14, "keep_weekly": 8, "keep_monthly": 24}
_READ = "10%"
_SAMPLE = 100
_WILD = re.compile(r"[\\*?\[]")
_NAME = re.compile(r"[^a-zA-Z0-9._-]+")
CLIENT_CAN: Mapping[str, list[str]] = {
    "supported_actions": ["backup", "restore", "info", "admin", "check", "drill", "forget", "prune", "list", "show"],
    "supported_modes": ["fs"],
    "supported_storages": ["local", "ssh", "s3", "swift", "ftp", "ftps"],
    "supported_engines": ["tar", "dedup"],
}
"""What the client says before its scheduler has said so itself."""


def read_source(path: str) -> str:
    """The directory or file that is to be backed up, without links in its path; UsageError if there is none."""
    found = os.path.realpath(os.path.expanduser(path))
    if not os.path.exists(found):
        raise UsageError(f"there is no {path}", hint="name a directory to back up: freezer up ~/documents")
    return found


def backup_name(source: str) -> str:
    """Under which name a directory is backed up."""
    return _NAME.sub("-", os.path.basename(source)).strip("-.") or "root"


def job_id(plan: Plan, what: str) -> str:
    """The id of the job of this home that is about ``what``."""
    return uuid.uuid5(plan.identity, what).hex


def backup_job(home: Home, plan: Plan, place: Place, source: str) -> Job:
    """Back ``source`` up, now and every day at this time."""
    action = {
        "action": "backup",
        "mode": "fs",
        "engine_name": "dedup",
        "path_to_backup": source,
        "backup_name": backup_name(source),
        **_repository(home, place),
        **_KEPT,
    }
    if _is_within(home.path, source):
        action["exclude"] = [_WILD.sub(r"\\\g<0>", f"./{os.path.relpath(home.path, source)}")]
    return {
        "job_id": job_id(plan, f"backup {source}"),
        "client_id": plan.client,
        "description": f"{source}, every day",
        "job_actions": [{"freezer_action": action, "max_retries": 2, "max_retries_interval": 60}],
        "job_schedule": {"schedule_interval": "1 days", "event": "start"},
    }


def upkeep_job(home: Home, plan: Plan, place: Place, source: str) -> Job:
    """Every week: give space back, read a tenth of everything, and prove that a restore works."""
    name = backup_name(source)
    wanted: list[dict[str, Any]] = [
        {"action": "prune"},
        {"action": "check", "read_data": _READ},
        {"action": "drill", "backup_name": name, "sample": _SAMPLE},
    ]
    return {
        "job_id": job_id(plan, "upkeep"),
        "client_id": plan.client,
        "description": "upkeep of the repository, every week",
        "job_actions": [{"freezer_action": {**each, **_repository(home, place)}, "mandatory": True} for each in wanted],
        "job_schedule": {"schedule_interval": "7 days"},
    }


def _repository(home: Home, place: Place) -> dict[str, Any]:
    found = {**document(place, home), "encrypt_pass_file": home.passphrase}
    return {**found, "log_file": home.log("agent")}


def _is_within(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder
