"""Upstream's encryption: the container of ``openssl enc -aes-256-cfb``.

Stored: ``Salted__``, 8 random bytes of salt, the ciphertext. Key and initialisation vector come from one round of
EVP_BytesToKey: D1 = H(passphrase ‖ salt), Di = H(Di−1 ‖ passphrase ‖ salt); of D1 ‖ D2 ‖ … the first 32 bytes are the
key, the next 16 the vector. H is SHA-256 since OpenSSL 1.1.0 and was MD5 before; the container does not say which.
There is **no authentication**: a changed byte decrypts to a changed byte. Write it for compatibility only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from freezer.crypto.contract import Buffer
from freezer.errors import DamagedError, PassphraseError
from freezer.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

Digest = Literal["sha256", "md5"]

MAGIC = b"Salted__"
HEADER_SIZE = 16
_HEAD = 16  # plaintext bytes shown to the judge of a digest
_KEY, _VECTOR = 32, 16
_PIECE = 256 * 1024  # bytes that are worked on at a time: small enough to stay in the processor's cache


def derive(passphrase: Secret, salt: bytes, digest: Digest) -> tuple[bytes, bytes]:
    """The AES-256 key (32 bytes) and vector (16 bytes) that ``openssl enc`` derives."""
    material = block = b""
    while len(material) < _KEY + _VECTOR:
        block = hashlib.new(digest, block + passphrase.reveal() + salt, usedforsecurity=False).digest()
        material += block
    return material[:_KEY], material[_KEY : _KEY + _VECTOR]


def _context(passphrase: Secret, salt: bytes, digest: Digest, *, encrypt: bool) -> CipherContext:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
    except ImportError:  # cryptography before 47
        from cryptography.hazmat.primitives.ciphers.modes import CFB

    key, vector = derive(passphrase, salt, digest)
    cipher = Cipher(algorithms.AES(key), CFB(vector))
    return cipher.encryptor() if encrypt else cipher.decryptor()


def _in_pieces(context: CipherContext, data: Buffer) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        yield context.update(view[start : start + _PIECE])


class CfbEncryptor:
    """A :class:`~freezer.crypto.contract.Sealer` that writes what today's ``openssl enc`` writes (SHA-256)."""

    def __init__(self, passphrase: Secret) -> None:
        salt = os.urandom(8)
        self._header = MAGIC + salt
        self._context = _context(passphrase, salt, "sha256", encrypt=True)

    @property
    def header(self) -> bytes:
        return self._header

    def update(self, data: Buffer) -> Iterator[bytes]:
        return _in_pieces(self._context, data)

    def finish(self) -> bytes:
        return self._context.finalize()


class CfbDecryptor:
    """An :class:`~freezer.crypto.contract.Unsealer` of either digest.

    ``plausible`` is shown the first (up to 16) plain bytes under each digest and says whether they can be the
    beginning of what was encrypted, a compressed stream; SHA-256 is tried first. If neither is plausible the passphrase
    is wrong. ``digest`` is known once the first bytes have been decrypted.
    """

    def __init__(self, passphrase: Secret, plausible: Callable[[bytes], bool]) -> None:
        self._passphrase = passphrase
        self._plausible = plausible
        self._head = bytearray()
        self._context: CipherContext | None = None
        self.digest: Digest | None = None

    def update(self, data: Buffer) -> Iterator[bytes]:
        if self._context is not None:
            yield from _in_pieces(self._context, data)
            return
        self._head += data
        if len(self._head) >= HEADER_SIZE + _HEAD:
            yield self._begin()

    def finish(self) -> bytes:
        plain = b"" if self._context else self._begin()
        assert self._context is not None
        return plain + self._context.finalize()

    def _begin(self) -> bytes:
        if self._head[:8] != MAGIC[: len(self._head)]:
            raise DamagedError("the encrypted data does not begin with 'Salted__'")
        if len(self._head) < HEADER_SIZE:
            raise DamagedError(f"the encrypted data is cut off within its first {HEADER_SIZE} bytes")
        self.digest = self._choose()
        self._context = _context(self._passphrase, bytes(self._head[8:HEADER_SIZE]), self.digest, encrypt=False)
        stored, self._head = self._head, bytearray()
        return self._context.update(memoryview(stored)[HEADER_SIZE:])

    def _choose(self) -> Digest:
        salt, head = bytes(self._head[8:HEADER_SIZE]), bytes(self._head[HEADER_SIZE : HEADER_SIZE + _HEAD])
        digests: tuple[Digest, ...] = ("sha256", "md5")
        for digest in digests:
            if self._plausible(_context(self._passphrase, salt, digest, encrypt=False).update(head)):
                return digest
        raise PassphraseError("the passphrase does not open the encrypted data (or its first bytes are damaged)")
