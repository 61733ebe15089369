"""What the backup does not have goes, where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.browse.walking import UNREADABLE, walk
from freezer.repository import trees
from freezer.repository.documents import Root
from freezer.repository.packs.use import Use
from freezer.repository.trees import Leaf
from freezer.tree.sandbox import Sandbox


def delete_foreign(opened: Opened, root: Root, selection: Selection, sandbox: Sandbox) -> int:
    """Remove what is in the target and not in the backup, in directories that are chosen entirely and of which the
    backup knows what is in them; how many items that were."""
    deleted = 0
    for visit in walk(opened, root, selection, damaged=lambda _path, _error: None):
        if not (visit.first and visit.whole and visit.known):
            continue
        try:
            names = set(_names(opened, visit.tree, visit.path))
        except UNREADABLE:  # as the restore has reported
            continue
        for name in sandbox.children(visit.path):
            if name not in names and sandbox.remove(visit.path + b"/" + name if visit.path else name):
                deleted += 1
    return deleted


def _names(opened: Opened, tree: bytes, path: bytes) -> Iterator[bytes]:
    """All names in a directory."""
    pending, seen = [tree], set[bytes]()
    while pending:
        node = trees.parse(opened.reader.chunk(Use.TREE, pending.pop()), trees.describe(path))
        if isinstance(node, Leaf):
            yield from (entry.name for entry in node.entries)
        else:
            trees.check_parts(node, node.depth, seen, trees.describe(path))
            pending += filter(None, node.parts)
