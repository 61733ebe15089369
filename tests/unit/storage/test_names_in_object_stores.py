"""Names of ours as S3 and Swift can have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import PermanentError, UsageError
from freezer.storage.objects import names

BYTES = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))


@given(BYTES)
def test_any_bytes_become_utf_8_and_come_back(name):
    try:
        encoded = names.encode(name)
    except PermanentError:
        assert any(0x10F780 <= ord(char) < 0x10F800 for char in name)
        return
    encoded.encode()
    assert names.decode(encoded) == name


def test_characters_that_stand_for_bytes_are_refused():
    assert names.encode("a\udcff") == "a\U0010f7ff"
    with pytest.raises(PermanentError, match="stand for others"):
        names.encode("a\U0010f7ff")


@pytest.mark.parametrize("text", ["", "/", "a/", "/a", "a//b", "a/../b", ".."])
def test_what_names_no_container_is_refused(text):
    with pytest.raises(UsageError, match="none of Swift's: it must be CONTAINER or CONTAINER/PREFIX"):
        names.split_container(text, "Swift", "CONTAINER")


def test_a_container_and_its_prefix():
    assert names.split_container("box", "S3", "BUCKET") == ("box", "")
    assert names.split_container("box/a/b", "S3", "BUCKET") == ("box", "a/b/")
