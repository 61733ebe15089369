"""One stream into the same object of several storages: read, compressed and sealed once.

The slowest storage sets the pace, since a segment's memory is free again only when all have stored it. One that fails
is left out, and its object never becomes visible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from freezer.agent.places.place import Place, each, working
from freezer.agent.storing.rivals import same_second
from freezer.container.layout import BackupKey
from freezer.crypto.contract import Sealer
from freezer.errors import FreezerError, ObjectExists, StorageError
from freezer.storage.contract import Upload
from freezer.stream.compression import Codec, Level
from freezer.stream.digest import StreamSummary
from freezer.stream.pipeline import QUEUE_SIZE, Pipeline

T = TypeVar("T")


class How(msgspec.Struct, frozen=True):
    """How plain bytes become stored ones; ``segment_size`` in bytes at most. ``landed`` is told of every so many blocks
    more that are stored."""

    seal: Sealer | None
    segment_size: int
    codec: Codec = Codec.NONE
    level: Level = Level.DEFAULT
    queue_size: int = QUEUE_SIZE
    landed: Callable[[int], None] = lambda _: None


def feed(
    places: Sequence[Place], key: BackupKey, name: str, how: How, fill: Callable[[Pipeline], T]
) -> tuple[T, StreamSummary] | None:
    """Make the object ``name`` of the backup ``key``, from what ``fill`` submits, in all places that have not failed.

    What ``fill`` returned, and a summary of what was stored; None if every place has failed.
    """
    opened = each(places, lambda place: (place.storage.capabilities.call_size, place.storage.open_write(name)))
    uploads = [(place, upload) for place, (_, upload) in opened]
    # what is more than the most patient storage wants in one call would only cost memory
    size = min(how.segment_size, max((size for _, (size, _) in opened), default=how.segment_size))
    try:
        fed = _stream(uploads, msgspec.structs.replace(how, segment_size=size), fill)
        for place, upload in uploads:
            if place.error is None:
                with place.trouble():
                    try:
                        upload.commit()
                    except ObjectExists:
                        raise same_second(key) from None
    except BaseException:
        _abort(uploads)
        raise
    _abort([(place, upload) for place, upload in uploads if place.error is not None])
    return fed if working(place for place, _ in uploads) else None


def _stream(
    uploads: Sequence[tuple[Place, Upload]], how: How, fill: Callable[[Pipeline], T]
) -> tuple[T, StreamSummary] | None:
    if not uploads:
        return None
    pipeline = Pipeline(
        [upload for _, upload in uploads],
        compression=how.codec,
        level=how.level,
        seal=how.seal,
        segment_size=how.segment_size,
        queue_size=how.queue_size,
    )
    pipeline.landed = how.landed
    alone = uploads[0][0].alone
    try:
        with pipeline:
            return fill(pipeline), pipeline.finish()
    except Exception:
        # if all sinks have failed the stream ends with the last one's error
        if alone or len(pipeline.failures) < len(uploads):
            raise
        return None
    finally:
        for index, error in pipeline.failures.items():
            if not alone:
                _note(uploads[index][0], error)


def _note(place: Place, error: BaseException) -> None:
    """``place`` has failed with ``error``, which its sink raised."""
    if not isinstance(error, FreezerError):
        error = StorageError(f"{place.shown} failed: {type(error).__name__}: {error}")
    place.error = place.error or error


def _abort(uploads: Sequence[tuple[Place, Upload]]) -> None:
    for place, upload in uploads:
        if place.alone:
            upload.abort()
            continue
        with suppress(FreezerError):  # what stays is a temporary object, which a sweep finds
            upload.abort()
