"""Names of objects, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.container import layout
from freezer.container.layout import BackupKey, SetId
from freezer.errors import UsageError
from freezer.storage.contract import check_name

part = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8).filter(lambda p: p not in (".", ".."))
numbers = st.integers(0, 2**40)
keys = st.builds(
    BackupKey,
    st.builds(SetId, part, st.lists(part, min_size=1, max_size=3).map("/".join)),
    numbers,
    numbers,
    numbers,
)


@given(keys)
def test_every_name_of_a_backup_leads_back_to_it(key: BackupKey) -> None:
    assert layout.parse_record_name(check_name(layout.record_name(key))) == key
    assert layout.parse_data_name(check_name(layout.data_name(key))) == (key, "data")
    assert layout.parse_data_name(check_name(layout.state_name(key))) == (key, "state")
    assert layout.parse_data_name(check_name(layout.segment_name(key, 7))) == (key, "segment")
    assert layout.parse_data_name(check_name(layout.segment_name(key, 7, "a1"))) == (key, "segment")
    assert layout.parse_data_name(check_name(layout.claim_name(key, "a1"))) == (key, "claim")
    assert layout.claim_name(key, "a1").startswith(layout.below(key))


@given(part, numbers, numbers, numbers)
def test_legacy_names_lead_back_too(name: str, zero: int, level: int, time: int) -> None:
    key = BackupKey(SetId("tar", name), zero, level, time)
    assert layout.parse_legacy_name(layout.legacy_data_name(key)) == (key, "data")
    assert layout.parse_legacy_name(layout.legacy_state_name(key)) == (key, "state")


def test_the_names_are_upstreams() -> None:
    key = BackupKey(SetId.of("tar", "web1", "etc"), 1795229880, 2, 1795229892)
    assert layout.record_name(key) == "metadata/tar/web1_etc/1795229880/2_1795229892/metadata"
    assert layout.data_name(key) == "data/tar/web1_etc/1795229880/2_1795229892/data"
    assert layout.state_name(key) == "data/tar/web1_etc/1795229880/2_1795229892/engine_metadata"
    assert layout.segment_name(key, 10) == "data/tar/web1_etc/1795229880/2_1795229892/segments/00000010"
    assert layout.legacy_data_name(key) == "web1_etc/1795229880/web1_etc_1795229892_2"
    assert layout.legacy_state_name(key) == "web1_etc/1795229880/tar_metadata_web1_etc_1795229892_2"
    assert key.id == "web1_etc_1795229892_2"


@pytest.mark.parametrize(
    "name",
    [
        "metadata/tar/h_n/17x/0_17/metadata",
        "metadata/tar/h_n/17/0-17/metadata",
        "metadata/tar/h_n/17/0_17/metadata.old",
        "metadata/tar/h_n/017/0_17/metadata",
        "metadata/tar/h_n/17/0_+17/metadata",
        "metadata/tar/h_n/17/0_٣/metadata",
        "metadata/tar/17/0_17/metadata",
        "metadata/tar/h_n/17/0_17/metadata\n",
        "data/tar/h_n/17/0_17/metadata",
    ],
)
def test_a_name_that_is_not_quite_a_record_is_none(name: str) -> None:
    assert layout.parse_record_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["data/tar/h_n/17/0_17/data.headers.json", "data/tar/h_n/17/0_17/segments/1", "data/tar/h_n/17/0_17/x/00000001"],
)
def test_foreign_objects_beside_data_are_nothing_of_a_backup(name: str) -> None:
    assert layout.parse_data_name(name) is None


def test_a_legacy_name_must_repeat_its_directory() -> None:
    assert layout.parse_legacy_name("h_n/17/h_m_17_0") is None


@pytest.mark.parametrize("backup_name", ["", "a//b", "a/../b", "a/.", "/", "a\0b", "caf\udce9"])
def test_a_backup_name_that_cannot_be_filed_is_refused(backup_name: str) -> None:
    name = backup_name or "/"
    with pytest.raises(UsageError, match="cannot be stored"):
        SetId.of("tar", "host", name)


def test_a_set_is_held_under_its_own_name_only() -> None:
    assert layout.hold_name(SetId("tar", "h_n")) != layout.hold_name(SetId("tar", "h_n2"))
    assert check_name(layout.hold_name(SetId("tar", "h_n")))
