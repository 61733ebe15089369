"""The nanoseconds of the files that a directory's list names, found as the files come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freezer.engine.tar.archive import lists, pax
from freezer.spill.table import Table

_NONE = (b"", 0)  # no name, and no nanoseconds


class Fractions:
    """Nanoseconds by name. ``body`` and ``packed``: pieces of the list and of the numbers beside its ``Y`` names.

    Files come in the order of the list, so that usually nothing must be kept of it; names that are passed over are.
    """

    def __init__(self, directory: bytes, body: Iterable[bytes], packed: Iterable[bytes]) -> None:
        self._base = directory + b"/" if directory else b""
        names = (name for listing in lists.parts(body) for name in listing.stored)
        self._ahead = zip(names, _numbers(packed), strict=False)
        self._next = _NONE
        self._passed = Table()
        self._has_passed = False

    def of(self, path: bytes) -> int:
        """The nanoseconds of the file at ``path``; 0 if there are none."""
        directory, slash, name = path.rpartition(b"/")
        return self.of_name(name) if directory + slash == self._base else 0

    def of_name(self, name: bytes) -> int:
        """The nanoseconds of the file ``name`` in the directory itself."""
        other, fraction = self._next
        if other != name:
            if self._has_passed and (value := self._passed.pop(name)) is not None:
                return int(value)
            self.give_back(other, fraction)
            for other, fraction in self._ahead:
                if other == name:
                    break
                self.give_back(other, fraction)
            else:
                fraction = 0
        self._next = next(self._ahead, _NONE)
        return fraction

    def give_back(self, name: bytes, fraction: int) -> None:
        """Have what was taken for ``name`` ready to be taken again."""
        if fraction:
            self._passed.put(name, b"%d" % fraction)
            self._has_passed = True

    def close(self) -> None:
        """Give memory and disk space back."""
        self._passed.close()


def _numbers(packed: Iterable[bytes]) -> Iterator[int]:
    for piece in packed:
        yield from pax.unpack_fractions(piece)


NO_FRACTIONS = Fractions(b"", (b"\0",), ())
