"""The actions that only look: ``list``, ``show``, ``info`` and ``check``."""

from __future__ import annotations

import os
import stat

import msgspec

from freezer.agent.archive import Archive
from freezer.agent.choose import choose, open_archives, open_catalogue
from freezer.agent.context import Context
from freezer.agent.restore import newest_first, problems, refuse_missed, selection
from freezer.agent.result import Result, Table
from freezer.agent.sealing import load_passphrase
from freezer.agent.storages import open_local, open_storage
from freezer.browse.info import ContainerRow, find_local, list_objects, sum_up
from freezer.browse.listing import BackupRow, list_backups
from freezer.clock import utc_text
from freezer.container.catalogue import Catalogue
from freezer.container.selection import path_to
from freezer.engine.tar.extract import Extraction, Selection
from freezer.engine.tar.pax import SECOND
from freezer.engine.tar.target import Listing, Seen
from freezer.errors import FreezerError
from freezer.model.items import ItemFailure, printable
from freezer.units import format_size

_LETTERS = {"directory": "d", "symlink": "l", "fifo": "p", "device": "c", "link": "-", "file": "-"}


def list_action(context: Context) -> Result:
    """The backups of the container."""
    storage = open_storage(context)
    try:
        catalogue = open_catalogue(storage)
        rows = list_backups(catalogue, names=_names(context, catalogue))
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


def _names(context: Context, catalogue: Catalogue) -> list[str] | None:
    """The sets to list: this host's, or every host's; of one backup name if one is given."""
    settings = context.settings
    given = context.invocation.backup_name if settings.given("backup_name") else None
    host = settings.text("hostname") if settings.given("hostname") else None
    if given is None and host is None:
        return None
    names = [known.name for known in catalogue.sets()]
    if host is not None and not settings.flag("all_hosts"):
        names = [name for name in names if name.startswith(f"{host}_")]
    if given is not None:
        names = [name for name in names if name.endswith(f"_{given}")]
    return names


def _state(row: BackupRow) -> str:
    if row.problem:
        return row.problem
    return f"partial: {row.failed} items failed" if row.partial else "complete"


def show(context: Context) -> Result:
    """The files of a backup, as a restore would bring them back."""
    storage = open_storage(context)
    seen: list[Seen] = []
    try:
        catalogue = open_catalogue(storage)
        archives = open_archives(context, catalogue, choose(context, catalogue))
        chosen = selection(context)
        Extraction(Listing(seen.append), chosen, context.progress).run(newest_first(archives))
        refuse_missed(chosen)
    finally:
        storage.close()
    seen.sort(key=lambda item: item.path)
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
    if not settings.given("container"):
        rows = find_local([os.getcwd()], lambda path: open_local(context, path))
        return _containers(list(rows))
    storage = open_storage(context)
    try:
        open_catalogue(storage)
        if not settings.flag("list"):
            return _containers([sum_up(storage, settings.text("container"))])
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


def check(context: Context) -> Result:
    """Whether backups are complete (``--read-data``: and every byte of them readable)."""
    settings = context.settings
    storage = open_storage(context)
    try:
        catalogue = open_catalogue(storage)
        rows = list_backups(catalogue, names=_names(context, catalogue))
        failures = [ItemFailure(row.id, row.problem) for row in rows if row.problem]
        failures += [
            ItemFailure(row.id, reason) for row in rows if not row.problem for reason in _sizes(catalogue, row)
        ]
        if settings.flag("read_data"):
            context.progress.phase("check", total_bytes=sum(row.size for row in rows))
            failures += [failure for row in rows if not row.problem for failure in _read(context, catalogue, row)]
    finally:
        storage.close()
    weak = sum(row.encryption != "aes-256-gcm-stream-1" for row in rows)
    lines = [f"{len(rows)} backups checked{' byte by byte' if settings.flag('read_data') else ''}."]
    if weak:
        lines.append(
            f"{weak} of them are not authenticated: a deliberate change, or damage that keeps their checksums valid, "
            "would not be noticed."
        )
    document = {
        "checked": len(rows),
        "read_data": settings.flag("read_data"),
        "problems": [{"backup": item.path, "reason": item.reason} for item in failures],
    }
    if failures:
        raise CheckFailed(failures, document)
    return Result(document=document, lines=[*lines, "No problems were found."])


class CheckFailed(FreezerError):
    """The check found damage; ``failures`` names every problem."""

    def __init__(self, failures: list[ItemFailure], document: dict[str, object]) -> None:
        super().__init__(f"{len(failures)} problems were found: {failures[0].path}: {failures[0].reason}")
        self.failures = failures
        self.document = document


def _sizes(catalogue: Catalogue, row: BackupRow) -> list[str]:
    """Objects whose size is not the recorded one."""
    backup = next(found for found in catalogue.backups if found.key.id == row.id and found.key.set.engine == row.engine)
    record = catalogue.record(backup)
    if record is None or record.freezer is None:
        return []
    wrong = []
    if backup.data.size != record.freezer.data.size:
        wrong.append(f"its data has {backup.data.size} bytes; {record.freezer.data.size} were written")
    recorded = record.freezer.state
    if recorded is not None and backup.state is None:
        wrong.append("its state (engine_metadata) is missing")
    elif recorded is not None and backup.state is not None and backup.state.size != recorded.size:
        wrong.append(f"its state has {backup.state.size} bytes; {recorded.size} were written")
    return wrong


def _read(context: Context, catalogue: Catalogue, row: BackupRow) -> list[ItemFailure]:
    """Restore the backup to nowhere, reading all of its own level and checking its state."""
    context.progress.current(row.id)
    chain = next(chain for chain in catalogue.chains() if any(m.key.id == row.id for m in chain.members))
    backup = next(member for member in chain.members if member.key.id == row.id)
    try:
        archives = tuple(
            Archive(catalogue, level, load_passphrase(context)) for level in path_to(catalogue, chain, backup)
        )
        archives[-1].check_state()
        target = Listing(lambda _: None, read=True)
        result = Extraction(target, Selection(), context.progress, all_levels=True).run(newest_first(archives))
    except FreezerError as error:
        return [ItemFailure(row.id, error.message)]
    context.progress.advance(done_items=1)
    known = {item.path for item in archives[-1].names().failed}
    return [
        ItemFailure(row.id, f"{item.path}: {item.reason}")
        for item in problems(archives, result)
        if item.path not in known
    ]
