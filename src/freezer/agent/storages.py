"""The storages that the settings name, with retries and rate limits around them."""

from __future__ import annotations

import os

from freezer.agent.context import Context
from freezer.errors import NotBuiltError, UsageError
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage


def open_storage(context: Context) -> Storage:
    """The storage of this run; its container may not exist yet."""
    settings = context.settings
    kind = settings.choice("storage")
    if kind != "local":
        raise NotBuiltError(
            f"--storage {kind} is not in this build yet", hint="use --storage local with a directory as --container"
        )
    return open_local(context, settings.text("container"))


def open_local(context: Context, container: str) -> Storage:
    """The directory ``container`` as a storage."""
    if not container:
        raise UsageError("--container is empty; it must name a directory")
    return LocalStorage(os.path.expanduser(container), clock=context.clock)
