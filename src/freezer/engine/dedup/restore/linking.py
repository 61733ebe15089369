"""Further names of files that have several: made when everything else is there."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freezer.decoding import msgpack_decoder
from freezer.engine.dedup.restore.folders import Folder, Folders
from freezer.repository.trees import Entry
from freezer.spill.spool import Spool
from freezer.spill.table import Table
from freezer.tree.sandbox import Sandbox


class _Link(msgspec.Struct, array_like=True, frozen=True):
    """Another name: the path of its directory, the path of the file's first name, what the tree says of it."""

    directory: bytes
    first: bytes
    entry: Entry


_encode = msgspec.msgpack.Encoder().encode
_decode = msgpack_decoder(_Link).decode


class Links:
    """Remembers names, as many as there may be, and makes them."""

    def __init__(self, sandbox: Sandbox, folders: Folders) -> None:
        self._sandbox = sandbox
        self._folders = folders
        self._names = Spool()
        self._instead = Table()  # first name of a file that is not there → the name that its content was restored under

    def add(self, folder: Folder, first: bytes, entry: Entry) -> None:
        """``entry`` in ``folder`` is another name of the file at ``first``."""
        folder.wanted = True
        self._names.append(_encode(_Link(folder.path, first, entry)))

    def make(self, chosen: Callable[[bytes], bool], write: Callable[[Folder, Entry], bool]) -> None:
        """Make all names. If a first name was not ``chosen``, or could not be restored, the next one gets the content,
        which ``write`` does, and the others are linked to that."""
        for record in self._names.records():
            link = _decode(record)
            folder = Folder.existing(link.directory)
            path = folder.of(link.entry.name)
            existing = self._instead.get(link.first)
            if existing is None and chosen(link.first) and self._folders.lost.get(link.first) is None:
                existing = link.first
            if existing is not None:
                self._folders.count(path, link.entry, self._sandbox.hard_link(path, existing), written=0)
            elif write(folder, link.entry):
                self._instead.put(link.first, path)

    def close(self) -> None:
        """Give memory and disk space back."""
        self._names.close()
        self._instead.close()
