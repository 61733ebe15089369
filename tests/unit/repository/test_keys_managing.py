"""Slots: shown, added, removed."""

from __future__ import annotations

import os

import pytest

from freezer.errors import BusyError, PassphraseError, UsageError
from freezer.repository.access import founding, managing
from freezer.repository.access.founding import Opener
from freezer.repository.names import COPY, PREFIX, Folder
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.storage.contract import Storage
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.indexing import CHEAP, CLOCK, PASSPHRASE, encrypted

SECOND = Opener(Secret(b"battery staple"))
MACHINE = Opener(Secret(os.urandom(32)), machine=True)


def _open(storage: Storage, opener: Opener) -> Repository:
    return founding.open_(storage, CLOCK, opener, pytest.fail)


@pytest.mark.parametrize("new", [SECOND, MACHINE])
def test_an_added_secret_opens_the_same_repository(new: Opener) -> None:
    repository = encrypted()
    id = managing.add(repository, new, label="the office", cost=CHEAP)
    opened = _open(repository.storage, new)
    assert opened.keys.ring == repository.keys.ring
    assert opened.keys.access.slot == id
    assert _open(repository.storage, PASSPHRASE).keys.access.slot != id


def test_slots_are_listed_with_what_they_say_in_clear() -> None:
    repository = encrypted()
    id = managing.add(repository, MACHINE, label="the office")
    found = dict(managing.slots_of(repository))
    slot = found[id]
    assert slot is not None
    assert (slot.label, slot.role, slot.derivation.name) == ("the office", "owner", "hkdf")
    assert len(found) == 2


def test_a_damaged_slot_is_listed_as_long_as_neither_copy_can_be_read() -> None:
    repository = encrypted()
    id = managing.add(repository, MACHINE, label="")
    repository.storage.put(f"{PREFIX}{Folder.KEYS}{id}", b"damaged")
    assert dict(managing.slots_of(repository))[id] is not None
    repository.storage.put(f"{PREFIX}{Folder.KEYS}{id}{COPY}", b"damaged")
    assert dict(managing.slots_of(repository))[id] is None
    managing.remove(repository, id)
    assert id not in dict(managing.slots_of(repository))


def test_a_removed_secret_opens_nothing() -> None:
    repository = encrypted()
    managing.add(repository, SECOND, label="", cost=CHEAP)
    managing.remove(_open(repository.storage, SECOND), repository.keys.access.slot)
    with pytest.raises(PassphraseError):
        _open(repository.storage, PASSPHRASE)
    assert len(managing.slots_of(_open(repository.storage, SECOND))) == 1
    assert len(repository.names(Folder.KEYS)) == 2


def test_the_last_key_cannot_be_removed() -> None:
    repository = encrypted()
    with pytest.raises(UsageError, match="is the only key of the repository in memory:"):
        managing.remove(repository, repository.keys.access.slot)
    _open(repository.storage, PASSPHRASE)


def test_the_key_that_opened_the_repository_cannot_be_removed() -> None:
    repository = encrypted()
    managing.add(repository, MACHINE, label="")
    with pytest.raises(UsageError, match="is the key that opened it now"):
        managing.remove(repository, repository.keys.access.slot)


def test_what_does_not_exist_cannot_be_removed() -> None:
    repository = encrypted()
    for id in ("0" * 26, "../config", ""):
        with pytest.raises(UsageError, match="has no key"):
            managing.remove(repository, id)


def test_a_repository_that_is_not_encrypted_gets_no_keys() -> None:
    with pytest.raises(UsageError, match="is not encrypted"):
        managing.add(encrypted(opener=Opener()), SECOND, label="")


def test_an_encrypted_repository_gets_no_public_slot() -> None:
    with pytest.raises(UsageError, match="is encrypted"):
        managing.add(encrypted(), Opener(), label="")


class _Rival(FaultyStorage):
    """While we remove a key, somebody who opened the repository with that one removes ours."""

    victim = ""

    def delete(self, name: str) -> None:
        super().delete(name)
        if self.victim:
            own, self.victim = self.victim, ""
            for ending in ("", COPY):
                super().delete(f"{PREFIX}{Folder.KEYS}{own}{ending}")


def test_two_who_remove_each_others_keys_do_not_lock_everybody_out() -> None:
    storage = _Rival(MemoryStorage(CLOCK))
    repository = encrypted(storage)
    id = managing.add(repository, SECOND, label="", cost=CHEAP)
    storage.victim = repository.keys.access.slot
    with pytest.raises(BusyError, match="at the same time"):
        managing.remove(repository, id)
    assert _open(storage, SECOND).keys.ring == repository.keys.ring
