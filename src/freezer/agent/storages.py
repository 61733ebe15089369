"""The storages that the settings name, with retries and rate limits around them."""

from __future__ import annotations

import os

from freezer.agent.context import Context
from freezer.errors import NotBuiltError, UsageError
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage
from freezer.storage.retry import RetryingStorage
from freezer.storage.throttle import ThrottledStorage, TokenBucket


def open_storage(context: Context) -> Storage:
    """The storage of this run, of the main options or of its one ``[storage:NAME]`` section; its container may not
    exist yet."""
    place = context.settings.storages[0]
    if place.storage != "local":
        raise NotBuiltError(
            f"--storage {place.storage} is not in this build yet",
            hint="use --storage local with a directory as --container",
        )
    return open_local(context, place.container)


def open_local(context: Context, container: str) -> Storage:
    """The directory ``container`` as a storage."""
    if not container:
        raise UsageError("--container is empty; it must name a directory")
    storage: Storage = LocalStorage(os.path.expanduser(container), clock=context.clock)
    upload, download = _bucket(context, "upload_limit"), _bucket(context, "download_limit")
    if upload is not None or download is not None:
        storage = ThrottledStorage(storage, upload=upload, download=download)
    return RetryingStorage(storage, context.clock)


def _bucket(context: Context, name: str) -> TokenBucket | None:
    rate = context.settings.optional_integer(name)
    return TokenBucket(rate, context.clock) if rate is not None and rate > 0 else None
