"""Repositories: made, opened, refused; several inits at once, and such as die."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import msgspec
import pytest

from freezer.errors import (
    ContainerError,
    DamagedError,
    DataError,
    ObjectExists,
    PassphraseError,
    UnknownFormat,
    UsageError,
)
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.config import Decider
from freezer.repository.keys import slots
from freezer.repository.names import CONFIG, CONFIG_COPY, PREFIX, Folder
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.storage.contract import Buffer, Capabilities
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Died, Fault, FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.founded import NOBODY, in_memory, names, silent
from support.indexing import CHEAP, CLOCK, PASSPHRASE, encrypted


@pytest.mark.parametrize("opener", [PASSPHRASE, Opener(Secret(os.urandom(32)), machine=True), NOBODY])
def test_a_repository_opens_with_what_it_was_made_with(opener: Opener) -> None:
    storage = in_memory()
    made = encrypted(storage, opener)
    opened = founding.open_(storage, CLOCK, opener, silent)
    assert opened.config == made.config
    assert opened.keys.ring == made.keys.ring
    assert opened.keys.access == made.keys.access
    assert opened.keys.encrypted == opened.config.encrypted == (opener.secret is not None)


@pytest.mark.parametrize("other", [Opener(Secret(b"correct horse ")), Opener(Secret(b"x" * 20), machine=True)])
def test_a_wrong_passphrase_opens_nothing(other: Opener) -> None:
    storage = in_memory()
    encrypted(storage)
    with pytest.raises(PassphraseError, match="no slot of the repository in memory: opens with this passphrase"):
        founding.open_(storage, CLOCK, other, silent)


def test_a_missing_passphrase_is_said_to_be_missing() -> None:
    storage = in_memory()
    encrypted(storage)
    with pytest.raises(PassphraseError, match="is encrypted"):
        founding.open_(storage, CLOCK, NOBODY, silent)


def test_a_passphrase_for_what_is_not_encrypted_is_refused() -> None:
    storage = in_memory()
    encrypted(storage, NOBODY)
    with pytest.raises(PassphraseError, match="is not encrypted, though a passphrase is given"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(UsageError, match="empty"):
        encrypted(opener=Opener(Secret(b"")))


def test_a_short_machine_secret_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 16 bytes"):
        encrypted(opener=Opener(Secret(b"too short"), machine=True))


def test_where_nothing_is_nothing_opens() -> None:
    for storage in (in_memory(), MemoryStorage(CLOCK, prepared=False)):
        assert not founding.exists(storage)
    with pytest.raises(ContainerError, match="there is no repository in memory:"):
        founding.open_(in_memory(), CLOCK, PASSPHRASE, silent)


def test_there_is_one_repository_in_a_container() -> None:
    storage = in_memory()
    encrypted(storage)
    before = dict(storage.objects)
    with pytest.raises(ContainerError, match="has a repository already"):
        encrypted(storage)
    assert storage.objects == before


def test_a_backup_of_another_kind_in_the_container_is_no_repository() -> None:
    storage = in_memory()
    storage.put("tar/data/host_name/1/2/data", b"x")
    assert not founding.exists(storage)
    encrypted(storage)
    assert storage.objects["tar/data/host_name/1/2/data"] == b"x"


class _Meeting(FaultyStorage):
    """Those who have found nothing wait for one another before they go on."""

    def __init__(self, inner: MemoryStorage, parties: int) -> None:
        super().__init__(inner)
        self._barrier = threading.Barrier(parties)

    def put_new(self, name: str, data: Buffer) -> None:
        if name == PREFIX + CONFIG_COPY:
            self._barrier.wait()
        super().put_new(name, data)


@pytest.mark.parametrize("kinds", [(PASSPHRASE, PASSPHRASE), (PASSPHRASE, NOBODY), (NOBODY, NOBODY)])
def test_of_two_inits_at_once_one_succeeds_and_its_repository_opens(kinds: tuple[Opener, Opener]) -> None:
    inner = in_memory()
    storage = _Meeting(inner, 2)
    made: list[Repository] = []
    refused: list[Exception] = []

    def init(opener: Opener) -> None:
        try:
            made.append(founding.init(storage, FakeClock(), Plan(opener, cost=CHEAP)))
        except ContainerError as error:
            refused.append(error)

    threads = [threading.Thread(target=init, args=(opener,)) for opener in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 1)
    opener = PASSPHRASE if made[0].keys.encrypted else NOBODY
    assert founding.open_(inner, CLOCK, opener, silent).keys.ring == made[0].keys.ring
    assert inner.objects[PREFIX + CONFIG] == inner.objects[PREFIX + CONFIG_COPY]


class _Weak(MemoryStorage):
    """``put_new`` looks, and then puts."""

    def __init__(self) -> None:
        super().__init__(CLOCK)
        self.meet: threading.Barrier | None = None

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, create_once=False)

    def put_new(self, name: str, data: Buffer) -> None:
        taken = name in self.objects
        if self.meet is not None:
            self.meet.wait()
        if taken:
            raise ObjectExists("taken")
        self.put(name, data)


def test_where_nothing_is_created_once_two_inits_never_both_succeed() -> None:
    for _ in range(20):
        storage = _Weak()
        storage.meet = threading.Barrier(2)
        made: list[Repository] = []

        def init(storage: _Weak = storage, made: list[Repository] = made) -> None:
            try:
                made.append(founding.init(storage, FakeClock(), Plan(PASSPHRASE, cost=CHEAP)))
            except ContainerError:
                if storage.meet is not None:
                    storage.meet.abort()
            except threading.BrokenBarrierError:
                pass

        threads = [threading.Thread(target=init) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) <= 1


def test_the_stronger_decider_is_taken_unless_told_otherwise() -> None:
    assert encrypted().config.decider is Decider.CREATE_ONCE
    assert encrypted(_Weak()).config.decider is Decider.MARKERS
    with pytest.raises(UsageError, match="cannot decide by create-once"):
        founding.init(_Weak(), CLOCK, Plan(NOBODY, decider=Decider.CREATE_ONCE))


@pytest.mark.parametrize("opener", [PASSPHRASE, NOBODY])
@pytest.mark.parametrize("after", [False, True])
def test_an_init_that_dies_anywhere_is_in_nobodys_way(opener: Opener, after: bool) -> None:
    counting = FaultyStorage(in_memory())
    founding.init(counting, CLOCK, Plan(opener, cost=CHEAP))
    for at in range(1, len(counting.calls) + 1):
        inner = in_memory()
        with suppress(Died):  # not if the call fails that it dies after
            founding.init(FaultyStorage(inner, [Fault.death(at=at, after=after)]), CLOCK, Plan(opener, cost=CHEAP))
        if not founding.exists(inner):
            encrypted(inner, opener)
        notices: list[str] = []
        repository = founding.open_(inner, CLOCK, opener, notices.append)
        assert repository.keys.encrypted == (opener is PASSPHRASE)


def test_an_init_after_one_that_died_between_the_copies_of_the_config_puts_the_other() -> None:
    storage = in_memory()
    encrypted(storage)
    written = storage.objects.pop(PREFIX + CONFIG)
    with pytest.raises(ContainerError, match="has a repository already"):
        encrypted(storage)
    assert storage.objects[PREFIX + CONFIG] == written
    founding.open_(storage, CLOCK, PASSPHRASE, silent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "is of version 2; this program knows version 1"),
        ({"format": "freezer archive"}, "describes a 'freezer archive'"),
        ({"cipher": "rot13"}, "uses rot13"),
        ({"decider": "dice"}, "a setting that this program does not know"),
        ({"seal_twice": True}, "a setting that this program does not know"),
        ({"repository": "../../etc"}, "32 hexadecimal digits"),
        ({"chunker": {"least": 1, "average": 2, "most": 3}}, "cuts chunks of 1 to 3 bytes"),
        ({"chunker": {"algorithm": "fastcdc-2031"}}, "fastcdc-2031"),
    ],
)
def test_what_we_do_not_know_is_fatal_with_one_line(change: dict[str, object], message: str) -> None:
    storage = in_memory()
    encrypted(storage)
    document = msgspec.json.decode(storage.objects[PREFIX + CONFIG]) | change
    for name in (CONFIG, CONFIG_COPY):
        storage.objects[PREFIX + name] = msgspec.json.encode(document)
    with pytest.raises(DataError) as caught:
        founding.open_(storage, CLOCK, PASSPHRASE, silent)
    assert message in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"role": "king"},
        {"ring": "../config"},
        {"unknown": 1},
        {"sealed": "zz"},
        {"sealed": "00"},
        {"nonce": ""},
        {"derivation": {"name": "scrypt"}},
        {"derivation": {"name": "argon2id", "memory": 64, "passes": 1, "lanes": 1, "salt": ""}},
        {"derivation": {"name": "argon2id", "memory": 64, "passes": 100, "lanes": 1, "salt": "00" * 16}},
        {"derivation": {"name": "argon2id", "memory": 1, "passes": 1, "lanes": 1, "salt": "00" * 16}},
        {"derivation": {"name": "argon2id", "memory": 64, "passes": 1, "lanes": 0, "salt": "00" * 16}},
        {"derivation": {"name": "public"}},
    ],
)
def test_a_slot_that_we_do_not_know_is_refused_with_one_line(change: dict[str, object]) -> None:
    storage = in_memory()
    encrypted(storage)
    name = names(storage, Folder.KEYS)[0]
    document = msgspec.json.decode(storage.objects[name]) | change
    with pytest.raises((DamagedError, UnknownFormat)) as caught:
        slots.parse(msgspec.json.encode(document), name)
    assert "\n" not in caught.value.message
