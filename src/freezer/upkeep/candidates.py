"""The backups of a catalogue as retention sees them."""

from __future__ import annotations

from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain
from freezer.container.layout import BackupKey
from freezer.container.selection import base_of
from freezer.errors import ChainBroken, DamagedError, UnknownFormat
from freezer.retention.rules import Item


def candidates(catalogue: Catalogue) -> dict[BackupKey, Item]:
    """An item for every backup and for every broken one; reads all records, to tell which can be restored."""
    items: dict[BackupKey, Item] = {}
    for chain in catalogue.chains():
        items |= _of_chain(catalogue, chain)
    for key in catalogue.broken:
        items[key] = Item(_id(key), key.time, _group(key), flaw="its data is missing")
    return items


def _of_chain(catalogue: Catalogue, chain: Chain) -> dict[BackupKey, Item]:
    items: dict[BackupKey, Item] = {}
    for member in sorted(chain.members, key=lambda member: member.key.level):
        key = member.key
        needs: tuple[str, ...] = ()
        flaw: str | None = None
        try:
            catalogue.record(member)
            base = base_of(catalogue, chain, member) if key.level > 0 else None
        except UnknownFormat:
            base = chain.base_of(member)  # a newer program may well restore it
        except (ChainBroken, DamagedError) as error:
            base, flaw = chain.base_of(member), f"it cannot be restored: {error.message}"
        if base is not None:
            below = items[base.key]
            needs = (below.id,)
            flaw = flaw or (f"{below.id} below it cannot be restored" if not below.good else None)
        items[key] = Item(_id(key), key.time, _group(key), needs, flaw)
    return items


def _id(key: BackupKey) -> str:
    return f"{_group(key)}/{key.zero}/{key.level}_{key.time}"


def _group(key: BackupKey) -> str:
    return f"{key.set.engine}/{key.set.name}"
