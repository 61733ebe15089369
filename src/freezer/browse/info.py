"""Containers and their objects (the action ``info``).

With a container named, it is summed up, or (``-l``) its objects are listed. Without one, cloud storages are asked for
their containers; a file system cannot be asked, so :func:`find_local` looks in a few places, one level deep.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import msgspec

from freezer.container.layout import parse_record_name
from freezer.errors import PermissionDenied
from freezer.storage.contract import Storage


class ContainerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A container, its size in bytes and the number of its objects."""

    container: str
    size: int
    objects: int


class ObjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """An object, its size in bytes and its last change in seconds since 1970."""

    name: str
    size: int
    modified: float


def sum_up(storage: Storage, container: str) -> ContainerRow:
    """Count what ``storage`` holds; ``container`` is the name to show."""
    found = storage.list()
    return ContainerRow(container=container, size=sum(info.size for info in found), objects=len(found))


def list_objects(storage: Storage, prefix: str = "") -> tuple[ObjectRow, ...]:
    """All objects below ``prefix`` (empty, or ending in ``/``), by name."""
    return tuple(ObjectRow(name=o.name, size=o.size, modified=o.modified) for o in storage.list(prefix))


def find_local(places: Iterable[str], open_local: Callable[[str], Storage]) -> tuple[ContainerRow, ...]:
    """The Freezer containers among ``places`` and the directories directly in them, summed up.

    A container is a directory that holds at least one backup's record (the legacy layout has none, so such containers
    must be named). Hidden directories, links and what may not be read are passed over, as in any search.
    """
    rows: dict[str, ContainerRow] = {}
    for path in _directories(places):
        if path in rows or not os.path.isdir(os.path.join(path, "metadata")):
            continue
        storage = open_local(path)
        try:
            if any(parse_record_name(found.name) for found in storage.list("metadata/")):
                rows[path] = sum_up(storage, path)
        except PermissionDenied:
            continue
        finally:
            storage.close()
    return tuple(rows[path] for path in sorted(rows))


def _directories(places: Iterable[str]) -> Iterable[str]:
    for place in map(os.path.realpath, places):
        yield place
        try:
            entries = list(os.scandir(place))
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield entry.path
