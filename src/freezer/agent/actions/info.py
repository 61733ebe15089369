"""The action ``info``: containers and what they hold, backups or not."""

from __future__ import annotations

import os

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.combining import in_each
from freezer.agent.places.opening import open_local, opened, sections_of
from freezer.agent.places.place import Place
from freezer.agent.result import Result, Table
from freezer.agent.stored.choose import open_catalogue
from freezer.browse.info import ContainerRow, find_local, list_objects, sum_up
from freezer.clock import utc_text
from freezer.storage.remember import RememberingStorage
from freezer.units import format_size


def run(context: Context) -> Result:
    """Containers with size and object count, or with ``-l`` the objects of one."""
    section = context.settings.storages[0]
    if not section.given("container") and section.storage == "swift":
        from freezer.agent.places.swift import swift_containers

        found = swift_containers(context, section)
        return _containers([ContainerRow(container=name, size=size, objects=count) for name, size, count in found])
    if not section.given("container") and section.storage == "s3":
        from freezer.agent.places.s3 import s3_containers

        return _containers(s3_containers(context, section))
    if not section.given("container"):
        return _containers(list(find_local([os.getcwd()], lambda path: open_local(context, path))))
    with opened(context, sections_of(context)) as places:
        return in_each(places, lambda place: _info(context, place))


def _info(context: Context, place: Place) -> Result:
    storage = RememberingStorage(place.storage)
    open_catalogue(storage)
    if not context.settings.flag("list"):
        return _containers([sum_up(storage, place.section.container)])
    objects = list_objects(storage)
    document = [msgspec.to_builtins(row) for row in objects]
    rows_shown = [(row.name, row.size, utc_text(row.modified)) for row in objects]
    return Result(document, document, Table(("object", "size", "modified"), rows_shown, empty="the container is empty"))


def _containers(rows: list[ContainerRow]) -> Result:
    document = [msgspec.to_builtins(row) for row in rows]
    shown = [(row.container, format_size(row.size), row.objects) for row in rows]
    empty = "no containers here; --container names one"
    return Result(document, document, Table(("container", "size", "objects"), shown, empty=empty))
