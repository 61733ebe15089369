"""``restore``: a job that restores a backup, made and watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freezer.cli.backups import ID, made_at
from freezer.cli.command import Argument, Command, Context, Given, Record
from freezer.cli.jobs import DETAILS
from freezer.cli.listing import pairs
from freezer.cli.watching import watch
from freezer.clock import utc_text
from freezer.errors import EXIT_OK, EXIT_PARTIAL, ApiError, UsageError

if TYPE_CHECKING:
    from freezer.client import Api

_COPIED = (
    "backup_name", "container", "mode", "storage", "engine_name", "hostname", "ssh_host", "ssh_port", "ssh_username",
    "ssh_key", "nova_inst_id", "cinder_vol_id", "cindernative_vol_id", "cinderbrick_vol_id", "glance_image_id",
)  # fmt: skip


def restore(context: Context, given: Given) -> Record:
    api = context.api()
    backup = api.backups.get(given.text("backup_uuid"))
    action = _action(backup, given)
    client = given.optional("client") or _client_of(api, backup)
    name = action.get("backup_name")
    job = {
        "client_id": client,
        "description": f"restore of {name} as of {action.get('restore_from_date', 'now')}",
        "job_actions": [{"freezer_action": action, "max_retries": 0, "max_retries_interval": 60}],
        "job_schedule": {},
    }
    identifier = api.jobs.create(job)
    context.say(f"job {identifier}: {client} restores {name}")
    code = EXIT_OK if given.flag("no_wait") else _waited(context, api, identifier, client)
    document = api.jobs.get(identifier)
    return Record(pairs(DETAILS, document), document, code)


def _waited(context: Context, api: Api, identifier: str, client: str) -> int:
    """The exit code, once the job has ended well enough."""
    ended = watch(context, api, identifier)
    if ended.result == "success":
        return EXIT_OK
    if ended.run is None:
        hint = f"the log of the scheduler on {client} says why"
        raise ApiError(f"job {identifier} has ended: {ended.result or 'nobody knows how'}", hint=hint)
    run = ended.run["run_id"]
    if ended.result == "partial":
        context.say(f"{ended.run['failures_total']} items could not be restored: freezer run-show {run}")
        return EXIT_PARTIAL
    why = f": {ended.run['error']}" if ended.run.get("error") else ""
    raise ApiError(f"run {run} of job {identifier} has ended: {ended.result}{why}", hint=f"see freezer run-log {run}")


def _action(backup: Mapping[str, Any], given: Given) -> dict[str, Any]:
    metadata = backup.get("backup_metadata") or {}
    action = {key: metadata[key] for key in _COPIED if metadata.get(key) not in (None, "")}
    action["action"] = "restore"
    if (seconds := made_at(backup)) is not None:
        action["restore_from_date"] = utc_text(seconds).rstrip("Z")
    if (path := given.optional("path")) is not None:
        action["restore_abs_path"] = path
    elif action.get("mode", "fs") == "fs":
        raise UsageError("--path is missing: where shall the files go?")
    if (secret := given.optional("encrypt_pass_file")) is not None:
        action["encrypt_pass_file"] = secret
    return action


def _client_of(api: Api, backup: Mapping[str, Any]) -> str:
    """The one client on the host that made the backup."""
    hostname = (backup.get("backup_metadata") or {}).get("hostname")
    found = [api.clients.identifier(client) for client in api.clients.find(search={"match": [{"hostname": hostname}]})]
    if len(found) != 1:
        known = ", ".join(found) or "none"
        raise UsageError(
            f"which client shall restore is not clear; on {hostname}: {known}", hint="name one: --client ID"
        )
    return found[0]


COMMANDS = (
    Command(
        "restore",
        "have a client restore a backup, and wait for it",
        restore,
        Record,
        (
            ID,
            Argument(("--path",), "where files are restored to (restore_abs_path)", metavar="PATH"),
            Argument(("--client",), "who restores; otherwise the client on the host of the backup", metavar="ID"),
            Argument(("--encrypt-pass-file",), "passphrase file on that client", metavar="FILE"),
            Argument(("--no-wait",), "do not wait for the end", kind="flag"),
        ),
    ),
)
