"""The Python library of python-freezerclient 6.5.0 on our API."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from originals import HERE, Somebody

_WAYS = ("password", "session", "endpoint", "endpoint with the project")


@pytest.mark.parametrize("way", ["keystone", "basic"])
def test_every_method_of_the_library_gives_what_it_gave(
    clients: Path,
    about: Mapping[str, Any],
    keystone_user: Callable[[str], Somebody],
    basic_user: Callable[[str], Somebody],
    way: str,
    unique: str,
    tmp_path: Path,
) -> None:
    somebody = {"keystone": keystone_user, "basic": basic_user}[way]("demo")
    url = about["url" if way == "keystone" else "basic"]
    tokens = {"FREEZER_TOKENS_ARE_FOR_A_PROJECT": "1"} if way == "basic" else {}
    env = {**tokens, **somebody.env, "FREEZER_API": url, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [clients / "python", "-I", HERE / "library.py", unique]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    refused = told.pop("refusal: missing")
    assert (refused[0], "nobody-has-this" in refused[1]) == (404, True)
    assert told.pop("refusal: malformed") == [400, "[*] Error 400: 5 is not of type 'string'"]
    assert told == {
        "ways": dict.fromkeys(_WAYS if way == "keystone" else (*_WAYS, "token"), True),
        "clients.create": unique,
        "clients.get": unique,
        "clients.list": [unique],
        "clients.get of none": None,
        "jobs.create with an id": True,
        "jobs.get": unique,
        "jobs.list": True,
        "jobs.list of this machine": [],
        "jobs.list_all": 2,
        "jobs.update": 0,
        "jobs.start": ["success", "start already requested"],
        "jobs.stop": ["success", "stop already requested"],
        "jobs.abort": ["success", "abort already requested"],
        "jobs.get of none": None,
        "sessions.create": True,
        "sessions.start": {"result": "success", "session_tag": 1},
        "sessions.end": {"result": "success", "session_tag": 1},
        "sessions.get": ["completed", "success", 1],
        "sessions.update": 0,
        "sessions.list": [1, 1],
        "sessions.get of none": None,
        "actions.get": 2,
        "actions.update": True,
        "actions.list": 1,
        "actions.get of none": None,
        "backups.get": True,
        "backups.update": True,
        "backups.update kept": ["error", "x", "h"],
        "backups.list": 1,
        "backups.get of none": None,
    }
