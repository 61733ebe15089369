"""Which backup to restore, and the levels it takes.

Upstream's semantics: of the chains begun no later than the date, the newest; of that, its newest backup no later than
the date. Where a record says which base its increment was made from, exactly that base is taken, and its digest must
agree; elsewhere times decide (:mod:`freezer.container.chain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freezer.clock import utc_text
from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain, StoredBackup, group_chains, missing_base
from freezer.container.layout import BackupKey
from freezer.errors import BackupNotFound, ChainBroken, DataError, UsageError

_SHOWN = 10


def select(
    catalogue: Catalogue,
    *,
    hostname: str,
    backup_name: str,
    raw_name: str | None = None,
    date: int | None = None,
    level: int | None = None,
    id: str | None = None,
    engine: str | None = None,
) -> tuple[StoredBackup, ...]:
    """The backups to apply, level 0 first.

    ``raw_name``: the backup name as the user wrote it; upstream files backups under an unexpanded template
    (``freezer_{mode}_{resource_id}``), so both names are looked for. ``date``: the restored state is no newer.
    ``level``: the newest backup of just this level. ``id``: :attr:`BackupKey.id`, the API's composed id with the
    container in front, or the id its record carries; it needs no names. ``engine``: as filed, None for any.

    :class:`BackupNotFound` says what there is instead, :class:`ChainBroken` which level is missing.
    """
    known = [backup for backup in catalogue.backups if engine in (None, backup.key.set.engine)]
    lost = [key for key in catalogue.broken if engine in (None, key.set.engine)]
    if id is not None:
        target = _by_id(catalogue, known, id)
    else:
        names = {f"{hostname}_{name}" for name in (backup_name, raw_name) if name is not None}
        named = [backup for backup in known if backup.key.set.name in names]
        if not named:
            raise _no_such_name(catalogue, known, hostname, backup_name)
        target = _by_date(catalogue, named, f"{hostname}_{backup_name}", date, level)
        _refuse_lost(target, [key for key in lost if key.set.name in names and level in (None, key.level)], date)
    chain = next(c for c in catalogue.chains(target.key.set) if c.zero == target.key.zero)
    return path_to(catalogue, chain, target)


def path_to(catalogue: Catalogue, chain: Chain, target: StoredBackup) -> tuple[StoredBackup, ...]:
    """Levels 0 to that of ``target``, following and checking what the records say of their bases."""
    path = [target]
    while path[-1].key.level > 0:
        path.append(base_of(catalogue, chain, path[-1]))
    return tuple(reversed(path))


def base_of(catalogue: Catalogue, chain: Chain, member: StoredBackup) -> StoredBackup:
    """What the increment ``member`` was made from; :class:`ChainBroken` if that is not there or is another now."""
    record = catalogue.record(member)
    stated = record.freezer.base if record is not None and record.freezer is not None else None
    if stated is None:
        base = chain.base_of(member)
        if base is None:
            raise missing_base(member)
        return base
    if stated.level != member.key.level - 1:
        raise ChainBroken(f"the record of {member.key} names a level {stated.level} as its base")
    found = [other for other in chain.of_level(stated.level) if other.key.time == stated.time]
    if not found:
        raise missing_base(member, time=stated.time)
    lower = catalogue.record(found[0])
    state = lower.freezer.state if lower is not None and lower.freezer is not None else None
    if state is not None and state.sha256 != stated.state_sha256:
        raise ChainBroken(
            f"{member.key} was not made from the level {stated.level} that is stored now: its state has another digest"
        )
    return found[0]


def _by_date(
    catalogue: Catalogue, named: Sequence[StoredBackup], shown: str, date: int | None, level: int | None
) -> StoredBackup:
    candidates = [backup for backup in named if date is None or max(backup.key.zero, backup.key.time) <= date]
    if not candidates and date is not None:
        oldest = min(backup.key.time for backup in named)
        raise BackupNotFound(
            f"no backup of {shown} is as old as {utc_text(date)}: the oldest in "
            f"{catalogue.storage.describe()} is of {utc_text(oldest)}"
        )
    if level is not None:
        levels = sorted({backup.key.level for backup in candidates})
        candidates = [backup for backup in candidates if backup.key.level == level]
        if not candidates:
            raise BackupNotFound(f"no backup of {shown} has level {level}: there are levels {_some(map(str, levels))}")
    chain = max(group_chains(candidates), key=lambda chain: (chain.zero, chain.members[-1].key.time))
    return chain.members[-1]


def _refuse_lost(target: StoredBackup, lost: Iterable[BackupKey], date: int | None) -> None:
    """:class:`ChainBroken` if what was asked for is a backup whose data is gone: an older one is no answer to that."""
    for key in lost:
        newer = (key.zero, key.time) > (target.key.zero, target.key.time)
        if newer and (date is None or max(key.zero, key.time) <= date):
            raise ChainBroken(
                f"the data of {key} is missing from the container",
                hint=f"the newest before it: --restore-from-date {utc_text(target.key.time)}",
            )


def _by_id(catalogue: Catalogue, known: Sequence[StoredBackup], id: str) -> StoredBackup:
    found = [backup for backup in known if backup.key.id == id]
    if not found:
        ends = [backup for backup in known if id.endswith(f"_{backup.key.id}")]
        longest = max((len(backup.key.id) for backup in ends), default=0)
        found = [backup for backup in ends if len(backup.key.id) == longest]
    if not found:
        found = [backup for backup in known if _recorded_id(catalogue, backup) == id]
    if not found:
        raise BackupNotFound(
            f"no backup in {catalogue.storage.describe()} has the id {id}",
            hint="`freezer-agent list` shows the ids of all backups",
        )
    if len({backup.key.set.engine for backup in found}) > 1:
        engines = _some(sorted({backup.key.set.engine for backup in found}))
        raise UsageError(f"the id {id} means backups of several engines", hint=f"add --engine, one of: {engines}")
    return found[0]


def _recorded_id(catalogue: Catalogue, backup: StoredBackup) -> str | None:
    try:
        record = catalogue.record(backup)
    except DataError:  # a record that cannot be read is not the one that was asked for
        return None
    return record.freezer.backup_id if record is not None and record.freezer is not None else None


def _no_such_name(
    catalogue: Catalogue, known: Sequence[StoredBackup], hostname: str, backup_name: str
) -> BackupNotFound:
    where = catalogue.storage.describe()
    names = sorted({backup.key.set.name for backup in known})
    if not names:
        return BackupNotFound(f"there is no backup named {hostname}_{backup_name} in {where}, nor any other")
    here = [name.removeprefix(f"{hostname}_") for name in names if name.startswith(f"{hostname}_")]
    if here:
        there_is = f"host {hostname} has the backup names: {_some(here)}"
    else:
        hosts = [name.removesuffix(f"_{backup_name}") for name in names if name.endswith(f"_{backup_name}")]
        there_is = f"these hosts have one: {_some(hosts)}" if hosts else f"it holds (host_name): {_some(names)}"
    return BackupNotFound(
        f"no backup named {backup_name} of host {hostname} in {where}; {there_is}",
        hint="name it with --backup-name and --hostname",
    )


def _some(texts: Iterable[str]) -> str:
    listed = list(texts)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
