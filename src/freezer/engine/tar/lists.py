"""Directory lists and renames: the body of a ``D`` entry (GNU tar's "dumpdir").

``{letter}{name}\\0`` … ``\\0``. Letters: ``Y`` stored here, ``N`` not stored here, ``D`` directory; ``R``\\ *from*
``T``\\ *to* a rename (paths from the root, ``./`` in front); ``X``\\ *dir* announces a temporary name that an empty
``R`` or ``T`` then means.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from freezer.errors import DamagedError
from freezer.model.items import printable

_NAMES = frozenset(b"YND")
LONGEST = 1 << 16
"""Bytes of the longest path that renames may make."""
MOST_STEPS = 1_000_000
"""Renames that all directories of one level may take part in together."""
_LONGEST_ENTRY = 1 << 20
_REMEMBERED = 20_000  # directories of which a level's renames know at once where they went
_NAMED = frozenset((b"Y", b"N", b"D"))
_SLASH = 0x2F
_NO_NAMES = frozenset((b"", b".", b".."))
TEMPORARY = b"\0temporary"
"""Stands for the temporary name of an ``X`` record; no path contains a NUL."""


@dataclass(slots=True)
class Listing:
    """One parsed list: names by letter, and renames in order as (from, to) paths from the root."""

    stored: list[bytes] = field(default_factory=list)
    unchanged: list[bytes] = field(default_factory=list)
    directories: list[bytes] = field(default_factory=list)
    renames: list[tuple[bytes, bytes]] = field(default_factory=list)


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
        # Which steps concern a path: those that name it, or a directory above it, on either side.
        self._naming: dict[bytes, list[int]] = {}
        for number, step in enumerate(self._steps):
            for path in {*step}:
                self._naming.setdefault(path, []).append(number)
        self._lengths = sorted({len(path) for path in self._naming})
        self._taken = 0

    def forward(self, directory: bytes) -> bytes | None:
        """Where ``directory`` of the level before is now; None if another directory was moved over it."""
        if not self._steps:
            return directory
        if directory not in self._cache:
            if len(self._cache) >= _REMEMBERED:
                self._cache.clear()
            self._cache[directory] = self._follow(directory)
        return self._cache[directory]

    def _follow(self, directory: bytes) -> bytes | None:
        number = -1
        while (following := self._next(directory, number)) is not None:
            number = following
            source, target = self._steps[number]
            if directory != source and not directory.startswith(source + b"/"):
                return None
            directory = target + directory[len(source) :]
            self._taken += 1
            if len(directory) > LONGEST or self._taken > MOST_STEPS:
                raise DamagedError("the archive is damaged: its renames never end")
        return directory

    def _next(self, directory: bytes, after: int) -> int | None:
        """The first step later than number ``after`` that concerns ``directory``."""
        found = None
        size = len(directory)
        for end in self._lengths:
            if end > size:
                break
            if end == size or directory[end] == _SLASH:
                numbers = self._naming.get(directory[:end], ())
                if (place := bisect_right(numbers, after)) < len(numbers):
                    found = numbers[place] if found is None else min(found, numbers[place])
        return found
