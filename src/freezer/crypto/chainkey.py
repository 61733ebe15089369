"""The key of a chain of backups, derived from a passphrase once.

Argon2id (RFC 9106, its second recommended option: 64 MiB, 3 passes, 4 lanes, 16 bytes of salt, 32 bytes of key) makes
guessing passphrases expensive. Everything else is derived from its result with HKDF-SHA256 (RFC 5869), each use under
a label of its own, so no two uses ever share a key.
"""

from __future__ import annotations

import functools
import os

import msgspec

from freezer.crypto.passphrase import Passphrase
from freezer.errors import UnknownFormat
from freezer.secret import Secret

CHAIN_SALT_SIZE = 16
CHECK_SIZE = 16
_KEY_SIZE = 32
_MAX_MEMORY_KIB = 1024 * 1024
_MAX_ITERATIONS = 16
_MAX_LANES = 16


class KdfParameters(msgspec.Struct, frozen=True):
    """Cost of a derivation: memory in KiB, passes over it, lanes computed in parallel."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    def check(self) -> KdfParameters:
        """Itself, or :class:`UnknownFormat` if a stored object asks for more than any writer of ours would."""
        for what, value, least, most in (
            ("lanes", self.lanes, 1, _MAX_LANES),
            ("passes", self.iterations, 1, _MAX_ITERATIONS),
            ("KiB of memory", self.memory_kib, 8 * self.lanes, _MAX_MEMORY_KIB),
        ):
            if not least <= value <= most:
                raise UnknownFormat(f"the key derivation wants {value} {what}; {least} to {most} are accepted")
        return self


DEFAULT_PARAMETERS = KdfParameters()


class ChainKey(msgspec.Struct, frozen=True):
    """A derived key with the salt and the parameters it was derived with; make it with :meth:`new` or :meth:`derive`.

    ``check`` is stored beside what the key seals: it differs for every other passphrase and tells nothing about this
    one.
    """

    secret: Secret
    salt: bytes
    parameters: KdfParameters
    check: bytes

    @classmethod
    def new(cls, passphrase: Passphrase, parameters: KdfParameters = DEFAULT_PARAMETERS) -> ChainKey:
        """The key of a chain that begins now, under a random salt."""
        return cls.derive(passphrase, os.urandom(CHAIN_SALT_SIZE), parameters)

    @classmethod
    def derive(cls, passphrase: Passphrase, salt: bytes, parameters: KdfParameters) -> ChainKey:
        """The key of an existing chain; derived at most once per process (about 0.2 s of CPU, 64 MiB)."""
        return _derive(passphrase.secret, bytes(salt), parameters.check())

    def expand(self, label: bytes, length: int, salt: bytes = b"") -> bytes:
        """``length`` bytes of key for the use that ``label`` names, HKDF-SHA256 with ``salt``."""
        return _expand(self.secret, label, length, salt)


def _expand(secret: Secret, label: bytes, length: int, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt, label).derive(secret.reveal())


@functools.lru_cache(maxsize=32)
def _derive(passphrase: Secret, salt: bytes, parameters: KdfParameters) -> ChainKey:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    derivation = Argon2id(
        salt=salt,
        length=_KEY_SIZE,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    secret = Secret(derivation.derive(passphrase.reveal()))
    return ChainKey(secret, salt, parameters, _expand(secret, b"freezer chain check v1", CHECK_SIZE, salt))
