"""What a check says of slots and rings."""

from __future__ import annotations

import pytest

from freezer.repository.access import checking, managing
from freezer.repository.names import COPY, PREFIX, Folder
from freezer.repository.store import Repository
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK, encrypted


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(CLOCK)


@pytest.fixture
def repository(storage: MemoryStorage) -> Repository:
    return encrypted(storage)


def _keys(storage: MemoryStorage) -> list[str]:
    """Names of what opens the repository."""
    return [name for name in storage.objects if name.startswith((PREFIX + Folder.KEYS, PREFIX + Folder.RINGS))]


def test_nothing_is_wrong_with_a_new_repository(repository: Repository) -> None:
    assert list(checking.problems(repository)) == []


def test_any_flipped_bit_is_noticed(repository: Repository, storage: MemoryStorage) -> None:
    for name in _keys(storage):
        good = storage.objects[name]
        for at in range(0, len(good), 7):
            storage.objects[name] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            assert list(checking.problems(repository)), f"byte {at} of {name}"
            storage.objects[name] = good


def test_a_missing_object_is_named(repository: Repository, storage: MemoryStorage) -> None:
    assert len(_keys(storage)) == 4
    for name in _keys(storage):
        good = storage.objects.pop(name)
        ((named, reason),) = checking.problems(repository)
        assert "missing" in reason
        assert named.split("-")[0] == name.removeprefix(PREFIX).split("-")[0]
        storage.objects[name] = good


def test_what_an_init_left_behind_that_died_between_two_copies_of_its_slot_is_no_problem(
    repository: Repository, storage: MemoryStorage
) -> None:
    dead = MemoryStorage(CLOCK)
    encrypted(dead)
    left = {name: dead.objects[name] for name in _keys(dead) if PREFIX + Folder.KEYS not in name or name.endswith(COPY)}
    assert len(left) == 3
    storage.objects.update(left)
    assert list(checking.problems(repository)) == []


def test_copies_that_differ_are_named_and_a_change_made_in_both_is_not_seen(
    repository: Repository, storage: MemoryStorage
) -> None:
    id = repository.keys.access.slot
    name = f"{PREFIX}{Folder.KEYS}{id}"
    slot = dict(managing.slots_of(repository))[id]
    assert slot is not None
    storage.objects[name] = storage.objects[name].replace(b'"label": ""', b'"label": "home"')
    assert list(checking.problems(repository)) == [
        (f"{Folder.KEYS}{id}{COPY}", f"it differs from {name}: one of the two is damaged")
    ]
