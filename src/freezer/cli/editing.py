"""``job-edit``: a job in the user's editor."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Command, Context, Given, Record
from freezer.cli.files import FileDocument, read_document
from freezer.cli.jobs import ID, shown
from freezer.errors import CommandError, FreezerError

_SHOWN = ("description", "client_id", "job_schedule", "job_actions")
_EDITORS = ("VISUAL", "EDITOR")
_FALLBACK = "vi"


def edit_job(context: Context, given: Given) -> Record:
    identifier = given.text("job_id")
    document, revision = context.api().jobs.get_with_revision(identifier)
    before = editable(document)
    descriptor, path = tempfile.mkstemp(prefix=f"freezer-{os.path.basename(identifier)}-", suffix=".json")
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(before, indent=2, ensure_ascii=False) + "\n")
    try:
        _edit(context.environ, path)
    except CommandError:
        os.unlink(path)
        raise
    try:
        changes = _read_changes(path, before)
        if changes:
            context.api().jobs.update(identifier, changes, revision=revision)
    except FreezerError as error:
        kept = f"what you wrote is kept: freezer job-update {identifier} {path}"
        error.hint = kept if error.hint is None else f"{error.hint}; {kept}"
        raise
    os.unlink(path)
    if not changes:
        context.say(f"job {identifier} stays as it is")
    return shown(context, identifier)


def editable(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a job is the user's to change: nothing of what scheduler and API keep in it, and nothing empty."""
    result = {key: document[key] for key in _SHOWN if document.get(key) is not None}
    schedule = result.get("job_schedule", {})
    result["job_schedule"] = {key: value for key, value in schedule.items() if key.startswith("schedule_")}
    result["job_actions"] = [_own(action) for action in result.get("job_actions", [])]
    return result


def _own(action: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("action_id", "max_retries", "max_retries_interval", "mandatory")
    inner = {key: value for key, value in (action.get("freezer_action") or {}).items() if value is not None}
    return {"freezer_action": inner, **{key: action[key] for key in kept if action.get(key) is not None}}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What to send so that ``before`` becomes ``after``. A key that is gone is None; an action that differs is a new
    one, since others may use the old one."""
    changes = {key: after.get(key) for key in {**before, **after} if before.get(key) != after.get(key)}
    if isinstance(schedule := changes.get("job_schedule"), dict):
        gone = before.get("job_schedule", {}).keys() - schedule.keys()
        changes["job_schedule"] = {**schedule, **dict.fromkeys(gone)}
    if isinstance(actions := changes.get("job_actions"), list):
        known = before.get("job_actions", [])
        changes["job_actions"] = [action if action in known else _anew(action) for action in actions]
    return changes


def _anew(action: Any) -> Any:
    return {k: v for k, v in action.items() if k != "action_id"} if isinstance(action, dict) else action


def _read_changes(path: str, before: Mapping[str, Any]) -> dict[str, Any]:
    from freezer.model.jobs import read_job, read_job_change

    document: FileDocument = read_document(path)
    document.read(lambda raw: read_job(raw).document())
    return dict(read_job_change(changed(before, document.content)).document())


def _edit(environ: Mapping[str, str], path: str) -> None:
    editor = next((environ[name] for name in _EDITORS if environ.get(name)), _FALLBACK)
    try:
        done = subprocess.run([*shlex.split(editor), path], check=False)
    except OSError as error:
        raise CommandError(f"the editor {editor} cannot be started: {error.strerror}", hint="set EDITOR") from error
    if done.returncode:
        raise CommandError(f"the editor {editor} ended with {done.returncode}; nothing was changed")


COMMANDS = (Command("job-edit", "change a job in your editor", edit_job, Record, (ID,)),)
