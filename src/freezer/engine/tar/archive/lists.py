"""Directory lists and renames: the body of a ``D`` entry (GNU tar's "dumpdir").

``{letter}{name}\\0`` … ``\\0``. Letters: ``Y`` stored here, ``N`` not stored here, ``D`` directory; ``R``\\ *from*
``T``\\ *to* a rename (paths from the root, ``./`` in front); ``X``\\ *dir* announces a temporary name that an empty
``R`` or ``T`` then means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from freezer.errors import DamagedError
from freezer.model.items import printable

_NAMES = frozenset(b"YND")
_LONGEST_ENTRY = 1 << 20
_NAMED = frozenset((b"Y", b"N", b"D"))
_NO_NAMES = frozenset((b"", b".", b".."))
TEMPORARY = b"\0temporary"
"""Stands for the temporary name of an ``X`` record; no path contains a NUL."""


class Listing(msgspec.Struct):
    """One parsed list: names by letter, and renames in order as (from, to) paths from the root."""

    stored: list[bytes] = msgspec.field(default_factory=list)
    unchanged: list[bytes] = msgspec.field(default_factory=list)
    directories: list[bytes] = msgspec.field(default_factory=list)
    renames: list[tuple[bytes, bytes]] = msgspec.field(default_factory=list)

    def names(self, letter: bytes) -> list[bytes]:
        """The names that have ``letter``, one of ``Y``, ``N`` and ``D``."""
        return self.stored if letter == b"Y" else self.unchanged if letter == b"N" else self.directories


def encode(entries: bytes, renames: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A list from ``entries`` (``{letter}{name}`` joined by NULs) and ``renames`` (paths from the root)."""
    parts = [entries] if entries else []
    for source, target in renames:
        parts += (b"R./" + source, b"T./" + target)
    return b"\0".join(parts) + b"\0\0" if parts else b"\0"


def without(entries: bytes, unwanted: Callable[[bytes], bool]) -> bytes:
    """``entries`` without those of which ``unwanted`` says so."""
    return b"\0".join(entry for entry in entries.split(b"\0") if not unwanted(entry))


def parse(body: bytes) -> Listing:
    """The list in ``body``; :class:`DamagedError` if it is not one."""
    whole = Listing()
    for part in parts([body]):
        whole.stored += part.stored
        whole.unchanged += part.unchanged
        whole.directories += part.directories
        whole.renames += part.renames
    return whole


def parts(pieces: Iterable[bytes]) -> Iterator[Listing]:
    """The list whose bytes are ``pieces``, as many lists that make it up in order, each about as long as a piece."""
    text, source = b"", None
    for piece in pieces:
        text += piece
        if text[:1] == b"\0":
            return
        end = text.find(b"\0\0")
        cut = end if end >= 0 else text.rfind(b"\0")
        if cut < 0:
            if len(text) > _LONGEST_ENTRY:
                break
            continue
        listing = Listing()
        source = _read(text[:cut], listing, source)
        yield listing
        if end >= 0:
            return
        text = text[cut + 1 :]
    raise DamagedError("the archive is damaged: the list of a directory has no end")


def _read(text: bytes, listing: Listing, source: bytes | None) -> bytes | None:
    """Add the records in ``text``; ``source``, and what is returned, is the first half of a rename."""
    letter = text[:1]
    if letter in _NAMED and text.count(b"\0" + letter) == text.count(b"\0") and b"/" not in text:
        # Most lists have the same letter everywhere, and lists are most of what an unchanged level holds.
        names = text[1:].split(b"\0" + letter)
        if _NO_NAMES.isdisjoint(names):
            listing.names(letter).extend(names)
            return source
    for record in text.split(b"\0"):
        letter, name = record[:1], record[1:]
        if letter in _NAMED and (name in _NO_NAMES or b"/" in name):
            raise DamagedError(f"the archive is damaged: a directory lists {printable(name)!r}, which is no name")
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
    return source


def rename_path(path: bytes) -> bytes:
    """A path of a rename in our form: without ``./``, and the temporary name for an empty one."""
    return TEMPORARY if not path else clean(path)


def clean(path: bytes) -> bytes:
    """``./a/b/`` and ``a//b`` as ``a/b``; ``.`` and ``./`` as the empty root path. Parts ``..`` stay, to be refused
    later."""
    plain = b"//" not in path and b"/./" not in path and path[-2:] != b"/."
    if plain and path[:2] == b"./" and path[2:3] not in (b"", b".", b"/"):
        return path[2:].rstrip(b"/")
    cleaned = b"/%b/" % path  # not taken apart: to join half a million parts takes 40 MB
    for needless in (b"/./", b"//"):
        while needless in cleaned:
            cleaned = cleaned.replace(needless, b"/")
    cleaned = cleaned.strip(b"/")
    return b"/" + cleaned if path[:1] == b"/" else cleaned
