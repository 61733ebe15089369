"""Whether backups of engine tar are complete and, with ``--read-data``, whether every byte of them can be read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import to_builtins
from msgspec.structs import replace

from freezer.agent.context import Context
from freezer.agent.places.holding import holdings
from freezer.agent.places.place import Place
from freezer.agent.result import Result, Table
from freezer.agent.sealing import load_passphrase
from freezer.agent.stored.archive import Archive
from freezer.agent.stored.choose import open_catalogue, refuse_weaker_levels
from freezer.agent.stored.extraction import limits_of, most_plain, newest_first, unexplained
from freezer.agent.stored.reading import CountedStorage, archive_bytes
from freezer.agent.stored.rows import chosen_rows
from freezer.browse.listing import BackupRow
from freezer.container.catalogue import Catalogue
from freezer.container.chain import StoredBackup
from freezer.container.document import GCM_STREAM
from freezer.container.selection import path_to
from freezer.crypto.passphrase import Passphrase
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.target import Listing
from freezer.errors import DamagedError, DataError, FreezerError
from freezer.model.items import ItemFailure
from freezer.model.upkeep import Upkeep, verified
from freezer.progress import NoProgress
from freezer.units import counted


def check_levels(context: Context, place: Place) -> Result:
    """Look at all backups chosen; damage is no end of that, but makes the result a failure."""
    read_data = context.settings.share("read_data") > 0
    catalogue = open_catalogue(CountedStorage(place.storage, context.progress))
    rows = chosen_rows(context, catalogue)
    found = [ItemFailure(row.id, row.problem) for row in rows if row.problem]
    sound = [(row.id, _backup(catalogue, row)) for row in rows if not row.problem]
    found += [ItemFailure(id, reason) for id, backup in sound for reason in _sizes(catalogue, backup)]
    if read_data:
        found += _read_all(context, catalogue, [backup for _, backup in sound])
    else:
        found += _records(context, catalogue, [backup for _, backup in sound])
    result = _result(rows, found, read_data=read_data)
    upkeep = _upkeep(place, rows, found, read_data=read_data)
    return replace(result, upkeep=replace(upkeep, held=holdings(context, place, [to_builtins(row) for row in rows])))


def _upkeep(place: Place, rows: Sequence[BackupRow], found: Sequence[ItemFailure], *, read_data: bool) -> Upkeep:
    reasons: dict[str, str] = {}
    for item in found:
        reasons.setdefault(item.path, item.reason)
    found_of = {place.composed(row.name, row.time, row.level): reasons.get(row.id) for row in rows}
    return verified("read-data" if read_data else "check", found_of)


def _result(rows: Sequence[BackupRow], found: Sequence[ItemFailure], *, read_data: bool) -> Result:
    document = {
        "checked": len(rows),
        "read_data": read_data,
        "problems": [{"backup": item.path, "reason": item.reason} for item in found],
    }
    lines = [f"{counted(len(rows), 'backup')} checked{' byte by byte' if read_data else ''}."]
    weak = sum(row.encryption != GCM_STREAM for row in rows)
    if weak:
        lines.append(
            f"Not authenticated: {weak} of {len(rows)}. A deliberate change to such a backup, or damage that keeps its "
            "checksums valid, would not be noticed."
        )
    if not found:
        return Result(document=document, lines=[*lines, "No problems were found."])
    damaged = len({item.path for item in found})
    return Result(
        document=document,
        table=Table(("backup", "problem"), [(item.path, item.reason) for item in found]),
        lines=lines,
        error=DamagedError(f"{counted(len(found), 'problem')} found in {counted(damaged, 'backup')}"),
    )


def _backup(catalogue: Catalogue, row: BackupRow) -> StoredBackup:
    return next(
        backup
        for backup in catalogue.backups
        if (backup.key.set.engine, backup.key.zero, backup.key.id) == (row.engine, row.chain, row.id)
    )


def _sizes(catalogue: Catalogue, backup: StoredBackup) -> list[str]:
    """Objects whose size is not the recorded one."""
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


def _records(context: Context, catalogue: Catalogue, backups: Sequence[StoredBackup]) -> list[ItemFailure]:
    """What is wrong with records, and with the passphrase, if there is one to tell by."""
    passphrase = load_passphrase(context)
    found: list[ItemFailure] = []
    for backup in backups if passphrase is not None else ():
        try:
            Archive(catalogue, backup, passphrase).check_passphrase()
        except DataError as error:
            found.append(ItemFailure(backup.key.id, error.message))
    return found


def _read_all(context: Context, catalogue: Catalogue, backups: Sequence[StoredBackup]) -> list[ItemFailure]:
    """Read each backup with all levels below it: an inner level has no other proof that what it lists is there."""
    chains = {(chain.set, chain.zero): chain for chain in catalogue.chains()}
    paths = [path_to(catalogue, chains[backup.key.set, backup.key.zero], backup) for backup in backups]
    states = sum(backup.state.size for backup in backups if backup.state is not None)
    total = states + sum(archive_bytes(path) for path in paths)
    context.progress.phase("check", total_bytes=total, total_items=len(paths))
    passphrase = load_passphrase(context)
    found: list[ItemFailure] = []
    for path in paths:
        context.progress.current(path[-1].key.id)
        found += _read(context, catalogue, path, passphrase)
        context.progress.advance(done_items=1)
    context.progress.complete()
    return found


def _read(
    context: Context, catalogue: Catalogue, path: Sequence[StoredBackup], passphrase: Passphrase | None
) -> list[ItemFailure]:
    """Restore the backup to nowhere and look at its state."""
    id = path[-1].key.id
    try:
        archives = tuple(Archive(catalogue, level, passphrase) for level in path)
        refuse_weaker_levels(context, archives)
        archives[-1].check_state()
        target = Listing(lambda _: None, read=True)
        limits = limits_of(context)
        most = most_plain(limits, archives)
        extraction = Extraction(target, Selection(), NoProgress(), all_levels=True, limits=limits, most_plain=most)
        result = extraction.run(newest_first(archives))
    except FreezerError as error:
        return [ItemFailure(id, error.message)]
    return [ItemFailure(id, f"{item.path}: {item.reason}") for item in unexplained(archives, result)]
