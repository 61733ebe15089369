"""Two agents that make a backup of one name in the same second choose the same names for its objects.

Where others are kept out and ``put_new`` has one winner, that decides. Elsewhere a writer looks before it makes
an object visible and twice more after the record: whoever comes second does not replace the first one's objects, and
whoever finds them replaced takes its own record back; then it makes its backup again, of a later second. What is left
is the time between looking and writing: a rival whose single write takes longer than everything that we do after
looking can still replace what we have called stored.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import TypeVar

from freezer.clock import Clock
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, data_name, record_name, state_name
from freezer.errors import ObjectExists, ObjectNotFound
from freezer.storage.contract import Storage
from freezer.stream.digest import StreamSummary

T = TypeVar("T")

_TRIES = 4
_PAUSE = 0.5, 3.0  # seconds
_SETTLED = 0.5  # seconds in which a rival writes its record, looks at its objects, and takes the record back


class SameSecond(ObjectExists):
    """Another agent's backup has the names of ours; of ours nothing is left."""


def same_second(key: BackupKey) -> SameSecond:
    """The error of the one that came second."""
    return SameSecond(
        f"another backup of {key.set.name} was made in the same second; this one was not kept", hint="run it again"
    )


def with_rivals(make: Callable[[], T], clock: Clock, notice: Callable[[str], None]) -> T:
    """What ``make`` returns, which is called again, a little later, as long as it comes second, but not for ever."""
    for _ in range(_TRIES - 1):
        try:
            return make()
        except SameSecond as error:
            notice(f"{error.message}; it is made again")
        # whoever came second with us, and lost as well, waits for another while
        clock.sleep(random.uniform(*_PAUSE))  # noqa: S311 (no secret)
    return make()


def require_free(storage: Storage, key: BackupKey, name: str) -> None:
    """Raise if somebody else has made the object of our backup visible."""
    if _keeps_apart(storage):
        return
    try:
        storage.stat(name)
    except ObjectNotFound:
        return
    raise same_second(key)


def require_ours(
    storage: Storage, key: BackupKey, record: bytes, stream: StreamSummary, state: StoredState, clock: Clock
) -> None:
    """Raise, and take the record back, if somebody else has replaced an object of our backup.

    Looks twice: a rival that has not seen our record may be writing its own, and removes that when it sees ours.
    """
    if _keeps_apart(storage):
        return
    _check(storage, key, record, stream, state)
    clock.sleep(_SETTLED)
    _check(storage, key, record, stream, state)


def _check(storage: Storage, key: BackupKey, record: bytes, stream: StreamSummary, state: StoredState) -> None:
    """The record is looked at last: whoever takes it back has just seen that it is its own."""
    kept = _found(storage, state_name(key))
    try:
        ours = storage.stat(data_name(key)).size == stream.stored_size
    except ObjectNotFound:
        ours = False
    ours = ours and kept is not None and hashlib.sha256(kept).hexdigest() == state.sha256
    if _found(storage, record_name(key)) != record:
        raise same_second(key)  # theirs, or they took back what they found in the place of theirs
    if not ours:
        storage.delete(record_name(key))
        raise same_second(key)


def _found(storage: Storage, name: str) -> bytes | None:
    try:
        return storage.get(name)
    except ObjectNotFound:
        return None


def _keeps_apart(storage: Storage) -> bool:
    """Whether it lets one writer at a time work on a set, and gives a record one winner all the same. The latter alone
    says nothing about the objects that a loser has replaced before."""
    return storage.capabilities.create_once and storage.capabilities.holds
