import os

import msgspec
import pytest

from freezer.errors import DamagedError, PermissionDenied, UnknownFormat
from freezer.repository.documents import Epoch, PackKind
from freezer.repository.packs import layout, wraps
from freezer.repository.packs.wraps import Purpose

EPOCH = Epoch(1, os.urandom(32), os.urandom(32))
REPOSITORY = bytes(range(16))
NAME = "packs/00000000000000000000000000-0"
DATA, META = layout.head(PackKind.DATA, 1), layout.head(PackKind.META, 1)
KEY = os.urandom(32)


def wrapped(purpose: Purpose = Purpose.CONTENT, head: bytes = DATA) -> bytes:
    return wraps.wrap(KEY, EPOCH, REPOSITORY, NAME, head, purpose)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("head", [DATA, META])
def test_a_key_comes_back_out_of_its_wrap(purpose: Purpose, head: bytes) -> None:
    raw = wrapped(purpose, head)

    assert len(raw) == wraps.WRAP_SIZE
    assert wraps.unwrap(raw, EPOCH, REPOSITORY, NAME, head, purpose) == KEY


def test_the_same_key_is_never_wrapped_to_the_same_bytes() -> None:
    assert wrapped() != wrapped()


def test_no_bit_of_a_wrap_can_be_changed() -> None:
    for bit in range(wraps.WRAP_SIZE * 8):
        raw = bytearray(wrapped())
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises((DamagedError, UnknownFormat)):
            wraps.unwrap(bytes(raw), EPOCH, REPOSITORY, NAME, DATA, Purpose.CONTENT)


def test_the_wrap_of_a_pack_without_a_key_of_its_own_gives_none() -> None:
    with pytest.raises(DamagedError):
        wraps.unwrap(wraps.NO_KEY, EPOCH, REPOSITORY, NAME, DATA, Purpose.CONTENT)


@pytest.mark.parametrize(
    ("repository", "name", "head", "purpose"),
    [
        (bytes(16), NAME, META, Purpose.CONTENT),
        (REPOSITORY, NAME + "1", META, Purpose.CONTENT),
        (REPOSITORY, NAME, layout.head(PackKind.META, 2), Purpose.CONTENT),
        (REPOSITORY, NAME, META, Purpose.FOOTER),
    ],
)
def test_a_wrap_serves_only_where_it_was_made_for(repository: bytes, name: str, head: bytes, purpose: Purpose) -> None:
    with pytest.raises(DamagedError):
        wraps.unwrap(wrapped(head=META), EPOCH, repository, name, head, purpose)


def test_who_has_only_metadata_keys_opens_footers_and_metadata_but_no_content() -> None:
    maintainer = msgspec.structs.replace(EPOCH, data=b"")

    assert wraps.unwrap(wrapped(Purpose.FOOTER), maintainer, REPOSITORY, NAME, DATA, Purpose.FOOTER) == KEY
    assert wraps.unwrap(wrapped(head=META), maintainer, REPOSITORY, NAME, META, Purpose.CONTENT) == KEY
    with pytest.raises(PermissionDenied):
        wraps.unwrap(wrapped(), maintainer, REPOSITORY, NAME, DATA, Purpose.CONTENT)


def test_the_content_of_data_packs_is_not_wrapped_under_the_metadata_key() -> None:
    swapped = msgspec.structs.replace(EPOCH, data=EPOCH.metadata)
    with pytest.raises(DamagedError):
        wraps.unwrap(wrapped(), swapped, REPOSITORY, NAME, DATA, Purpose.CONTENT)


def test_a_wrap_to_a_public_key_is_unknown_not_damaged() -> None:
    with pytest.raises(UnknownFormat):
        wraps.unwrap(b"\2" + wrapped()[1:], EPOCH, REPOSITORY, NAME, DATA, Purpose.CONTENT)
