"""The slots of a repository: shown, added, removed.

Removing a slot keeps its secret from opening the repository again. Whoever has used it may have kept the role key:
only new keys, for what is written from then on, would help against that.
"""

from __future__ import annotations

from contextlib import suppress

from freezer.clock import utc_text
from freezer.errors import BusyError, DataError, ObjectNotFound, UsageError
from freezer.repository.access.founding import Opener, put_slot
from freezer.repository.keys import slots
from freezer.repository.keys.slots import Cost, Purpose, Slot
from freezer.repository.names import COPY, PREFIX, Folder, new_id
from freezer.repository.store import Repository


def slots_of(repository: Repository) -> list[tuple[str, Slot | None]]:
    """Id and document of every slot, the oldest first; None for one of which neither copy can be read."""
    found: dict[str, Slot | None] = {}
    for name in repository.names(Folder.KEYS):
        id = name.removeprefix(Folder.KEYS).removesuffix(COPY)
        if found.setdefault(id, None) is None:
            with suppress(DataError, ObjectNotFound):
                found[id] = slots.parse(repository.read(name), PREFIX + name)
    return sorted(found.items())


def add(repository: Repository, new: Opener, *, label: str, cost: Cost | None = None) -> str:
    """Let the secret of ``new`` open the repository, too, for the role that opened it now; the id of its slot."""
    if not repository.keys.encrypted:
        raise UsageError(
            f"{repository.describe()} is not encrypted, and stays so: no key would keep anybody out",
            hint="make an encrypted one, and back up to that",
        )
    if new.secret is None:
        raise UsageError(f"{repository.describe()} is encrypted: every key of it is a passphrase or a machine secret")
    access, id = repository.keys.access, new_id(repository.clock)
    created = utc_text(repository.clock.now())
    purpose = Purpose(repository.id, Folder.KEYS + id, repository.keys.ring.role, access.ring, label, created)
    role_key = access.role_key.reveal()
    slot = slots.for_secret(new.secret, role_key, purpose, cost or Cost(), machine=new.machine)
    put_slot(repository.storage, purpose.name, slot)
    return id


def remove(repository: Repository, id: str) -> None:
    """Remove a slot, but never the one that the repository was opened with: so one that opens is always left."""
    found = dict(slots_of(repository))
    if id not in found:
        raise UsageError(f"{repository.describe()} has no key {id!r}", hint="`freezer-agent key list` shows them")
    if id == repository.keys.access.slot:
        what = "the only key" if len(found) == 1 else "the key that opened it now"
        raise UsageError(
            f"{id} is {what} of {repository.describe()}", hint="to remove it, open the repository with another one"
        )
    for name in (id, id + COPY):
        repository.delete(Folder.KEYS + name)
    own = repository.keys.access.slot
    if not any(repository.exists(f"{Folder.KEYS}{own}{ending}") for ending in ("", COPY)):
        slot = found[id]
        if slot is not None:  # somebody who had opened the repository with that one has removed ours
            put_slot(repository.storage, Folder.KEYS + id, slot)
        raise BusyError(f"somebody else removes keys of {repository.describe()} at the same time")
