"""Dynamic large objects: manifests and the segments behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote, unquote

from freezer.errors import DamagedError
from freezer.storage.swift.listing import Entry, entries
from freezer.storage.swift.wire import Wire

MANIFEST = "X-Object-Manifest"
STATIC = "X-Static-Large-Object"
SIZES = "X-Object-Meta-Freezer-Segments"
"""Our own header of a manifest: the sizes of its segments, ``33554432*3 1200``; the first is number 0."""

RAW = {"multipart-manifest": "get"}
"""Query that makes Swift show the manifest itself, not what it stands for."""

_LONGEST = 256  # Swift's default limit of a header's value
_RUN = re.compile(r"(\d{1,18})(?:\*([1-9]\d{0,9}))?")


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one large object: ``container``, names in Swift, sizes."""

    container: str
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        return sum(size for _, size in self.parts)

    def between(self, offset: int, length: int | None) -> Iterator[tuple[str, int, int, int]]:
        """What makes up ``length`` bytes (or all) from ``offset``: name, offset and length in it, and its size."""
        start, end = 0, self.size if length is None else min(self.size, offset + length)
        for name, size in self.parts:
            first, last = max(offset, start), min(end, start + size)
            if first < last:
                yield name, first - start, last - first, size
            start += size


def manifest_headers(container: str, folder: str, sizes: Sequence[int]) -> dict[str, str]:
    """Headers of the manifest of the segments in ``folder`` (a name in Swift)."""
    text = " ".join(f"{size}*{len(list(group))}" for size, group in groupby(sizes))
    # Without a slash at the end, as upstream writes it. Swift unquotes it.
    headers = {MANIFEST: quote(f"{container}/{folder}")}
    return headers | ({SIZES: text} if len(text) <= _LONGEST else {})


def find_segments(wire: Wire, headers: Mapping[str, str], label: str) -> Segments | None:
    """The segments that a manifest's headers mean; None if they are not those of a manifest.

    With :data:`SIZES` their names are known; without it (upstream's) they are listed, and have to be numbered without
    a gap, otherwise :class:`DamagedError`.
    """
    container, prefix = manifest_target(headers)
    if not container:
        return None
    sizes = _sizes(headers.get(SIZES, ""))
    if sizes:
        return Segments(container, tuple((f"{prefix}/{number:08d}", size) for number, size in enumerate(sizes)))
    found = [entry for entry in entries(wire, container, prefix, label) if _is_segment(entry, prefix)]
    for number, entry in enumerate(found):
        if int(entry.name[-8:]) != number:
            raise DamagedError(f"{label}: segment {number:08d} is missing")
    return Segments(container, tuple((entry.name, entry.size) for entry in found))


def manifest_target(headers: Mapping[str, str]) -> tuple[str, str]:
    """Container and folder of the segments; both empty if these are not the headers of a manifest."""
    container, _, prefix = unquote(headers.get(MANIFEST, "")).partition("/")
    return container, prefix.rstrip("/")


def _is_segment(entry: Entry, prefix: str) -> bool:
    return re.fullmatch(r"/[0-9]{8}", entry.name[len(prefix) :]) is not None


def _sizes(text: str) -> list[int]:
    sizes: list[int] = []
    for word in text.split():
        match = _RUN.fullmatch(word)
        if match is None:
            return []
        sizes += [int(match[1])] * int(match[2] or 1)
    return sizes
