import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.crypto import primitives
from freezer.crypto.primitives import TAG_SIZE, Cipher

KEY, NONCE = os.urandom(32), os.urandom(12)


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_sealing_into_a_buffer_gives_what_sealing_gives(plain: bytes, associated: bytes) -> None:
    sealed = bytearray(len(plain) + TAG_SIZE)
    Cipher(KEY).seal_into(NONCE, plain, associated, sealed)
    opened = bytearray(len(plain))

    assert sealed == primitives.seal(KEY, NONCE, plain, associated)
    assert Cipher(KEY).unseal_into(NONCE, sealed, associated, opened)
    assert bytes(opened) == Cipher(KEY).unseal(NONCE, sealed, associated) == plain


@given(st.integers(0, 8 * 26 - 1))
def test_no_bit_can_be_changed(bit: int) -> None:
    sealed = bytearray(primitives.seal(KEY, NONCE, b"ten bytes.", b""))
    sealed[bit // 8] ^= 1 << bit % 8

    assert not Cipher(KEY).unseal_into(NONCE, sealed, b"", bytearray(10))
    assert Cipher(KEY).unseal(NONCE, sealed, b"") is None


@pytest.mark.parametrize(
    ("key", "nonce", "associated"),
    [(bytes(32), NONCE, b""), (KEY, bytes(12), b""), (KEY, NONCE, b"x")],
    ids=["key", "nonce", "associated data"],
)
def test_nothing_opens_with_another_key_nonce_or_associated_data(key: bytes, nonce: bytes, associated: bytes) -> None:
    sealed = primitives.seal(KEY, NONCE, b"ten bytes.", b"")

    assert not Cipher(key).unseal_into(nonce, sealed, associated, bytearray(10))
    assert Cipher(key).unseal(nonce, sealed, associated) is None


def test_what_is_shorter_than_a_tag_does_not_open() -> None:
    assert not Cipher(KEY).unseal_into(NONCE, b"short", b"", bytearray(0))
    assert Cipher(KEY).unseal(NONCE, b"short", b"") is None
