"""The action ``key-remove``: a passphrase, or machine secret, that shall no longer open a repository."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.opening import open_to_read, opened_storage
from freezer.agent.result import Result
from freezer.errors import ContainerError
from freezer.options.resolve import Settings
from freezer.repository.access import managing
from freezer.repository.keys.slots import Slot


def run(context: Context) -> Result:
    """Remove the key that the options name. Whoever has once opened the repository with it may have kept what it
    opens, so the result says that."""
    with opened_storage(context) as storage:
        repository = open_to_read(context, storage).repository
        chosen = _chosen(managing.slots_of(repository), context.settings)
        managing.remove(repository, chosen)
    return Result(
        document={"key": chosen},
        lines=[
            f"Key {chosen} was removed: it opens the repository no more.",
            "Somebody who has used it before may have kept what it opened; then only a new repository helps.",
        ],
    )


def _chosen(slots: Sequence[tuple[str, Slot | None]], settings: Settings) -> str:
    """The id of the one key that is meant."""
    id, label = settings.optional_text("key_id"), settings.optional_text("key_label")
    if id is not None:
        fitting, what = [each for each, _ in slots if each.startswith(id)], f"whose id begins with {id}"
    else:
        fitting, what = [each for each, slot in slots if slot and slot.label == label], f"with the label {label}"
    if len(fitting) != 1:
        count = "no key" if not fitting else f"{len(fitting)} keys"
        raise ContainerError(f"there is {count} {what}", hint="`freezer-agent key list` shows them; --key-id is exact")
    return fitting[0]
