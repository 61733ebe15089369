"""``action-…``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.files import read_document
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, value
from freezer.cli.searches import search_of

ID = Argument(("action_id",), "id of the action")


def _path(action: Mapping[str, Any]) -> object:
    inner = action.get("freezer_action") or {}
    return inner.get("path_to_backup") or inner.get("restore_abs_path") or ""


COLUMNS: Mapping[str, Cells] = {
    "Action ID": value("action_id"),
    "Name": value("freezer_action", "backup_name"),
    "Action": value("freezer_action", "action", default="backup"),
    "Path to Backup or Restore": _path,
    "Mode": value("freezer_action", "mode", default="fs"),
    "Storage": value("freezer_action", "storage", default="swift"),
    "snapshot": value("freezer_action", "snapshot", default=False),
}
DETAILS: Mapping[str, Cells] = {
    "Action ID": value("action_id"),
    "Name": value("freezer_action", "backup_name"),
    "Action": value("freezer_action", "action", default="backup"),
    "Mode": value("freezer_action", "mode", default="fs"),
    "Path to Backup or Restore": _path,
    "Storage": value("freezer_action", "storage", default="swift"),
    "Snapshot": value("freezer_action", "snapshot", default=False),
    "Container": value("freezer_action", "container"),
    "Log_file": value("freezer_action", "log_file"),
    "Remove_older_than": value("freezer_action", "remove_older_than"),
    "Max_retries_interval": value("max_retries_interval"),
    "Max_retries": value("max_retries"),
    "User_id": value("user_id"),
    "Project_id": value("project_id"),
}


def list_actions(context: Context, given: Given) -> Listing:
    search = search_of(context, given)
    return listing(COLUMNS, context.api().actions.find(search=search, **page(given)))


def show_action(context: Context, given: Given) -> Record:
    return _shown(context, given.text("action_id"))


def create_action(context: Context, given: Given) -> Record:
    from freezer.model.actions import read_new_action

    document = read_document(given.text("file")).read(lambda raw: read_new_action(raw).document())
    with document.blamed():
        identifier = context.api().actions.create(document.content, document.content.get("action_id"))
    return _shown(context, identifier)


def update_action(context: Context, given: Given) -> Record:
    document = read_document(given.text("file")).read(_changed)
    with document.blamed():
        context.api().actions.update(given.text("action_id"), document.content)
    return _shown(context, given.text("action_id"))


def delete_action(context: Context, given: Given) -> Done:
    context.api().actions.delete(given.text("action_id"))
    return Done(f"action {given.text('action_id')} deleted", {"action_id": given.text("action_id")})


def _changed(raw: object) -> dict[str, object]:
    from freezer.model.actions import read_action_change

    draft, merged = read_action_change(raw)
    document = draft.document()
    return {**document, "freezer_action": merged} if merged else document


def _shown(context: Context, identifier: str) -> Record:
    document = context.api().actions.get(identifier)
    return Record(pairs(DETAILS, document), document)


COMMANDS = (
    Command("action-list", "list actions", list_actions, Listing, LIST_ARGUMENTS),
    Command("action-show", "show an action", show_action, Record, (ID,)),
    Command(
        "action-create",
        "make an action from a file",
        create_action,
        Record,
        (Argument(("--file",), "JSON or YAML file; - for standard input", required=True, metavar="FILE"),),
    ),
    Command(
        "action-update",
        "change what a file says of an action",
        update_action,
        Record,
        (ID, Argument(("file",), "JSON or YAML file with what changes; - for standard input")),
    ),
    Command("action-delete", "delete an action", delete_action, Done, (ID,)),
)
