"""Chunks of files once more, because a collector took them while the backup was being made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from freezer.engine.dedup.backup.contents import Contents, Unreadable
from freezer.engine.dedup.backup.earlier import UNKNOWN
from freezer.engine.dedup.backup.files import Files
from freezer.repository import trees
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.trees import Entry, Type
from freezer.tree.handles import Handles


def read_again(
    tree: bytes,
    ids: frozenset[bytes],
    handles: Handles,
    contents: Contents,
    reader: PackReader,
    *,
    follow: bool,
) -> None:
    """Read the files below ``handles`` that ``tree`` says hold any of ``ids``. What cannot be read, and what has
    another content by now, does not bring them back; whoever needs them looks for them afterwards."""
    files = Files(contents, follow=follow)
    for folder, entry in _files(tree, reader):
        if not ids.isdisjoint(_chunks(entry, reader)):
            try:
                descriptor = handles.directory(folder)
            except OSError:
                continue
            with suppress(Unreadable):
                files.odd(descriptor, entry.name)


def _files(tree: bytes, reader: PackReader) -> Iterator[tuple[bytes, Entry]]:
    """All files below a tree, with the paths of their directories."""
    waiting = [(b"", tree)]
    while waiting:
        path, id = waiting.pop()
        try:
            entries = trees.read(id, partial(reader.chunk, Use.TREE), path)
        except UNKNOWN:
            continue
        for entry in entries:
            if entry.type == Type.FILE:
                yield path, entry
            elif entry.type == Type.DIRECTORY and isinstance(entry.content, bytes) and entry.content:
                waiting.append((path + b"/" + entry.name if path else entry.name, entry.content))


def _chunks(entry: Entry, reader: PackReader) -> set[bytes]:
    """The ids of the chunks of a file; none if they cannot be told."""
    found: set[bytes] = set()
    with suppress(*UNKNOWN):
        for piece in trees.pieces(entry.content, partial(reader.chunk, Use.LIST)):
            if isinstance(piece, bytes):
                found.update(trees.split(piece))
    return found
