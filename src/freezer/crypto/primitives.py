"""The primitives that formats are made of, as functions of bytes: AES-256-GCM, HKDF, Argon2id, Ed25519.

Everything is imported when it is needed: a start of the program that seals nothing does not pay for it.
"""

from __future__ import annotations

from freezer.crypto.contract import Buffer

KEY_SIZE = 32
TAG_SIZE = 16


def seal(key: bytes, nonce: bytes, plain: Buffer, associated: bytes) -> bytes:
    """AES-256-GCM: ciphertext and tag. One key and nonce are used once."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, plain, associated)


def unseal(key: bytes, nonce: bytes, sealed: Buffer, associated: bytes) -> bytes | None:
    """The plaintext, or None if ciphertext, nonce, key or associated data are not those of :func:`seal`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError):
        return None


def expand(key: bytes, label: bytes, length: int = KEY_SIZE) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, b"", label).derive(key)


def stretch(secret: bytes, salt: bytes, *, memory: int, passes: int, lanes: int) -> bytes:
    """Argon2id (RFC 9106) of a passphrase; ``memory`` in KiB. Costly on purpose."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return Argon2id(salt=salt, length=KEY_SIZE, iterations=passes, lanes=lanes, memory_cost=memory).derive(secret)


def signing_key(seed: bytes) -> tuple[bytes, bytes]:
    """The Ed25519 key pair (RFC 8032) of 32 random bytes: the seed itself and the public key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return seed, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    """64 bytes of Ed25519 signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the owner of the key has signed the message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Cipher:
    """AES-256-GCM for many messages under one key, in buffers of the caller's. Safe for several threads."""

    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._not_it = (InvalidTag, ValueError)

    def seal_into(self, nonce: bytes, plain: Buffer, associated: bytes, into: Buffer) -> None:
        """Write ciphertext and tag, :data:`TAG_SIZE` bytes more than ``plain``, to ``into``, which has that size."""
        self._cipher.encrypt_into(nonce, plain, associated, into)

    def unseal_into(self, nonce: bytes, sealed: Buffer, associated: bytes, into: Buffer) -> bool:
        """The reverse; False, and nothing of use in ``into``, if ciphertext, nonce, key or associated data differ."""
        try:
            self._cipher.decrypt_into(nonce, sealed, associated, into)
        except self._not_it:
            return False
        return True

    def unseal(self, nonce: bytes, sealed: Buffer, associated: bytes) -> bytes | None:
        """The plaintext, or None, as the function of that name says it."""
        try:
            return self._cipher.decrypt(nonce, sealed, associated)
        except self._not_it:
            return None
