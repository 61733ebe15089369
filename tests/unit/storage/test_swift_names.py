"""Names of segments, and what manifests say of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import PermanentError
from freezer.storage.swift import names
from freezer.storage.swift.large import MANIFEST, SIZES, Segments, manifest_headers, manifest_target

NONCE = "0123456789abcdef"


@pytest.mark.parametrize("name", ["data", "a/b/data", "state", "a/b/state", "a/data/x", "segments/x", "a.b/c.d"])
def test_a_segment_leads_back_to_its_object(name):
    folder = names.segment_folder(name, NONCE)
    assert names.segment_place(f"{folder}/00000012") == (name, folder, 12)
    with pytest.raises(PermanentError, match="keeps for itself"):
        names.check_free(f"{folder}/00000012")


def test_segments_of_the_original_belong_to_the_stream_beside_them():
    assert names.segment_place("data/tar/h_n/1/0_1/segments/00000000") == (
        "data/tar/h_n/1/0_1/data",
        "data/tar/h_n/1/0_1/segments",
        0,
    )


@pytest.mark.parametrize("name", ["segments", "segments/1", "a/segments/0000000x", "segmentsx/00000000", "a/00000000"])
def test_other_names_are_no_segments(name):
    assert names.segment_place(name) is None
    assert names.check_free(name) == name


def test_names_that_are_too_long_are_refused():
    assert names.check_free("x" * 1024)
    with pytest.raises(PermanentError, match="too long"):
        names.check_free("ü" * 513)


@pytest.mark.parametrize("container", ["box", "with blank", "hundred%25", "ünï"])
def test_a_manifest_names_the_folder_of_its_segments(container):
    headers = manifest_headers(container, "a/b c/segments-1", [5, 5, 5, 2])
    assert headers[MANIFEST].isascii()
    assert manifest_target(headers) == (container, "a/b c/segments-1")
    assert headers[SIZES] == "5*3 2*1"


def test_an_ordinary_manifest_is_written_as_the_original_writes_it():
    headers = manifest_headers("box", "data/tar/h_n/1/0_1/segments", [1])
    assert headers[MANIFEST] == "box/data/tar/h_n/1/0_1/segments"


def test_sizes_that_do_not_fit_into_a_header_are_left_out():
    assert SIZES not in manifest_headers("box", "a", list(range(1, 200)))


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(0, 80), st.none() | st.integers(0, 80))
def test_any_range_is_put_together_from_the_right_parts(sizes, offset, length):
    parts = {f"p{number}": bytes([number]) * size for number, size in enumerate(sizes)}
    whole = b"".join(parts.values())
    segments = Segments("box", tuple((name, len(data)) for name, data in parts.items()))
    found = b"".join(parts[name][at : at + many] for name, at, many, _ in segments.between(offset, length))
    assert found == whole[offset : None if length is None else offset + length]
