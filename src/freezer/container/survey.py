"""Every backup of a chain with its base and with what keeps it from being restored, in one pass."""

from __future__ import annotations

import msgspec

from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain, StoredBackup
from freezer.container.layout import BackupKey
from freezer.container.selection import base_of
from freezer.errors import ChainBroken, DataError, UnknownFormat


class Link(msgspec.Struct, frozen=True):
    """``base``: what the backup was made from, as far as that can be told. ``error``: why it, or a level below it,
    cannot be restored; an :class:`UnknownFormat` only says that this program cannot."""

    base: StoredBackup | None
    error: ChainBroken | DataError | None


def survey(catalogue: Catalogue, chain: Chain) -> dict[BackupKey, Link]:
    """A link for every member of ``chain``; reads all its records."""
    links: dict[BackupKey, Link] = {}
    for member in sorted(chain.members, key=lambda member: member.key.level):
        base, error = None, None
        try:
            catalogue.record(member)
            base = base_of(catalogue, chain, member) if member.key.level > 0 else None
        except (ChainBroken, DataError) as problem:
            base, error = chain.base_of(member), problem
        below = None if base is None else links[base.key].error
        if error is None or (isinstance(error, UnknownFormat) and below is not None):
            error = below
        links[member.key] = Link(base, error)
    return links
