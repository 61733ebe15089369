"""Documents as objects: sealed for one name, and nothing else passes for them."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.crypto import primitives
from freezer.errors import DamagedError, DataError, UnknownFormat
from freezer.repository import envelope
from freezer.repository.documents import Condemned, Hold, encode
from freezer.repository.names import Kind
from freezer.stream.zstandard import zstd

KEY, REPOSITORY, NAME = bytes(range(32)), b"R" * 16, "gc/0123456789abcdefghijklmnop-0"
SMALL = Condemned(["packs/a-0"], "")
LARGE = Condemned([f"packs/a-{number}" for number in range(200)], "")


def _seal(document: Condemned, key: bytes = KEY, **place: str) -> bytes:
    return envelope.seal(key, REPOSITORY, Kind.CONDEMNED, place.get("name", NAME), document, epoch=3)


def _open(data: bytes, key: bytes = KEY) -> Condemned:
    return envelope.open_(key, REPOSITORY, Kind.CONDEMNED, NAME, data, Condemned)


@given(st.lists(st.text(max_size=40), max_size=60), st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_was_sealed_is_opened(packs: list[str], previous: str) -> None:
    try:
        document = Condemned(packs, previous)
        data = _seal(document)
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert _open(data) == document
    assert envelope.epoch_of(data, NAME) == 3


def test_the_same_document_never_gives_the_same_bytes() -> None:
    assert _seal(SMALL) != _seal(SMALL)


def test_large_documents_are_compressed() -> None:
    assert len(_seal(LARGE)) < len(encode(LARGE)) / 4


@pytest.mark.parametrize("document", [SMALL, LARGE])
def test_any_flipped_bit_is_noticed(document: Condemned) -> None:
    data = _seal(document)
    bits = range(len(data) * 8) if document is SMALL else random.Random(1).sample(range(len(data) * 8), 1500)
    for bit in bits:
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DataError):
            _open(bytes(altered))


def test_any_shorter_or_longer_object_is_noticed() -> None:
    data = _seal(SMALL)
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            _open(data[:length])
    with pytest.raises(DamagedError):
        _open(data + b"\0")


def test_nothing_passes_for_another_object() -> None:
    data = _seal(SMALL)
    other = "gc/0123456789abcdefghijklmnop-1"
    attempts = [
        (KEY, REPOSITORY, Kind.CONDEMNED, other),
        (KEY, REPOSITORY, Kind.HOLD, NAME),
        (KEY, b"S" * 16, Kind.CONDEMNED, NAME),
        (bytes(32), REPOSITORY, Kind.CONDEMNED, NAME),
    ]
    for key, repository, kind, name in attempts:
        with pytest.raises(DamagedError, match="damaged, or is not what is expected there"):
            envelope.open_(key, repository, kind, name, data, Condemned)


def test_another_version_is_fatal_with_one_line() -> None:
    data = bytearray(_seal(SMALL))
    data[8] = 2
    with pytest.raises(UnknownFormat, match="is of version 2; this program knows version 1"):
        _open(bytes(data))


def _by_hand(content: bytes) -> bytes:
    """An envelope as the format page has it, with any content."""
    head = b"\x89FZREPO\n" + bytes([1, 0, 0, 0]) + (3).to_bytes(4, "big")
    nonce = os.urandom(12)
    associated = b"freezer repository 1\0" + REPOSITORY + b"condemned\0" + NAME.encode() + head
    key = primitives.expand(KEY, b"freezer object condemned\0" + NAME.encode())
    return head + nonce + primitives.seal(key, nonce, content, associated)


def test_an_envelope_made_by_hand_from_the_page_opens() -> None:
    assert _open(_by_hand(b"\0" + encode(SMALL))) == SMALL
    assert _open(_by_hand(b"\1" + zstd.compress(encode(LARGE), 3))) == LARGE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\2abc",
        b"\0" + encode(Hold("a", 1, "b")),
        b"\0\x91\x91\x01",
        b"\0" + b"\x91" * 100_000,
        b"\1",
        b"\1nothing that was compressed",
        b"\1" + zstd.compress(encode(LARGE), 3)[:-1],
        b"\1" + zstd.compress(encode(LARGE), 3) + b"x",
        b"\1" + zstd.compress(b"\0" * 2_000_000, 3),
    ],
)
def test_content_that_cannot_be_is_one_line(content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        _open(_by_hand(content))
    assert "\n" not in caught.value.message
    assert NAME in caught.value.message


def test_a_frame_that_claims_too_much_is_not_expanded() -> None:
    frame = zstd.compress(bytes(1000), 3)
    with pytest.raises(DamagedError, match="claims a content of 1000 bytes"):
        envelope.expand(frame, 999, "it")
    assert envelope.expand(frame, 1000, "it") == bytes(1000)


def test_a_frame_that_does_not_say_how_long_it_is_is_refused() -> None:
    compressor = zstd.ZstdCompressor()
    frame = compressor.compress(b"abc") + compressor.flush()
    with pytest.raises(DamagedError, match="claims a content of None bytes"):
        envelope.expand(frame, 100, "it")
