"""Bundles: chunks compressed and sealed as one."""

from __future__ import annotations

import hmac

from freezer.crypto.contract import Buffer
from freezer.crypto.primitives import TAG_SIZE, Cipher
from freezer.errors import DamagedError
from freezer.repository.documents import DIGEST_SIZE, Bundle, Codec
from freezer.repository.envelope import expand, prefix
from freezer.repository.ids import digest

LARGEST = 1 << 30  # bytes of plaintext that a bundle may claim


def nonce(number: int) -> bytes:
    """Of the bundle with that number under its key."""
    return number.to_bytes(12, "big")


def associated(repository: bytes, id: bytes) -> bytes:
    """What a bundle is bound to: not to its pack, so that it can be moved."""
    return prefix(repository, "bundle", "") + id


def sealed_digest(sealed: Buffer) -> bytes:
    """The digest of a bundle as it is stored."""
    return digest(sealed)[:DIGEST_SIZE]


def check_sealed(bundle: Bundle, sealed: Buffer, what: str) -> None:
    """:class:`DamagedError` unless ``sealed`` are the bytes that were written; needs no key."""
    if len(sealed) != bundle.sealed or not hmac.compare_digest(sealed_digest(sealed), bundle.digest):
        raise DamagedError(f"{what} is damaged")


def open_bundle(cipher: Cipher, repository: bytes, bundle: Bundle, sealed: Buffer, what: str) -> bytes:
    """The plaintext of a bundle; :class:`DamagedError`, naming ``what``, if it was altered or is another one."""
    possible = TAG_SIZE <= bundle.sealed <= bundle.plain + TAG_SIZE <= LARGEST and 0 <= bundle.number < 1 << 64
    if len(sealed) != bundle.sealed or not possible:
        raise DamagedError(f"{what} is damaged: it has {len(sealed)} bytes")
    body = cipher.unseal(nonce(bundle.number), sealed, associated(repository, bundle.id))
    if body is None:
        raise DamagedError(f"{what} is damaged")
    plain = expand(body, bundle.plain, what) if bundle.codec is Codec.ZSTD else body
    if len(plain) != bundle.plain:
        raise DamagedError(f"{what} is damaged: it has {len(plain)} bytes of {bundle.plain}")
    return plain
