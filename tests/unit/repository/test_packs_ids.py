import hashlib
import hmac

import blake3
from hypothesis import given
from hypothesis import strategies as st

from freezer.repository.ids import Ids
from freezer.repository.packs.use import Use, identifiers


def hkdf(key: bytes, label: bytes) -> bytes:
    """RFC 5869 with SHA-256, an empty salt and 32 bytes of output."""
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    return hmac.digest(extracted, label + b"\1", hashlib.sha256)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=5000), st.sampled_from(Use))
def test_ids_are_those_of_the_page(identity: bytes, data: bytes, use: Use) -> None:
    key = hkdf(identity, f"freezer id {use.name.lower()}".encode())

    assert identifiers(Ids(identity))[use](data) == blake3.blake3(data, key=key).digest()[:20]


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_ids_do_not_depend_on_what_was_asked_before(chunks: list[bytes]) -> None:
    once = Ids(bytes(32))
    assert [once.content(data) for data in chunks] == [Ids(bytes(32)).content(data) for data in chunks]
