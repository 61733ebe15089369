"""Segments that no manifest needs, and temporaries: what dead writers left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from freezer.storage.swift.listing import Entry
from freezer.storage.swift.names import is_temp, segment_place


@dataclass(slots=True)
class Folders:
    """Objects of a listing, apart from segments, which are in ``segments``: owner, then folder, then its entries."""

    objects: dict[str, Entry] = field(default_factory=dict)
    temporaries: list[Entry] = field(default_factory=list)
    segments: dict[str, dict[str, list[Entry]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    @classmethod
    def of(cls, found: Iterable[Entry]) -> Folders:
        folders = cls()
        for entry in found:
            place = segment_place(entry.name)
            if place is not None:
                folders.segments[place[0]][place[1]].append(entry)
            elif is_temp(entry.name):
                folders.temporaries.append(entry)
            else:
                folders.objects[entry.name] = entry
        return folders


def orphans(folders: Folders, needed: Callable[[str], str], older_than: float) -> dict[str, list[Entry]]:
    """What can go, by folder (with ``/`` at its end) or name: last touched before ``older_than``, and no segment that
    a manifest means. ``needed`` asks Swift which folder the manifest of this name means (empty: none).
    """
    result = {entry.name: [entry] for entry in folders.temporaries if entry.modified < older_than}
    for owner, found in folders.segments.items():
        old = {
            folder: entries
            for folder, entries in found.items()
            if max(entry.modified for entry in entries) < older_than
        }
        if not old or (len(found) == 1 and owner in folders.objects):
            continue
        kept = needed(owner)
        result |= {f"{folder}/": entries for folder, entries in old.items() if folder != kept}
    return result
