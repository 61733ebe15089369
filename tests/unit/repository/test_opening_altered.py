"""What opens a repository has copies, and was damaged, or altered by somebody who knows no secret."""

from __future__ import annotations

import os

import msgspec
import pytest

from freezer.crypto import primitives
from freezer.errors import (
    DamagedError,
    DataError,
    PassphraseError,
)
from freezer.repository import config as configs
from freezer.repository import envelope
from freezer.repository.access import founding, managing
from freezer.repository.access.founding import Opener
from freezer.repository.config import Decider
from freezer.repository.documents import Epoch, Ring
from freezer.repository.ids import digest
from freezer.repository.keys import slots
from freezer.repository.keys.slots import Purpose
from freezer.repository.names import CONFIG, CONFIG_COPY, COPY, PREFIX, Folder, Kind, new_id, numbered
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.testing.memory import MemoryStorage
from support.founded import NOBODY, flip, in_memory, names, silent
from support.indexing import CHEAP, CLOCK, PASSPHRASE, encrypted


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("damage", ["missing", "empty", "flipped", "cut"])
def test_any_one_damaged_object_leaves_the_repository_usable(which: int, damage: str) -> None:
    storage = in_memory()
    made = encrypted(storage)
    name = sorted(storage.objects)[which]
    data = storage.objects[name]
    if damage == "missing":
        del storage.objects[name]
    else:
        flipped = data[:-4] + bytes([data[-4] ^ 1]) + data[-3:]
        storage.objects[name] = {"empty": b"", "flipped": flipped, "cut": data[: len(data) // 2]}[damage]
    assert founding.exists(storage)
    notices: list[str] = []
    opened = founding.open_(storage, CLOCK, PASSPHRASE, notices.append)
    assert opened.keys.ring == made.keys.ring
    assert opened.config == made.config
    assert len(storage.objects) in (5, 6)


def test_every_byte_of_the_config_is_covered() -> None:
    storage = in_memory()
    made = encrypted(storage)
    good = storage.objects[PREFIX + CONFIG]
    for at in range(len(good)):
        flip(storage, PREFIX + CONFIG, at)
        notices: list[str] = []
        assert founding.open_(storage, CLOCK, PASSPHRASE, notices.append).config == made.config
        assert notices, f"byte {at} was altered, and nobody noticed"
        storage.objects[PREFIX + CONFIG] = good


def test_a_config_that_is_altered_in_both_copies_is_refused() -> None:
    storage = in_memory()
    made = encrypted(storage)
    weaker = msgspec.structs.replace(made.config, decider=Decider.MARKERS)
    for name in (CONFIG, CONFIG_COPY):
        storage.objects[PREFIX + name] = configs.write(weaker)
    with pytest.raises(DamagedError, match="the config of the repository in memory: was changed"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


def test_the_newest_ring_that_can_be_read_counts() -> None:
    storage = in_memory()
    made = encrypted(storage)
    access = made.keys.access
    newer = msgspec.structs.replace(made.keys.ring, epochs=[*made.keys.ring.epochs, Epoch(2, b"d" * 32, b"m" * 32)])
    name = Folder.RINGS + numbered(access.ring, 10)
    sealed = envelope.seal(access.role_key.reveal(), made.id, Kind.RING, name, newer, epoch=0)
    storage.put(PREFIX + name, sealed)
    assert founding.open_(storage, CLOCK, PASSPHRASE, silent).keys.newest.number == 2
    flip(storage, PREFIX + name)
    notices: list[str] = []
    assert founding.open_(storage, CLOCK, PASSPHRASE, notices.append).keys.newest.number == 1
    assert len(notices) == 1
    assert name in notices[0]


def test_things_of_others_among_keys_and_rings_are_in_nobodys_way() -> None:
    storage = in_memory()
    encrypted(storage)
    for name in ("keys/README", "rings/README", "rings/x-1", f"rings/{'0' * 26}-1", f"keys/{'0' * 26}"):
        storage.put(PREFIX + name, b"{}")
    notices: list[str] = []
    founding.open_(storage, CLOCK, PASSPHRASE, notices.append)
    assert len(notices) == 2


def test_no_secret_is_in_an_object_or_a_representation() -> None:
    storage = in_memory()
    made = encrypted(storage)
    secrets = [made.keys.access.role_key.reveal(), made.keys.ring.identity, made.keys.newest.metadata, b"correct horse"]
    for data in [*storage.objects.values(), repr(made.keys.access).encode()]:
        for secret in secrets:
            assert secret not in data
            assert secret.hex().encode() not in data


def test_copies_of_slots_are_sealed_for_the_first_name() -> None:
    storage = in_memory()
    encrypted(storage)
    first, copy = names(storage, Folder.KEYS)
    assert copy == first + COPY
    assert storage.objects[first] == storage.objects[copy]


def _plant(storage: MemoryStorage, repository: bytes, *, public: bool) -> bytes:
    """A slot and a ring of somebody else's; that one's metadata key."""
    role_key, slot_id, ring_id = os.urandom(32), new_id(CLOCK), new_id(CLOCK)
    keys = [os.urandom(32) for _ in range(4)]
    ring = Ring(
        "owner",
        digest(storage.objects[PREFIX + CONFIG]),
        public,
        keys[0],
        [Epoch(1, keys[1], keys[2])],
        primitives.signing_key(keys[3])[1],
        keys[3],
    )
    name = Folder.RINGS + numbered(ring_id, 1)
    storage.put(PREFIX + name, envelope.seal(role_key, repository, Kind.RING, name, ring, epoch=0))
    slot = Folder.KEYS + slot_id
    purpose = Purpose(repository, slot, "owner", ring_id, "", "2026-11-21T00:00:00Z")
    storage.put(PREFIX + slot, slots.write(slots.in_clear(role_key, purpose)))
    return keys[2]


@pytest.mark.parametrize("public", [True, False])
def test_a_planted_public_slot_opens_nothing(public: bool) -> None:
    storage = in_memory()
    made = encrypted(storage)
    _plant(storage, made.id, public=public)
    with pytest.raises(PassphraseError, match="is encrypted"):
        founding.open_(storage, CLOCK, NOBODY, silent)
    assert founding.open_(storage, CLOCK, PASSPHRASE, silent).keys.ring == made.keys.ring


def test_who_also_rewrites_the_config_is_noticed_by_everybody_with_a_passphrase() -> None:
    storage = in_memory()
    made = encrypted(storage)
    for name in (CONFIG, CONFIG_COPY):
        storage.objects[PREFIX + name] = configs.write(msgspec.structs.replace(made.config, encrypted=False))
    _plant(storage, made.id, public=True)
    with pytest.raises(PassphraseError, match="is not encrypted, though a passphrase is given"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


def test_a_slot_of_another_repository_does_not_open_this_one() -> None:
    storage, other = in_memory(), in_memory()
    encrypted(storage)
    encrypted(other)
    for name in names(other, Folder.KEYS) + names(other, Folder.RINGS):
        storage.put(name, other.objects[name])
    for name in names(storage, Folder.KEYS):
        if name not in other.objects:
            storage.delete(name)
    with pytest.raises(PassphraseError, match="no slot"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


def test_a_slot_that_would_cost_gigabytes_is_not_tried() -> None:
    storage = in_memory()
    encrypted(storage)
    for name in names(storage, Folder.KEYS):
        slot = slots.parse(storage.objects[name], name)
        dear = msgspec.structs.replace(slot.derivation, memory=1 << 24)
        storage.put(PREFIX + Folder.KEYS + new_id(CLOCK), slots.write(msgspec.structs.replace(slot, derivation=dear)))
    notices: list[str] = []
    founding.open_(storage, CLOCK, PASSPHRASE, notices.append)
    assert len(notices) == 2
    assert all("costs more than this program spends" in line for line in notices)


def test_a_public_slot_whose_ring_says_otherwise_is_not_used() -> None:
    storage = in_memory()
    made = encrypted(storage, NOBODY)
    for name in names(storage, Folder.KEYS):
        storage.delete(name)
    _plant(storage, made.id, public=False)
    with pytest.raises(DamagedError, match="was put there by nobody who owns the repository"):
        founding.open_(storage, CLOCK, NOBODY, silent)


def _replace_rings(storage: MemoryStorage, made: Repository, **change: object) -> None:
    access = made.keys.access
    ring = msgspec.structs.replace(made.keys.ring, **change)
    for name in (name.removeprefix(PREFIX) for name in names(storage, Folder.RINGS)):
        storage.put(PREFIX + name, envelope.seal(access.role_key.reveal(), made.id, Kind.RING, name, ring, epoch=0))


@pytest.mark.parametrize(
    "change",
    [
        {"role": "king"},
        {"epochs": []},
        {"epochs": [Epoch(1, b"short", b"m" * 32)]},
        {"identity": b""},
        {"authority": b""},
        {"authority_seed": b"short"},
    ],
)
def test_a_ring_without_the_keys_that_it_should_have_is_refused(change: dict[str, object]) -> None:
    storage = in_memory()
    _replace_rings(storage, encrypted(storage), **change)
    with pytest.raises(DataError, match=r"lacks keys|does not know"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


@pytest.mark.parametrize("missing", [False, True])
def test_a_lost_ring_is_not_said_to_be_a_wrong_passphrase(missing: bool) -> None:
    storage = in_memory()
    made = encrypted(storage)
    managing.add(made, Opener(Secret(b"another")), label="", cost=CHEAP)
    for name in names(storage, Folder.RINGS):
        if missing:
            storage.delete(name)
        else:
            flip(storage, name)
    with pytest.raises(DamagedError, match="lacks the ring" if missing else "is damaged"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)


def test_without_any_slot_the_repository_is_said_to_be_damaged() -> None:
    storage = in_memory()
    encrypted(storage)
    for name in names(storage, Folder.KEYS):
        storage.delete(name)
    with pytest.raises(DamagedError, match="has no slot that can be read"):
        founding.open_(storage, CLOCK, PASSPHRASE, silent)
