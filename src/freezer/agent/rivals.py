"""Two agents that make a backup of one name in the same second choose the same names for its objects.

Where ``put_new`` has one winner, that decides. Elsewhere nothing decides for certain, so a writer looks before it makes
an object visible and once more after the record: whoever comes second does not replace the first one's objects, and
whoever finds them replaced takes its own record back. What is left is the instant between looking and writing, in which
both may lose; that both, or a damaged backup, count as success would take two such instants in one run.
"""

from __future__ import annotations

from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, data_name, record_name, state_name
from freezer.errors import ObjectExists, ObjectNotFound
from freezer.storage.contract import Storage
from freezer.stream.digest import Digest, StreamSummary


def same_second(key: BackupKey) -> ObjectExists:
    """The error of the one that came second."""
    return ObjectExists(
        f"another backup of {key.set.name} was made in the same second; this one was not kept", hint="run it again"
    )


def require_free(storage: Storage, key: BackupKey, name: str) -> None:
    """Raise if somebody else has made the object of our backup visible."""
    if storage.capabilities.create_once:
        return
    try:
        storage.stat(name)
    except ObjectNotFound:
        return
    raise same_second(key)


def require_ours(storage: Storage, key: BackupKey, record: bytes, stream: StreamSummary, state: StoredState) -> None:
    """Raise, and take the record back, if somebody else has replaced an object of our backup."""
    if storage.capabilities.create_once:
        return
    if storage.get(record_name(key)) != record:
        raise same_second(key)
    try:
        digest = Digest()
        digest.update(storage.get(state_name(key)))
        ours = digest.hexdigest() == state.sha256 and storage.stat(data_name(key)).size == stream.stored_size
    except ObjectNotFound:
        ours = False
    if not ours:
        storage.delete(record_name(key))
        raise same_second(key)
