"""The action ``key-add``: one more passphrase, or machine secret, that opens a repository."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.opening import new_opener_of, open_to_read, opened_storage
from freezer.agent.result import Result
from freezer.repository.access import managing


def run(context: Context) -> Result:
    """Add a key; who adds one needs one."""
    new, label = new_opener_of(context), context.settings.optional_text("key_label") or ""
    with opened_storage(context) as storage:
        repository = open_to_read(context, storage).repository
        id = managing.add(repository, new, label=label)
    return Result(document={"key": id, "label": label}, lines=[f"Key {id}{f' ({label})' if label else ''} was added."])
