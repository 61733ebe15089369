"""The files of one backup of a repository, from its trees alone."""

from __future__ import annotations

import stat
from operator import attrgetter

from freezer.agent.context import Context
from freezer.agent.dedup.looking import Item, items, open_index, refuse_missed, selection_of
from freezer.agent.dedup.opening import Opened
from freezer.agent.dedup.worlds import chosen_in_repository
from freezer.agent.result import Result
from freezer.clock import utc_text
from freezer.model.items import printable
from freezer.repository.documents import Owners
from freezer.repository.protocol.backups import Backup
from freezer.repository.trees import Type
from freezer.storage.contract import Storage

_NANO = 1_000_000_000
_TYPES = {
    Type.FILE: ("file", "-"),
    Type.DIRECTORY: ("directory", "d"),
    Type.LINK: ("symlink", "l"),
    Type.FIFO: ("fifo", "p"),
    Type.CHARACTER_DEVICE: ("device", "c"),
    Type.BLOCK_DEVICE: ("device", "b"),
}


def show_if_chosen(context: Context, storage: Storage) -> Result | None:
    """The files of the chosen backup; None if it is no backup of the repository."""
    chosen = chosen_in_repository(context, storage)
    return None if chosen is None else _show(context, *chosen)


def _show(context: Context, found: Opened, backup: Backup) -> Result:
    root = backup.root(found.repository)
    selection = selection_of(context, root)
    context.progress.phase("read")
    seen = sorted(items(open_index(context, found, root), root, selection), key=attrgetter("path"))
    context.progress.complete()
    refuse_missed(selection)
    return Result(
        document=[_document(item, root.owners) for item in seen], lines=[_line(item, root.owners) for item in seen]
    )


def _document(item: Item, owners: Owners) -> dict[str, object]:
    entry, extra = item.entry, item.entry.extra
    document: dict[str, object] = {
        "path": printable(item.path) or ".",
        "type": "link" if extra.first else _TYPES[Type(entry.type)][0],
        "size": entry.size,
        "mode": f"{entry.mode:04o}",
        "uid": entry.user,
        "gid": entry.group,
        "user": owners.users.get(entry.user, ""),
        "group": owners.groups.get(entry.group, ""),
        "mtime": entry.modified / _NANO,
    }
    if extra.link or extra.first:
        document["target"] = printable(extra.link or extra.first)
    return document


def _line(item: Item, owners: Owners) -> str:
    """Much as ``ls -l`` has it."""
    entry, extra = item.entry, item.entry.extra
    mode = _TYPES[Type(entry.type)][1] + stat.filemode(entry.mode)[1:]
    owner = f"{owners.users.get(entry.user) or entry.user}/{owners.groups.get(entry.group) or entry.group}"
    arrow = f" -> {printable(extra.link)}" if entry.type == Type.LINK else ""
    also = f" (hard link to {printable(extra.first)})" if extra.first else ""
    try:
        when = utc_text(entry.modified / _NANO)
    except (ValueError, OverflowError, OSError):
        when = str(entry.modified // _NANO)
    return f"{mode} {owner:15} {entry.size:>12} {when} {printable(item.path) or '.'}{arrow}{also}"
