"""The first 128 bytes of a sealed object (``docs/formats/sealed-stream.md``)."""

from __future__ import annotations

import hashlib
import struct

import msgspec

from freezer.crypto.chainkey import KdfParameters
from freezer.crypto.contract import Buffer
from freezer.errors import DamagedError, UnknownFormat

MAGIC = b"\x89FZSEAL\n"
HEADER_SIZE = 128
OBJECT_SALT_SIZE = 32
COMMITMENT_SIZE = 32

_VERSION = 1
_ARGON2ID = 1
_AES_256_GCM = 1
_MIN_FRAME = 1024
_MAX_FRAME = 16 * 1024 * 1024
_BOUND = struct.Struct(">8sBBBBIII16s32s16s")  # all that the object key is bound to
_COMMITMENT_AT = _BOUND.size
_CHECKSUM_AT = _COMMITMENT_AT + COMMITMENT_SIZE
_CHECKSUM_SIZE = 8


class SealedHeader(msgspec.Struct, frozen=True):
    """What a sealed object says about itself: everything needed to open it but the passphrase.

    ``commitment`` is the check value of the object key; a header that is being made has none yet.
    """

    parameters: KdfParameters
    chain_salt: bytes
    chain_check: bytes
    object_salt: bytes
    frame_size: int
    commitment: bytes = b""

    def bound(self) -> bytes:
        """The bytes before the commitment, which the object key depends on."""
        kdf = self.parameters
        return _BOUND.pack(
            MAGIC,
            _VERSION,
            _ARGON2ID,
            _AES_256_GCM,
            kdf.lanes,
            kdf.iterations,
            kdf.memory_kib,
            self.frame_size,
            self.chain_salt,
            self.object_salt,
            self.chain_check,
        )

    def pack(self) -> bytes:
        """All 128 bytes."""
        packed = self.bound() + self.commitment
        return packed + _checksum(packed)

    def check(self) -> SealedHeader:
        """Itself, or :class:`UnknownFormat` if a parameter is out of bounds."""
        self.parameters.check()
        if not _MIN_FRAME <= self.frame_size <= _MAX_FRAME:
            raise UnknownFormat(
                f"the sealed object has frames of {self.frame_size} bytes; {_MIN_FRAME} to {_MAX_FRAME} are accepted"
            )
        return self


def peek_header(data: Buffer) -> SealedHeader | None:
    """The header that ``data`` begins with, or None if that is not a sealed object.

    :class:`UnknownFormat` for a version, cipher or parameter that we cannot honour, :class:`DamagedError` if the header
    is cut off or changed.
    """
    start = bytes(data[:HEADER_SIZE])
    if not start.startswith(MAGIC):
        return None
    if len(start) > len(MAGIC) and start[len(MAGIC)] != _VERSION:
        raise UnknownFormat(
            f"the sealed object has format version {start[len(MAGIC)]}; this program knows version {_VERSION}",
            hint="use a newer freezer-agent",
        )
    if len(start) < HEADER_SIZE:
        raise DamagedError(f"the sealed object is cut off within its first {HEADER_SIZE} bytes")
    if start[_CHECKSUM_AT:] != _checksum(start[:_CHECKSUM_AT]):
        raise DamagedError("the header of the sealed object is damaged")
    return _parse(start)


def _parse(start: bytes) -> SealedHeader:
    _, _, kdf, cipher, lanes, iterations, memory, frame, chain_salt, object_salt, check = _BOUND.unpack_from(start)
    if (kdf, cipher) != (_ARGON2ID, _AES_256_GCM):
        raise UnknownFormat(f"the sealed object uses key derivation {kdf} and cipher {cipher}; only 1 and 1 are known")
    return SealedHeader(
        parameters=KdfParameters(memory_kib=memory, iterations=iterations, lanes=lanes),
        chain_salt=chain_salt,
        chain_check=check,
        object_salt=object_salt,
        frame_size=frame,
        commitment=start[_COMMITMENT_AT:_CHECKSUM_AT],
    ).check()


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECKSUM_SIZE]
