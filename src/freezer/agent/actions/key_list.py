"""The action ``key-list``: what opens a repository."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.opening import open_to_read, opened_storage
from freezer.agent.result import Result, Table
from freezer.repository.access import managing

_WORDS = {"argon2id": "passphrase", "hkdf": "machine secret", "public": "nothing: it is not encrypted"}


def run(context: Context) -> Result:
    """A row for each key."""
    with opened_storage(context) as storage:
        found = managing.slots_of(open_to_read(context, storage).repository)
    rows = [
        (id, "", "", "", "damaged")
        if slot is None
        else (id, slot.label, slot.role, slot.created, _WORDS.get(slot.derivation.name, slot.derivation.name))
        for id, slot in found
    ]
    columns = ("key", "label", "role", "created", "opens_with")
    document = [dict(zip(columns, row, strict=True)) for row in rows]
    return Result(document, table=Table(("key", "label", "role", "created", "opens with"), rows))
