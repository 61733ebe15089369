"""Names of objects, and documents as the format page has them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DamagedError, UnknownFormat
from freezer.repository import documents
from freezer.repository.documents import ID_SIZE, Attempt, Decision, Process, Verdict, decode, encode
from freezer.repository.ids import Ids, digest
from freezer.repository.names import Folder, Kind, is_id, is_numbered, new_id, number_of, numbered, owner_of
from freezer.testing.clock import FakeClock

PAGE = (Path(__file__).parents[3] / "docs" / "formats" / "repository.md").read_text()


def test_ids_are_unique_and_nearly_in_the_order_of_time() -> None:
    clock = FakeClock()
    ids = set()
    before = ""
    for _ in range(200):
        id = new_id(clock)
        assert is_id(id)
        assert id > before
        before = id
        ids.add(id)
        clock.advance(0.01)
    clock.set(1000.0)
    assert new_id(clock) < before


@pytest.mark.parametrize("text", ["", "a" * 25, "a" * 27, "A" * 26, "w" * 26, "a" * 25 + "/", "a" * 26 + "\n"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)


@given(st.integers(0, 10**9 - 1))
def test_numbered_names_say_whose_they_are(number: int) -> None:
    owner = "0123456789abcdefghijklmnop"
    for name in (numbered(owner, number), Folder.PACKS + numbered(owner, number)):
        assert owner_of(name) == owner
        assert number_of(name) == number
        assert is_numbered(name, owner)
        assert not is_numbered(name, owner[:-1] + "q")


@pytest.mark.parametrize("end", ["", "-", "-01", "--1", "-1x", "-1\n", "-1000000000", "-١", "-+1"])
def test_other_names_are_refused(end: str) -> None:
    name = "packs/" + "a" * 26 + end
    assert not is_numbered(name, "a" * 26)
    with pytest.raises(UnknownFormat, match="is no name that a repository has"):
        owner_of(name)


def test_the_page_has_every_kind_and_folder() -> None:
    for kind in Kind:
        assert f"`{kind}`" in PAGE
    for folder in Folder:
        assert f"`{folder}" in PAGE


def test_fields_that_we_do_not_know_yet_are_ignored_and_missing_ones_have_defaults() -> None:
    attempt = Attempt("agent", "host", "name", 1, "run", Process("boot", 2, 3), ["x"])
    plain = msgspec.msgpack.decode(encode(attempt))
    assert decode(msgspec.msgpack.encode([*plain, "later"]), Attempt, "it") == attempt
    assert decode(msgspec.msgpack.encode(plain[:4]), Attempt, "it") == Attempt("agent", "host", "name", 1)
    with pytest.raises(DamagedError, match="it is not what it should be"):
        decode(msgspec.msgpack.encode(plain[:3]), Attempt, "it")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x03\xa1x\x01", b"\x93\x01\xa1\xff\x01", b"\x93\x01\xa1x\xa1y"])
def test_a_decision_that_is_none_is_one_line(data: bytes) -> None:
    with pytest.raises(DamagedError, match="it is not what it should be") as caught:
        decode(data, Decision, "it")
    assert "\n" not in caught.value.message


def test_a_decision_is_commit_or_abort() -> None:
    assert decode(b"\x93\x02\xa1x\x01", Decision, "it").verdict is Verdict.ABORT


def test_every_document_is_an_array() -> None:
    for each in vars(documents).values():
        if isinstance(each, type) and issubclass(each, documents.Document):
            assert each.__struct_config__.array_like, each


def test_ids_of_chunks_differ_by_use_and_by_repository() -> None:
    one, other = Ids(b"1" * 32), Ids(b"2" * 32)
    data = b"the same plaintext"
    made = [identify(data) for ids in (one, other) for identify in (ids.content, ids.tree, ids.list, ids.state)]
    assert len(set(made)) == 8
    assert {len(id) for id in made} == {ID_SIZE}
    assert Ids(b"1" * 32).content(memoryview(data)) == made[0]
    assert one.seed != other.seed
    assert 0 <= one.seed < 1 << 64
    assert one.name_hash(b"name") != digest(b"name")


def test_the_page_names_the_labels_that_ids_are_made_with() -> None:
    assert set(re.findall(r'"freezer id (\w+)"', PAGE)) == {"content", "tree", "list", "state"}
