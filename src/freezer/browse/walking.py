"""Going through the trees of a backup: every directory with what is chosen in it, parents first.

Only metadata packs are read. Memory is bounded by the depth of the tree, not by its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from freezer.browse.opened import Opened
from freezer.browse.selecting import Scope, Selection
from freezer.errors import DamagedError, DataError, FreezerError, ObjectNotFound
from freezer.repository import trees
from freezer.repository.documents import ID_SIZE, Root, Source
from freezer.repository.packs.use import Use
from freezer.repository.trees import Divided, Entry, Type

Damaged = Callable[[bytes, FreezerError], None]
"""Told of a directory, by its path, whose tree cannot be read."""

UNREADABLE = (DataError, ObjectNotFound)
"""What reading a chunk ends with that is damaged or gone, in all its copies."""


class Visit(msgspec.Struct, frozen=True):
    """A directory, or a part of a large one (``first``: the first part, or all of it).

    ``path``: as in :mod:`freezer.tree`, from the top of a restore. ``entry``: the directory's own, None where no tree
    has one. ``items``: what is chosen in it, but for directories. ``tree``: the id of all of it. ``whole``: everything
    in it is chosen. ``known``: whether the backup knows what is in it (it does not know what is in a mount point).
    """

    path: bytes
    entry: Entry | None
    items: list[Entry]
    tree: bytes
    first: bool = True
    whole: bool = True
    known: bool = True


class _Todo(msgspec.Struct, frozen=True):
    """A tree to be looked into, in a directory with so many ``above`` it; ``part``: the part of it meant, after the
    directory was divided ``depth`` times; ``parts``: those that it was divided into so far."""

    path: bytes
    entry: Entry | None
    tree: bytes
    scope: Scope
    part: bytes
    depth: int = 0
    first: bool = True
    above: int = 0
    parts: set[bytes] = msgspec.field(default_factory=set)


def base_of(root: Root, source: Source) -> bytes:
    """Where a source comes to lie: at the top if it is the only one, otherwise below its own path."""
    return b"" if len(root.sources) == 1 else source.path.strip(b"/")


def relative(root: Root, pattern: bytes) -> bytes:
    """``pattern`` as a :class:`~freezer.browse.selecting.Selection` of this backup has it: one that begins with the
    path of the only source is below that."""
    if len(root.sources) == 1:
        path = root.sources[0].path.rstrip(b"/") + b"/"
        if (pattern.rstrip(b"/") + b"/").startswith(path):
            return pattern[len(path) :]
    return pattern.strip(b"/")


def walk(
    opened: Opened, root: Root, selection: Selection, damaged: Damaged | None = None, *, only: Source | None = None
) -> Iterator[Visit]:
    """Every directory of the backup, or of ``only`` one source, in which something is chosen, or that leads there.
    Without ``damaged`` a tree that cannot be read is an error, or that lies too deep; too many entries always are."""
    for source in root.sources if only is None else (only,):
        base = base_of(root, source)
        scope: Scope | None = selection.top()
        for name in base.split(b"/") if base else ():
            scope = selection.within(scope, name) if scope is not None else None
        if scope is not None:
            top = trees.decode_entry(source.top, f"the root of {root.attempt}") if source.top else None
            yield from _walk(opened, _Todo(base, top, source.tree, scope, source.tree), selection, damaged)


def _walk(opened: Opened, start: _Todo, selection: Selection, damaged: Damaged | None) -> Iterator[Visit]:
    pending, left = [start], opened.limits.entries
    while pending:
        todo = pending.pop()
        if todo.above > opened.limits.depth:
            problem = DamagedError(f"it lies deeper than {opened.limits.depth} directories (see --restore-max-depth)")
            if damaged is None:
                raise problem
            damaged(todo.path, problem)
            continue
        if not todo.tree:
            yield Visit(todo.path, todo.entry, [], b"", whole=todo.scope.everything, known=False)
            continue
        try:
            node = _read(opened, todo)
        except UNREADABLE as error:
            if damaged is None:
                raise
            damaged(todo.path, error)
            yield Visit(todo.path, todo.entry, [], b"", todo.first, todo.scope.everything, known=False)
            continue
        if isinstance(node, Divided):
            pending += reversed(_parts(todo, node))
            continue
        left -= len(node.entries)
        if left < 0:
            raise DamagedError(
                f"the backup has more than {opened.limits.entries} entries",
                hint="--restore-max-entries allows more, if you believe it",
            )
        yield _visit(todo, node.entries, selection)
        pending += reversed(_below(todo, node.entries, selection))


def _read(opened: Opened, todo: _Todo) -> trees.Node:
    if len(todo.part) != ID_SIZE:
        raise DamagedError(f"{trees.describe(todo.path)} has an impossible id")
    node = trees.parse(opened.reader.chunk(Use.TREE, todo.part), trees.describe(todo.path))
    if isinstance(node, Divided):
        trees.check_parts(node, todo.depth, todo.parts, trees.describe(todo.path))
    return node


def _parts(todo: _Todo, node: Divided) -> list[_Todo]:
    parts = [part for part in node.parts if part]
    return [
        msgspec.structs.replace(todo, part=part, depth=todo.depth + 1, first=todo.first and number == 0)
        for number, part in enumerate(parts)
    ]


def _visit(todo: _Todo, entries: list[Entry], selection: Selection) -> Visit:
    scope = todo.scope
    items = [entry for entry in entries if entry.type != Type.DIRECTORY]
    if not scope.everything:
        items = [entry for entry in items if (found := selection.within(scope, entry.name)) and found.everything]
    return Visit(todo.path, todo.entry, items, todo.tree, todo.first, scope.everything)


def _below(todo: _Todo, entries: list[Entry], selection: Selection) -> list[_Todo]:
    base = todo.path + b"/" if todo.path else b""
    below = []
    for entry in entries:
        if entry.type == Type.DIRECTORY and (scope := selection.within(todo.scope, entry.name)) is not None:
            tree = entry.content if isinstance(entry.content, bytes) else b"no id"
            below.append(_Todo(base + entry.name, entry, tree, scope, tree, above=todo.above + 1))
    return below
