"""Directory lists and renames: the body of a ``D`` entry (GNU tar's "dumpdir").

``{letter}{name}\\0`` … ``\\0``. Letters: ``Y`` stored here, ``N`` not stored here, ``D`` directory; ``R``\\ *from*
``T``\\ *to* a rename (paths from the root, ``./`` in front); ``X``\\ *dir* announces a temporary name that an empty
``R`` or ``T`` then means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from freezer.errors import DamagedError

_NAMES = frozenset(b"YND")
TEMPORARY = b"\0temporary"
"""Stands for the temporary name of an ``X`` record; no path contains a NUL."""


@dataclass(slots=True)
class Listing:
    """One parsed list: names by letter, and renames in order as (from, to) paths from the root."""

    stored: list[bytes] = field(default_factory=list)
    unchanged: list[bytes] = field(default_factory=list)
    directories: list[bytes] = field(default_factory=list)
    renames: list[tuple[bytes, bytes]] = field(default_factory=list)


def encode(entries: Iterable[bytes], renames: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A list from ``entries`` (letter and name) and ``renames`` (paths from the root)."""
    parts = list(entries)
    for source, target in renames:
        parts += (b"R./" + source, b"T./" + target)
    return b"\0".join(parts) + b"\0\0" if parts else b"\0"


def parse(body: bytes) -> Listing:
    """The list in ``body``; :class:`DamagedError` if it is not one."""
    listing = Listing()
    source: bytes | None = None
    end = body.find(b"\0\0")
    if body[:1] == b"\0":
        return listing
    if end < 0:
        raise DamagedError("the archive is damaged: the list of a directory has no end")
    for record in body[:end].split(b"\0"):
        letter, name = record[:1], record[1:]
        if letter == b"Y":
            listing.stored.append(name)
        elif letter == b"N":
            listing.unchanged.append(name)
        elif letter == b"D":
            listing.directories.append(name)
        elif letter == b"R":
            source = rename_path(name)
        elif letter == b"T":
            if source is None:
                raise DamagedError("the archive is damaged: a rename has no source")
            listing.renames.append((source, rename_path(name)))
            source = None
        elif letter != b"X":
            raise DamagedError(f"the archive is damaged: a directory lists a name with letter {letter!r}")
    return listing


def rename_path(path: bytes) -> bytes:
    """A path of a rename in our form: without ``./``, and the temporary name for an empty one."""
    return TEMPORARY if not path else clean(path)


def clean(path: bytes) -> bytes:
    """``./a/b/`` and ``a//b`` as ``a/b``; ``.`` and ``./`` as the empty root path. Parts ``..`` stay, to be refused
    later."""
    if path[:2] == b"./" and path[2:3] not in (b"", b".", b"/") and b"//" not in path and b"/./" not in path:
        return path[2:].rstrip(b"/")
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    cleaned = b"/".join(parts)
    return b"/" + cleaned if path[:1] == b"/" else cleaned


class Renames:
    """The renames of one level, as a map from paths of the level before to paths of this one."""

    def __init__(self, steps: Iterable[tuple[bytes, bytes]]) -> None:
        self._steps = list(steps)
        self._cache: dict[bytes, bytes | None] = {}

    def forward(self, directory: bytes) -> bytes | None:
        """Where ``directory`` of the level before is now; None if another directory was moved over it."""
        if not self._steps:
            return directory
        if directory not in self._cache:
            self._cache[directory] = self._follow(directory)
        return self._cache[directory]

    def _follow(self, directory: bytes) -> bytes | None:
        for source, target in self._steps:
            if directory == source or directory.startswith(source + b"/"):
                directory = target + directory[len(source) :]
            elif directory == target or directory.startswith(target + b"/"):
                return None
        return directory
