"""``backup-…``: what the API knows of backups; the backups themselves stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.files import read_document
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, value
from freezer.cli.searches import search_of
from freezer.clock import utc_text
from freezer.errors import ApiMissing

ID = Argument(("backup_uuid",), "id of the backup")


def made_at(backup: Mapping[str, Any]) -> int | None:
    """Seconds since 1970 at which the backup was made, None if nobody knows."""
    metadata = backup.get("backup_metadata") or {}
    found = next((metadata[key] for key in ("time_stamp", "timestamp") if metadata.get(key) not in (None, "")), None)
    try:
        return None if found is None else int(found)
    except (TypeError, ValueError):
        return None


def created(backup: Mapping[str, Any]) -> str:
    seconds = made_at(backup)
    try:
        return "" if seconds is None else utc_text(seconds)
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _id(backup: Mapping[str, Any]) -> object:
    return backup.get("backup_id") or backup.get("backup_uuid") or ""


def _uuid(backup: Mapping[str, Any]) -> object:
    return backup.get("backup_uuid") or backup.get("backup_id") or ""


COLUMNS: Mapping[str, Cells] = {
    "Backup ID": _id,
    "Backup UUID": _uuid,
    "Hostname": value("backup_metadata", "hostname"),
    "Path": value("backup_metadata", "path_to_backup"),
    "Created at": created,
    "Status": value("status"),
    "Level": value("backup_metadata", "curr_backup_level"),
}
DETAILS: Mapping[str, Cells] = {
    "Backup ID": _id,
    "Project ID": value("project_id"),
    "User ID": value("user_id"),
    "Status": value("status"),
    "Metadata": value("backup_metadata", default={}),
}


def list_backups(context: Context, given: Given) -> Listing:
    search = search_of(context, given)
    found = context.api().backups.find(search=search, **page(given))
    return listing(COLUMNS, sorted(found, key=lambda backup: made_at(backup) or 0))


def show_backup(context: Context, given: Given) -> Record:
    return _shown(context, given.text("backup_uuid"))


def create_backup(context: Context, given: Given) -> Record:
    document = read_document(given.text("file")).read(_reported)
    with document.blamed():
        identifier = context.api().backups.create(document.content)
    return _shown(context, identifier)


def update_backup(context: Context, given: Given) -> Record:
    document = read_document(given.text("file")).read(_changed)
    with document.blamed():
        context.api().backups.update(given.text("backup_uuid"), document.content)
    return _shown(context, given.text("backup_uuid"))


def delete_backups(context: Context, given: Given) -> Done:
    identifiers = list(dict.fromkeys([given.text("backup_uuid"), *given.texts("more")]))
    if len(identifiers) == 1:
        context.api().backups.delete(identifiers[0])
        return Done(f"what the API knew of backup {identifiers[0]} is deleted", {"backup_id": identifiers[0]})
    missing = context.api().backups.delete_all(identifiers)
    if missing:
        raise ApiMissing(
            f"{len(missing)} of {len(identifiers)} backups do not exist: {', '.join(missing)}",
            hint="what the API knew of the others is deleted",
        )
    return Done(f"what the API knew of {len(identifiers)} backups is deleted", {"backup_ids": identifiers})


def _reported(raw: object) -> dict[str, object]:
    from freezer.model.backups import read_backup

    read_backup(raw)
    return dict(raw) if isinstance(raw, dict) else {}


def _changed(raw: object) -> dict[str, object]:
    from msgspec import UNSET

    from freezer.model.backups import read_backup_change

    change = read_backup_change(raw)
    status = {} if change.status is UNSET else {"status": change.status}
    return {**status, "backup_metadata": change.metadata}


def _shown(context: Context, identifier: str) -> Record:
    document = context.api().backups.get(identifier)
    return Record(pairs(DETAILS, document), document)


COMMANDS = (
    Command("backup-list", "list backups, oldest first", list_backups, Listing, LIST_ARGUMENTS),
    Command("backup-show", "show a backup", show_backup, Record, (ID,)),
    Command(
        "backup-create",
        "tell the API of a backup",
        create_backup,
        Record,
        (Argument(("--file",), "JSON or YAML file; - for standard input", required=True, metavar="FILE"),),
    ),
    Command(
        "backup-update",
        "change what the API knows of a backup",
        update_backup,
        Record,
        (ID, Argument(("file",), 'JSON or YAML file: {"status": …, "backup_metadata": {…}}; - for standard input')),
    ),
    Command(
        "backup-delete",
        "let the API forget backups, which stay where they are",
        delete_backups,
        Done,
        (ID, Argument(("more",), "ids of more backups", metavar="BACKUP_UUID", many=True)),
    ),
)
