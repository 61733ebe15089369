"""The action ``check-storage``: whether a storage keeps the promises that all else stands on."""

from __future__ import annotations

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.combining import in_each
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.places.place import Place
from freezer.agent.result import Result, Table
from freezer.errors import StorageError
from freezer.storage.check import run_checks
from freezer.storage.contract import Capabilities
from freezer.units import format_duration, format_size


def run(context: Context) -> Result:
    """Run the storage contract against the container, without touching what is in it."""
    with opened(context, sections_of(context)) as places:
        return in_each(places, lambda place: _check_storage(context, place))


def _check_storage(context: Context, place: Place) -> Result:
    storage = place.storage
    if storage.exists():
        storage.prepare()  # which finds out what it can do
    results = run_checks(storage, context.progress, clock=context.clock)
    rows = [("ok" if one.ok else "FAILED", one.name, format_duration(one.seconds), one.detail) for one in results]
    failed = [one for one in results if not one.ok]
    if failed and len(results) == 1:
        raise StorageError(failed[0].detail)
    error = StorageError(f"{len(failed)} of {len(results)} promises are not kept") if failed else None
    return Result(
        document=[msgspec.to_builtins(one) for one in results],
        table=Table(("", "promise", "took", "detail"), rows),
        lines=[_abilities(storage.capabilities), *([] if failed else [f"{storage.describe()} keeps all promises."])],
        error=error,
    )


def _abilities(found: Capabilities) -> str:
    """What differs between storages, in one line."""
    words = {
        "one winner of several writers": found.create_once,
        "excludes others": found.holds,
        "has a clock of its own": found.server_time,
        "keeps versions": found.versioning,
        "object lock": found.object_lock,
    }
    told = [f"{word}: {'yes' if able else 'no'}" for word, able in words.items()]
    delay = f"up to {format_duration(found.list_delay)} late" if found.list_delay else "at once"
    largest = format_size(found.max_object_size) if found.max_object_size is not None else "no limit"
    return f"{'; '.join(told)}; listings: {delay}; largest object: {largest}."
