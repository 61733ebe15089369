"""A directory between the look at it and its tree."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freezer.engine.dedup.backup.earlier import Marked
from freezer.repository.states import Known
from freezer.repository.trees import More


class Frame(msgspec.Struct):
    """``digest``: of the sight; ``known``: it is quiet, and this is what is known of it; ``children``: directories in
    it still to be looked at; ``trees``: the ids of the trees of the others, None for one that is gone, of a quiet
    directory only if they are not as before. ``items`` and ``folders``: the entries of one that is not quiet, files and
    such apart from directories; ``fresh``: directories whose attributes are to be read."""

    path: bytes
    name: bytes
    identity: tuple[int, int]
    digest: bytes
    known: Known | None = None
    children: Iterator[bytes] = iter(())
    items: list[Marked] = []
    folders: dict[bytes, Marked] = {}
    fresh: set[bytes] = set()
    trees: dict[bytes, bytes | None] = {}

    def below(self, name: bytes) -> bytes:
        """The path of a name in it."""
        return self.path + b"/" + name if self.path else name

    def set_xattrs(self, name: bytes, xattrs: tuple[tuple[bytes, bytes], ...]) -> None:
        """Complete the entry of a directory by its attributes."""
        if xattrs:
            folder = self.folders[name]
            entry = msgspec.structs.replace(folder.entry, more=More(xattrs=xattrs))
            self.folders[name] = msgspec.structs.replace(folder, entry=entry)

    def unsettle(self, name: bytes) -> None:
        """Not everything is known of a directory, so it counts as changed next time."""
        if name in self.fresh:
            self.folders[name] = msgspec.structs.replace(self.folders[name], ctime=0)

    def entries(self) -> list[Marked]:
        """Of a directory that is not quiet: everything in it, sorted by name."""
        if not self.folders:
            return self.items
        return sorted([*self.items, *self.folders.values()], key=lambda marked: marked.entry.name)

    def with_trees(self, marked: list[Marked]) -> list[Marked | None]:
        """The entries ``marked`` with the trees that directories have now; None for what is gone."""
        trees = self.trees
        return [_with_tree(each, trees[each.entry.name]) if each.entry.name in trees else each for each in marked]


def _with_tree(marked: Marked, tree: bytes | None) -> Marked | None:
    if tree is None:
        return None
    return msgspec.structs.replace(marked, entry=msgspec.structs.replace(marked.entry, content=tree))
