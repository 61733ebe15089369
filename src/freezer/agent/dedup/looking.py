"""Looking into a backup: its index and reader, what of it is chosen, and what lies in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened
from freezer.browse import opened as browse
from freezer.browse.selecting import Selection
from freezer.browse.walking import relative, walk
from freezer.errors import BackupNotFound
from freezer.model.items import printable
from freezer.repository.documents import Root
from freezer.repository.index import Index
from freezer.repository.packs.reading import PackReader
from freezer.repository.trees import Entry

_OPENED = 16 * 1024 * 1024  # bytes of opened bundles of trees that stay at hand: a walk reads neighbours in a row


class Item(msgspec.Struct, frozen=True):
    """One entry of a backup; ``path`` is relative to its top, which is empty."""

    path: bytes
    entry: Entry


def open_index(context: Context, found: Opened, root: Root) -> browse.Opened:
    """What reads the chunks of a backup. Condemned packs are read as well while they exist: they are only never relied
    on anew."""
    repository, cache = found.repository, found.cache

    def load() -> Index:
        index = Index.load(repository, cache=cache, notice=context.notice)
        index.complete(repository, root.needs, context.notice)
        return index

    index = load()
    whole = context.settings.integer
    limits = browse.Limits(whole("restore_max_entries"), whole("restore_max_depth"))
    return browse.Opened(
        repository, index, PackReader(repository, index, reload=load, cache=cache, opened=_OPENED), limits
    )


def selection_of(context: Context, root: Root) -> Selection:
    """The part of the backup that ``--only`` names."""
    return Selection([relative(root, os.fsencode(pattern)) for pattern in context.settings.texts("only")])


def items(opened: browse.Opened, root: Root, selection: Selection) -> Iterator[Item]:
    """What is chosen, directories before what is in them."""
    for visit in walk(opened, root, selection):
        base = visit.path + b"/" if visit.path else b""
        if visit.first and visit.whole and visit.entry is not None:
            yield Item(visit.path, visit.entry)
        for entry in visit.items:
            yield Item(base + entry.name, entry)


def refuse_missed(selection: Selection) -> None:
    """:class:`BackupNotFound` if something that was asked for is not in the backup."""
    missed: Sequence[bytes] = selection.missed()
    if missed:
        raise BackupNotFound(f"the backup does not hold {', '.join(map(printable, missed))}")
