"""Which of the backups in a container ``list`` and ``check`` are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from freezer.agent.context import Context
from freezer.browse.listing import BackupRow, list_backups
from freezer.container.catalogue import Catalogue


class _Wish(msgspec.Struct, frozen=True):
    """The host and the backup name that were asked for; None is any."""

    hostname: str | None
    backup_name: str | None

    def allows(self, hostname: str | None, backup_name: str | None) -> bool:
        return self.hostname in (None, hostname) and self.backup_name in (None, backup_name)

    def may_be(self, set_name: str) -> bool:
        """Whether ``set_name``, which joins the two with ``_``, can be divided into what was asked for."""
        begins = self.hostname is None or set_name.startswith(f"{self.hostname}_")
        ends = self.backup_name is None or set_name.endswith(f"_{self.backup_name}")
        both = self.hostname is not None and self.backup_name is not None
        return set_name == f"{self.hostname}_{self.backup_name}" if both else begins and ends


def chosen_rows(context: Context, catalogue: Catalogue) -> Sequence[BackupRow]:
    """All backups; with ``--hostname`` only that host's (unless ``--all-hosts``), with ``--backup-name`` only those of
    that name.

    ``a_b_c`` may be ``b_c`` of host ``a`` or ``c`` of host ``a_b``. The records of Freezer's own backups tell; those
    of another program in the same set are taken to be the same, and where no record tells, anything that fits counts.
    So does a record that tells of another set than the one it stands in: it was altered, or its directory renamed.
    """
    settings = context.settings
    by_host = settings.given("hostname") and not settings.flag("all_hosts")
    wish = _Wish(
        settings.text("hostname") if by_host else None,
        context.invocation.backup_name if settings.given("backup_name") else None,
    )
    names = {key.set.name for key in (*(backup.key for backup in catalogue.backups), *catalogue.broken)}
    return _chosen(list_backups(catalogue, names=filter(wish.may_be, names)), wish)


def _chosen(rows: Iterable[BackupRow], wish: _Wish) -> Sequence[BackupRow]:
    rows = tuple(rows)
    recorded: defaultdict[str, set[tuple[str, str | None]]] = defaultdict(set)
    for row in rows:
        if row.hostname is not None and _is_of_its_set(row):
            recorded[row.name].add((row.hostname, row.backup_name))

    def chosen(row: BackupRow) -> bool:
        if row.hostname is not None and _is_of_its_set(row):
            return wish.allows(row.hostname, row.backup_name)
        known = recorded[row.name]
        return not known or any(wish.allows(*pair) for pair in known)

    return tuple(row for row in rows if chosen(row))


def _is_of_its_set(row: BackupRow) -> bool:
    """Whether the names in its record are those of the set that it stands in."""
    joined = f"{row.hostname}_{row.backup_name}"
    return row.name == joined or row.name.startswith(f"{joined}/")
