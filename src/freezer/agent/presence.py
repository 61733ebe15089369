"""Whether a container has a repository: asked before anything of one is imported."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.errors import ObjectNotFound
from freezer.options.engines import DEDUP
from freezer.storage.contract import Storage

_CONFIGS = ("freezer-dedup/config", "freezer-dedup/config.copy")


def asks_for_dedup(context: Context) -> bool:
    """Whether the engine dedup was asked for by name."""
    return context.settings.text("engine_name") == DEDUP


def has_repository(context: Context, storage: Storage) -> bool:
    """Whether there is a repository to look at: not if another engine was asked for by name. Who wants a tag wants
    nothing else: other backups have none."""
    if context.settings.given("engine_name"):
        return asks_for_dedup(context)
    if context.settings.texts("tag"):
        return True
    return storage.exists() and any(_has(storage, name) for name in _CONFIGS)


def _has(storage: Storage, name: str) -> bool:
    try:
        storage.stat(name)
    except ObjectNotFound:
        return False
    return True
