"""The backups of a catalogue as retention sees them."""

from __future__ import annotations

from freezer.container.catalogue import Catalogue
from freezer.container.layout import BackupKey
from freezer.container.survey import Link, survey
from freezer.errors import UnknownFormat
from freezer.retention.rules import Item


def candidates(catalogue: Catalogue) -> dict[BackupKey, Item]:
    """An item for every backup and for every broken one; reads all records, to tell which can be restored."""
    items: dict[BackupKey, Item] = {}
    for chain in catalogue.chains():
        for key, link in survey(catalogue, chain).items():
            needs = () if link.base is None else (_id(link.base.key),)
            items[key] = Item(_id(key), key.time, _group(key), needs, _flaw(link), key.id)
    for key in catalogue.broken:
        if key not in items:  # else the record lies beside a backup of the old layout, which is whole without it
            items[key] = Item(_id(key), key.time, _group(key), flaw="its data is missing", label=key.id)
    return items


def _flaw(link: Link) -> str | None:
    if link.error is None or isinstance(link.error, UnknownFormat):  # a newer program may well restore it
        return None
    return f"it cannot be restored: {link.error.message}"


def _id(key: BackupKey) -> str:
    return f"{_group(key)}/{key.zero}/{key.level}_{key.time}"


def _group(key: BackupKey) -> str:
    return f"{key.set.engine}/{key.set.name}"
