"""Commit records: upstream's, ours, and bad ones."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.container import document
from freezer.container.document import Base, Names, Record
from freezer.errors import DamagedError, UnknownFormat
from freezer.model.items import ItemFailure
from support.stored import key, record_of

KEY = key(1, 1_700_000_100)
NAME = "metadata/tar/h_n/1700000000/1_1700000100/metadata"
OURS = record_of(KEY, base=key(0, 1_700_000_000), failed=2)


def changed(**fields: object) -> bytes:
    """Our record with some keys below ``freezer`` replaced."""
    raw = json.loads(document.encode(OURS))
    raw["freezer"].update(fields)
    return json.dumps(raw).encode() + b"\n"


def test_upstreams_record_is_read() -> None:
    record = document.decode(b'{"engine_name": "tar", "compression": "xz", "encryption": true}', NAME)
    assert (record.engine_name, record.compression, record.cipher) == ("tar", "xz", "aes-256-cfb")
    assert record.freezer is None


def test_only_the_first_line_counts_and_foreign_keys_are_ignored() -> None:
    line = b'{"encryption": false, "image": {"id": 1}, "engine_name": "glance"}\n{"engine_name": 7'
    record = document.decode(line, NAME)
    assert (record.engine_name, record.compression, record.cipher) == ("glance", None, None)


def test_ours_carries_upstreams_keys_in_its_first_and_only_line() -> None:
    encoded = document.encode(OURS)
    assert encoded.endswith(b"}\n")
    assert encoded.count(b"\n") == 1
    raw = json.loads(encoded)
    assert (raw["engine_name"], raw["compression"], raw["encryption"]) == ("tar", "gzip", False)
    assert set(raw) == {"engine_name", "compression", "encryption", "freezer"}


def test_ours_comes_back_as_it_was_written() -> None:
    assert document.decode(document.encode(OURS), NAME) == OURS


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_damage_that_names_the_object(junk: bytes) -> None:
    with pytest.raises(DamagedError) as caught:
        document.decode(junk, NAME)
    assert NAME in caught.value.message
    assert "\n" not in caught.value.message


@given(st.data())
def test_a_flipped_byte_in_upstreams_record_is_damage_or_makes_another_record(data: st.DataObject) -> None:
    record = b'{"engine_name": "tar", "compression": "gzip", "encryption": false, "unknown": {"key": "value"}}'
    place = data.draw(st.integers(0, len(record) - 1))
    altered = record[:place] + bytes([record[place] ^ data.draw(st.integers(1, 255))]) + record[place + 1 :]
    with contextlib.suppress(DamagedError, UnknownFormat):
        document.decode(altered, NAME)


@given(st.integers(0, len(document.encode(OURS)) - 1))
def test_a_record_cut_anywhere_is_damage(length: int) -> None:
    with pytest.raises(DamagedError):
        document.decode(document.encode(OURS)[:length], NAME)


def test_a_record_that_lost_its_last_byte_or_has_more_behind_it_is_damage() -> None:
    encoded = document.encode(OURS)
    for altered in (encoded[:-1], encoded + b"\n", encoded + b"{}"):
        with pytest.raises(DamagedError, match="cut off, or something was appended"):
            document.decode(altered, NAME)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"format": 2}, "format 2"),
        ({"format": 2, "level": "of another shape"}, "format 2"),
        ({"cipher": "rot13"}, "rot13"),
        ({"mandatory_in_future": 1}, "mandatory_in_future"),
    ],
)
def test_what_a_newer_program_wrote_is_refused_in_one_line(fields: dict[str, object], word: str) -> None:
    with pytest.raises(UnknownFormat, match=word) as caught:
        document.decode(changed(**fields), NAME)
    assert NAME in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"level": -1},
        {"time": "soon"},
        {"data": {"size": 1, "sha256": "short", "plain_size": 1}},
        {"seal": {"salt": "zz", "memory": 1, "iterations": 1}},
        {"cipher": "aes-256-gcm-stream-1"},
    ],
)
def test_values_that_cannot_be_are_damage(fields: dict[str, object]) -> None:
    with pytest.raises(DamagedError):
        document.decode(changed(**fields), NAME)


def test_a_record_in_a_wrong_place_is_found_out() -> None:
    document.check_place(OURS, KEY, NAME)
    for other in (key(2, KEY.time), key(1, KEY.time + 1), key(1, KEY.time, zero=1)):
        with pytest.raises(DamagedError, match="moved or swapped"):
            document.check_place(OURS, other, NAME)


def test_the_canonical_form_is_that_of_the_record_as_read_without_its_mac() -> None:
    stored = json.loads(document.encode(document.with_mac(OURS, "AAAA")))
    assert stored["freezer"]["mac"] == "AAAA"
    shuffled = json.dumps(dict(reversed(stored.items())), indent=None).encode() + b"\n"
    assert document.canonical_bytes(document.decode(shuffled, NAME)) == document.canonical_bytes(OURS)


@pytest.mark.parametrize("path", [("engine_name",), ("compression",), ("freezer", "base", "time")])
def test_every_part_of_a_record_is_authenticated(path: tuple[str, ...]) -> None:
    raw = json.loads(document.encode(OURS))
    target = raw
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = target[path[-1]] + (1 if isinstance(target[path[-1]], int) else "x")
    tampered = document.decode(json.dumps(raw).encode() + b"\n", NAME)
    assert document.canonical_bytes(tampered) != document.canonical_bytes(OURS)


def test_associated_data_differs_for_every_place_base_and_role() -> None:
    base = Base(level=0, time=1, state_sha256="ab" * 32)
    other_base = Base(level=0, time=1, state_sha256="cd" * 32)
    bound = {
        document.associated_data(KEY, base, "data"),
        document.associated_data(KEY, base, "state"),
        document.associated_data(KEY, None, "data"),
        document.associated_data(KEY, other_base, "data"),
        document.associated_data(key(2, KEY.time), base, "data"),
        document.associated_data(key(1, KEY.time + 1), base, "data"),
        document.associated_data(key(1, KEY.time, zero=5), base, "data"),
        document.associated_data(key(1, KEY.time, name="h_m"), base, "data"),
        document.associated_data(key(1, KEY.time, engine="rsync"), base, "data"),
    }
    assert len(bound) == 9


def test_associated_data_is_fixed_for_ever() -> None:
    bound = document.associated_data(KEY, None, "data")
    assert bound == b"freezer-object-1\0data\0tar\0h_n\x001700000000\x001\x001700000100\0"


def test_the_private_part_comes_back_and_the_open_one_has_no_names() -> None:
    names = Names(source="/secret", broken_links=("a",), excluded=("b",), failed=(ItemFailure("c", "denied"),))
    assert document.decode_names(document.encode_names(names), NAME) == names
    sealed = document.encode(record_of(KEY, cipher=document.GCM_STREAM))
    assert b"/srv/data" not in sealed
    assert b"/srv/data" in document.encode(OURS)


def test_the_sealed_part_is_base64_in_the_record() -> None:
    details = OURS.freezer
    assert details is not None
    record = msgspec.structs.replace(OURS, freezer=msgspec.structs.replace(details, private=b"\xff\x00", mac="AQ=="))
    raw = json.loads(document.encode(record))
    assert (raw["freezer"]["private"], raw["freezer"]["mac"]) == ("/wA=", "AQ==")
    assert document.decode(document.encode(record), NAME) == record


def test_long_lists_are_shortened_but_failures_are_all_kept() -> None:
    failures = tuple(ItemFailure(str(n), "denied") for n in range(document.LISTED + 5))
    paths = tuple(map(str, range(document.LISTED + 5)))
    names = Names(broken_links=paths, excluded=paths, failed=failures).shortened()
    assert (len(names.broken_links), len(names.excluded)) == (document.LISTED, document.LISTED)
    assert names.failed == failures


def test_a_record_without_details_has_a_canonical_form_too() -> None:
    assert document.canonical_bytes(Record(engine_name="tar", encryption=False)) == (
        b'{"encryption":false,"engine_name":"tar"}'
    )
