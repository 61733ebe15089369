"""The files of one backup of engine tar."""

from __future__ import annotations

import stat

from freezer.agent.context import Context
from freezer.agent.places.place import Place
from freezer.agent.result import Result
from freezer.agent.stored.choose import choose, open_archives, open_catalogue, storage_to_read
from freezer.agent.stored.extraction import look_through
from freezer.agent.stored.reading import CountedStorage
from freezer.clock import utc_text
from freezer.engine.tar.archive.pax import SECOND
from freezer.engine.tar.restore.target import Seen
from freezer.model.items import printable

_LETTERS = {"directory": "d", "symlink": "l", "fifo": "p", "device": "c", "link": "-", "file": "-"}


def show_levels(context: Context, places: list[Place]) -> Result:
    """The files of a backup, as a restore would bring them back."""
    storage = storage_to_read(context, places)
    catalogue = open_catalogue(CountedStorage(storage, context.progress))
    seen, _ = look_through(context, open_archives(context, catalogue, choose(context, catalogue)))
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
