"""The action ``release``: the end of a hold."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import backup_of
from freezer.agent.dedup.opening import open_to_write, opened_storage
from freezer.agent.result import Result
from freezer.errors import ContainerError
from freezer.repository.protocol import forgetting


def run(context: Context) -> Result:
    """Let the rules decide about the backup again."""
    with opened_storage(context) as storage:
        found = open_to_write(context, storage)
        backup = backup_of(context, found)
        if backup.attempt not in forgetting.holds(found.repository, found.cache, context.notice):
            raise ContainerError(f"{backup.attempt} is not held")
        forgetting.release(found.repository, backup.attempt, "released", context.notice)
    return Result(document={"backup": backup.attempt}, lines=[f"{backup.attempt} is held no more."])
