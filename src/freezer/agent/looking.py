"""The actions that only look: ``list``, ``show`` and ``info``."""

from __future__ import annotations

import os
import stat

import msgspec

from freezer.agent.choose import choose, open_archives, open_catalogue
from freezer.agent.context import Context
from freezer.agent.reading import CountedStorage
from freezer.agent.restore import look_through
from freezer.agent.result import Result, Table
from freezer.agent.rows import chosen_rows
from freezer.agent.storages import open_local, open_storage
from freezer.browse.info import ContainerRow, find_local, list_objects, sum_up
from freezer.browse.listing import BackupRow
from freezer.clock import utc_text
from freezer.engine.tar.pax import SECOND
from freezer.engine.tar.target import Seen
from freezer.model.items import printable
from freezer.units import format_size

_LETTERS = {"directory": "d", "symlink": "l", "fifo": "p", "device": "c", "link": "-", "file": "-"}


def list_action(context: Context) -> Result:
    """The backups of the container."""
    storage = open_storage(context)
    try:
        catalogue = open_catalogue(storage)
        rows = chosen_rows(context, catalogue)
    finally:
        storage.close()
    for note in catalogue.notes:
        context.notice(note)
    table = Table(
        ("id", "time", "level", "size", "encryption", "state"),
        [
            (row.id, utc_text(row.time), row.level, format_size(row.size), row.encryption or "none", _state(row))
            for row in rows
        ],
        empty="no backups",
    )
    return Result(document=[msgspec.to_builtins(row) for row in rows], table=table)


def _state(row: BackupRow) -> str:
    if row.problem:
        return row.problem
    return f"partial: {row.failed} items failed" if row.partial else "complete"


def show(context: Context) -> Result:
    """The files of a backup, as a restore would bring them back."""
    storage = CountedStorage(open_storage(context), context.progress)
    try:
        catalogue = open_catalogue(storage)
        seen, _ = look_through(context, open_archives(context, catalogue, choose(context, catalogue)))
    finally:
        storage.close()
    return Result(document=[_document(item) for item in seen], lines=[_line(item) for item in seen])


def _document(item: Seen) -> dict[str, object]:
    document: dict[str, object] = {"path": printable(item.path) or ".", "type": item.type, "size": item.size}
    if item.target:
        document["target"] = printable(item.target)
    if item.attributes is not None:
        attributes = item.attributes
        document |= {
            "mode": f"{attributes.mode:04o}",
            "uid": attributes.uid,
            "gid": attributes.gid,
            "user": attributes.uname,
            "group": attributes.gname,
            "mtime": attributes.mtime_ns / SECOND,
        }
    return document


def _line(item: Seen) -> str:
    """Much as ``ls -l`` has it."""
    attributes = item.attributes
    path = printable(item.path) or "."
    arrow = f" -> {printable(item.target)}" if item.type == "symlink" else ""
    if attributes is None:
        return f"{'':43} {path} (hard link to {printable(item.target)})"
    mode = _LETTERS[item.type] + stat.filemode(attributes.mode)[1:]
    owner = f"{attributes.uname or attributes.uid}/{attributes.gname or attributes.gid}"
    try:
        when = utc_text(attributes.mtime_ns / SECOND)
    except (ValueError, OverflowError, OSError):
        when = str(attributes.mtime_ns // SECOND)
    return f"{mode} {owner:15} {item.size:>12} {when} {path}{arrow}"


def info(context: Context) -> Result:
    """Containers with size and object count, or with ``-l`` the objects of one."""
    settings = context.settings
    place = settings.storages[0]
    if not place.given("container") and place.storage == "swift":
        from freezer.agent.cloud import swift_containers

        found = swift_containers(context, place)
        return _containers([ContainerRow(container=name, size=size, objects=count) for name, size, count in found])
    if not place.given("container"):
        rows = find_local([os.getcwd()], lambda path: open_local(context, path))
        return _containers(list(rows))
    storage = open_storage(context)
    try:
        open_catalogue(storage)
        if not settings.flag("list"):
            return _containers([sum_up(storage, place.container)])
        objects = list_objects(storage)
    finally:
        storage.close()
    document = [msgspec.to_builtins(row) for row in objects]
    rows_shown = [(row.name, row.size, utc_text(row.modified)) for row in objects]
    return Result(document, document, Table(("object", "size", "modified"), rows_shown, empty="the container is empty"))


def _containers(rows: list[ContainerRow]) -> Result:
    document = [msgspec.to_builtins(row) for row in rows]
    shown = [(row.container, format_size(row.size), row.objects) for row in rows]
    empty = "no containers here; --container names one"
    return Result(document, document, Table(("container", "size", "objects"), shown, empty=empty))
