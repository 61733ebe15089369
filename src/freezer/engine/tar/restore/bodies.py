"""Directory lists that are needed later: kept in pieces, in memory while they are few, else in a temporary file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freezer.spill.table import Table

_NUMBER = 8  # bytes


class Bodies:
    """path → the bodies (see :mod:`freezer.engine.tar.archive.lists`) that were put for it, each as its pieces."""

    def __init__(self) -> None:
        self._pieces = Table()
        self._ends = Table()

    def put(self, path: bytes, body: Iterable[bytes]) -> None:
        """Add a body for ``path``."""
        ends = self._ends.get(path) or b""
        number = int.from_bytes(ends[-_NUMBER:], "big")
        for piece in body:
            self._pieces.put(_key(path, number), piece)
            number += 1
        self._ends.put(path, ends + number.to_bytes(_NUMBER, "big"))

    def get(self, path: bytes) -> list[Iterator[bytes]]:
        """The bodies of ``path``, in order."""
        ends = self._ends.get(path) or b""
        numbers = [int.from_bytes(ends[place : place + _NUMBER], "big") for place in range(0, len(ends), _NUMBER)]
        return [self._range(path, start, end) for start, end in zip([0, *numbers], numbers, strict=False)]

    def paths(self) -> Iterator[bytes]:
        """Every path; nothing may be put meanwhile."""
        return (path for path, _ in self._ends.items())

    def close(self) -> None:
        """Forget everything, and give memory and disk space back."""
        self._pieces.close()
        self._ends.close()

    def _range(self, path: bytes, start: int, end: int) -> Iterator[bytes]:
        for number in range(start, end):
            yield self._pieces.get(_key(path, number)) or b""


def _key(path: bytes, number: int) -> bytes:
    return path + b"\0" + number.to_bytes(_NUMBER, "big")
