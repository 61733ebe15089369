"""Which packs there are."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from freezer.errors import ObjectNotFound
from freezer.repository.names import PREFIX, Folder
from freezer.repository.store import Repository


def stored(repository: Repository, known: Iterable[str]) -> dict[str, int]:
    """All packs that are there, with their sizes. A listing may lag behind, so those that are ``known`` but not listed
    are asked for by name."""
    found = {info.name: info.size for folder in (Folder.PACKS, Folder.META) for info in repository.list(folder)}
    for name in sorted(set(known).difference(found)):
        with suppress(ObjectNotFound):
            found[name] = repository.storage.stat(PREFIX + name).size
    return found
