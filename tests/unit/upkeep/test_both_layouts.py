"""A backup of the old layout beside a record of today's layout that has the same key and no data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freezer.container.catalogue import read_catalogue
from freezer.container.layout import legacy_data_name, legacy_state_name, record_name
from freezer.progress import NoProgress
from freezer.retention.rules import Rules
from freezer.storage.contract import Storage
from freezer.upkeep.candidates import candidates
from freezer.upkeep.removal import execute, plan_removal
from support.stored import ZERO, key, local, put

NEW = ZERO + 100 * 86400
NOW = ZERO + 400 * 86400
OLD_KEY, NEW_KEY = key(0, ZERO), key(0, NEW, zero=NEW)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An old backup of the old layout with such a record, both last touched long ago, and a newer one of today's."""
    storage = local(tmp_path)
    put(storage, OLD_KEY, data=None, state=None)
    for name in (legacy_data_name(OLD_KEY), legacy_state_name(OLD_KEY)):
        storage.put(name, b"legacy")
    put(storage, NEW_KEY)
    for folder, _, files in os.walk(tmp_path):
        for name in files:
            os.utime(os.path.join(folder, name), (ZERO, ZERO))
    return storage


def test_a_good_backup_stays_good(storage: Storage) -> None:
    assert {item_key: item.good for item_key, item in candidates(read_catalogue(storage)).items()} == {
        OLD_KEY: True,
        NEW_KEY: True,
    }


@pytest.mark.parametrize("rules", [Rules(last=2), Rules(monthly=5), Rules(older_than=0)])
def test_it_is_kept_by_the_rules_that_keep_it(storage: Storage, rules: Rules) -> None:
    plan = plan_removal(read_catalogue(storage), rules, now=NOW)
    assert plan.remove == ()
    assert {kept for kept, _ in plan.keep} == {OLD_KEY, NEW_KEY}


def test_when_it_goes_its_own_objects_go_and_the_record_with_the_next_removal(storage: Storage) -> None:
    names = []
    for _ in range(3):
        plan = plan_removal(read_catalogue(storage), Rules(last=1), now=NOW)
        names.append([{part.name for part in removal.objects} for removal in plan.remove])
        execute(storage, plan, NoProgress())
    assert names == [[{legacy_data_name(OLD_KEY), legacy_state_name(OLD_KEY)}], [{record_name(OLD_KEY)}], []]
    assert [backup.key for backup in read_catalogue(storage).backups] == [NEW_KEY]
