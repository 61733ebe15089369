"""What a chunk is: which key its id is made with, and which kind of pack it lies in."""

from __future__ import annotations

import enum

from freezer.repository.documents import PackKind
from freezer.repository.ids import Identify, Ids
from freezer.repository.names import Folder


class Use(enum.IntEnum):
    """Numbers from 0, so that they serve as places in a tuple; they are not stored."""

    CONTENT = 0
    TREE = 1
    LIST = 2
    STATE = 3

    @property
    def kind(self) -> PackKind:
        return PackKind.DATA if self is Use.CONTENT else PackKind.META


def identifiers(ids: Ids) -> tuple[Identify, ...]:
    """What makes the id of a chunk, by its use."""
    return ids.content, ids.tree, ids.list, ids.state


def folder(kind: PackKind) -> Folder:
    """Where packs of a kind are."""
    return Folder.PACKS if kind is PackKind.DATA else Folder.META


def kind_of(name: str) -> PackKind:
    """The kind of the pack called ``name``, with its folder."""
    return PackKind.META if name.startswith(Folder.META) else PackKind.DATA
