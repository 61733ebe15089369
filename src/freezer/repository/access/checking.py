"""Whether slots and rings are as they should be: two equal copies of each slot, and every ring of ours opens."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.errors import DataError, ObjectNotFound
from freezer.repository.access.founding import open_ring
from freezer.repository.keys import slots
from freezer.repository.names import COPY, PREFIX, Folder, is_numbered
from freezer.repository.store import Repository

_RINGS = 2  # alike, from the beginning


def problems(repository: Repository) -> Iterator[tuple[str, str]]:
    """Names (without ``freezer-dedup/``) of objects that open the repository and are not sound, and why. What is sealed
    in a slot cannot be looked at without its secret: there the two copies are compared."""
    for name in sorted({name.removesuffix(COPY) for name in repository.names(Folder.KEYS)}):
        yield from _slot(repository, name)
    yield from _rings(repository)


def _slot(repository: Repository, name: str) -> Iterator[tuple[str, str]]:
    found: list[bytes] = []
    missing: list[str] = []
    leads_elsewhere = False  # then an init that ended early may have left it
    for each in (name, name + COPY):
        try:
            raw = repository.read(each)
            leads_elsewhere = slots.parse(raw, PREFIX + each).ring != repository.keys.access.ring
            found.append(raw)
        except ObjectNotFound:
            missing.append(each)
        except DataError as error:
            yield each, error.message
    if not leads_elsewhere:
        yield from ((each, "it is missing, though there is another copy") for each in missing)
    if len(found) == 2 and found[0] != found[1]:
        yield name + COPY, f"it differs from {PREFIX}{name}: one of the two is damaged"


def _rings(repository: Repository) -> Iterator[tuple[str, str]]:
    access = repository.keys.access
    names = [name for name in repository.names(Folder.RINGS) if is_numbered(name, access.ring)]
    for name in names:
        try:
            open_ring(repository.storage, repository.id, access, name)
        except ObjectNotFound:
            yield name, "it is missing"
        except DataError as error:
            yield name, error.message
    if len(names) < _RINGS:
        yield f"{Folder.RINGS}{access.ring}-1", "it, or its copy, is missing"
