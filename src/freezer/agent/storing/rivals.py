"""Two agents that make a backup of one name in the same second choose the same names for its objects.

Where others are kept out and ``put_new`` has one winner, that decides. Elsewhere an agent claims the backup before it
writes anything: it stores an object under a name of its own, and then lists all claims. Of two agents the one that
stored its claim later finds the other's, and makes its backup of a later second; both may do so, never neither. A claim
is withdrawn after the record is there, and a claimer looks for that, too: no object of a backup is ever replaced.

This needs listings that show what has been stored (the doorway of Lamport's bakery, CACM 17(8), 1974, in a storage for
a memory). Where they may lag, a writer looks at its objects once more after the record, and takes it back if they
have been replaced.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from freezer.agent.places.place import Place, each
from freezer.clock import Clock
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, below, claim_name, data_name, parse_data_name, record_name, state_name
from freezer.errors import FreezerError, ObjectExists, ObjectNotFound
from freezer.storage.contract import Storage
from freezer.stream.digest import StreamSummary

T = TypeVar("T")

_TRIES = 4
_PAUSE = 0.5, 3.0  # seconds
_LOOKS = 12  # at the claims, until all others are withdrawn
_BETWEEN_LOOKS = 0.25  # seconds


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


@contextmanager
def claimed(places: Sequence[Place], key: BackupKey, clock: Clock) -> Iterator[None]:
    """Nobody else makes the backup ``key`` in any of ``places`` until the context ends; :class:`SameSecond` if somebody
    does, or did."""
    nonce = secrets.token_hex(8)
    with ExitStack() as stack:

        def claim(place: Place) -> bool:
            if _keeps_apart(place.storage):
                return True
            stack.callback(_withdraw, place.storage, claim_name(key, nonce))
            place.storage.put(claim_name(key, nonce), b"")
            return _only_one(place.storage, key, nonce, clock) and _is_free(place.storage, key)

        if not all(ours for _, ours in each(places, claim)):
            raise same_second(key)
        yield


def require_ours(storage: Storage, key: BackupKey, record: bytes, stream: StreamSummary, state: StoredState) -> None:
    """Raise, and take the record back, if somebody whose claim was not listed has replaced an object of our backup."""
    if _keeps_apart(storage) or not storage.capabilities.list_delay:
        return
    kept = _found(storage, state_name(key))
    try:
        ours = storage.stat(data_name(key)).size == stream.stored_size
    except ObjectNotFound:
        ours = False
    ours = ours and kept is not None and hashlib.sha256(kept).hexdigest() == state.sha256
    # looked at last: whoever takes it back has just seen that it is its own
    if _found(storage, record_name(key)) != record:
        raise same_second(key)
    if not ours:
        storage.delete(record_name(key))
        raise same_second(key)


def _only_one(storage: Storage, key: BackupKey, nonce: str, clock: Clock) -> bool:
    """Whether our claim is the only one, in a listing that has it. Of several at once the first by name waits for the
    others to be withdrawn."""
    ours, others = claim_name(key, nonce), set[str]()
    for look in range(_LOOKS):
        if look:
            clock.sleep(_BETWEEN_LOOKS)
        claims = {found.name for found in storage.list(below(key)) if _is_claim(found.name)}
        others = claims - {ours}
        if others and min(others) < ours:
            return False
        if ours in claims and not others:
            return True
    return not others


def _is_claim(name: str) -> bool:
    meaning = parse_data_name(name)
    return meaning is not None and meaning[1] == "claim"


def _withdraw(storage: Storage, name: str) -> None:
    with suppress(FreezerError):  # what stays is removed with the backup, or with other leftovers
        storage.delete(name)


def _is_free(storage: Storage, key: BackupKey) -> bool:
    """Whether nothing of the backup is there, by another whose claim is withdrawn: complete, or only begun."""
    for name in (record_name(key), data_name(key)):
        with suppress(ObjectNotFound):
            storage.stat(name)
            return False
    return True


def _found(storage: Storage, name: str) -> bytes | None:
    try:
        return storage.get(name)
    except ObjectNotFound:
        return None


def _keeps_apart(storage: Storage) -> bool:
    """Whether it lets one writer at a time work on a set, and gives a record one winner all the same. The latter alone
    says nothing about the objects that a loser has replaced before."""
    return storage.capabilities.create_once and storage.capabilities.holds
