"""The authenticated streaming format, version 1: writer, reader, and both in one call for small documents.

AES-256-GCM in frames of equal size; the nonce of a frame is its number and whether it is the last one, so frames
cannot be reordered, dropped, repeated or cut off. Each object has a key of its own, which depends on all of its header
and on the caller's associated data. ``docs/formats/sealed-stream.md`` has every field.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from freezer.crypto.chainkey import ChainKey
from freezer.crypto.contract import Buffer
from freezer.crypto.header import COMMITMENT_SIZE, HEADER_SIZE, MAGIC, OBJECT_SALT_SIZE, SealedHeader, peek_header
from freezer.crypto.passphrase import Passphrase
from freezer.errors import DamagedError, PassphraseError, UnknownFormat

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["FRAME_SIZE", "SealReader", "SealWriter", "SealedHeader", "peek_header", "seal", "unseal"]

FRAME_SIZE = 256 * 1024
TAG_SIZE = 16
_KEY_SIZE = 32
_LABEL = b"freezer sealed object v1"
_MORE, _LAST = b"\0", b"\1"


def _object_key(chain_key: ChainKey, header: SealedHeader, associated: bytes) -> tuple[AESGCM, bytes]:
    """The cipher of one object and the commitment to its key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    label = _LABEL + hashlib.sha256(header.bound()).digest() + hashlib.sha256(associated).digest()
    material = chain_key.expand(label, _KEY_SIZE + COMMITMENT_SIZE, header.object_salt)
    return AESGCM(material[:_KEY_SIZE]), material[_KEY_SIZE:]


def _nonce(number: int, flag: bytes) -> bytes:
    return number.to_bytes(11, "big") + flag


class SealWriter:
    """A :class:`~freezer.crypto.contract.Sealer` under ``chain_key``; ``associated`` is bound to, not stored in it."""

    def __init__(self, chain_key: ChainKey, associated: bytes, *, frame_size: int = FRAME_SIZE) -> None:
        header = SealedHeader(
            parameters=chain_key.parameters,
            chain_salt=chain_key.salt,
            chain_check=chain_key.check,
            object_salt=os.urandom(OBJECT_SALT_SIZE),
            frame_size=frame_size,
        ).check()
        self._cipher, commitment = _object_key(chain_key, header, associated)
        self._header = msgspec.structs.replace(header, commitment=commitment).pack()
        self._frame_size = frame_size
        self._pending = bytearray()
        self._number = 0
        self._finished = False

    @property
    def header(self) -> bytes:
        return self._header

    def update(self, data: Buffer) -> Iterator[bytes]:
        if self._finished:
            raise ValueError("the sealed object is finished")
        for frame in _whole_frames(self._pending, memoryview(data), self._frame_size):
            yield self._seal(frame, _MORE)

    def finish(self) -> bytes:
        if self._finished:
            raise ValueError("the sealed object is finished")
        self._finished = True
        return self._seal(self._pending, _LAST)

    def _seal(self, frame: Buffer, flag: bytes) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, flag), frame, None)
        self._number += 1
        return sealed


class SealReader:
    """An :class:`~freezer.crypto.contract.Unsealer`; ``header`` is known once its 128 bytes have been read.

    ``key``: the passphrase, from which the chain key is derived as the header says, or that chain key itself.
    :class:`PassphraseError` if it is the wrong one, :class:`UnknownFormat` if this is no sealed object or not of a kind
    we know, :class:`DamagedError` if it was altered, cut, extended, or sealed with other associated data. No byte of
    a frame is returned before all of the frame was verified.
    """

    def __init__(self, key: Passphrase | ChainKey, associated: bytes) -> None:
        self._key = key
        self._associated = associated
        self._pending = bytearray()
        self._number = 0
        self._cipher: AESGCM | None = None
        self._sealed_size = 0
        self.header: SealedHeader | None = None

    def update(self, data: Buffer) -> Iterator[bytes]:
        view = memoryview(data)
        if self._cipher is None:
            missing = HEADER_SIZE - len(self._pending)
            self._pending += view[:missing]
            view = view[missing:]
            if len(self._pending) < HEADER_SIZE:
                return
            self._open()
        for frame in _whole_frames(self._pending, view, self._sealed_size):
            yield self._unseal(frame, _MORE)

    def finish(self) -> bytes:
        if self._cipher is None:
            self._open()
        if len(self._pending) < TAG_SIZE:
            raise DamagedError("the sealed object is cut off: its last frame is missing")
        return self._unseal(self._pending, _LAST)

    def _open(self) -> None:
        header = peek_header(self._pending)
        if header is None:
            if MAGIC.startswith(self._pending):
                raise DamagedError("the sealed object is cut off within its first bytes")
            raise UnknownFormat("this is no sealed object: it does not begin with the mark of one")
        chain_key = self._key
        if isinstance(chain_key, Passphrase):
            chain_key = ChainKey.derive(chain_key, header.chain_salt, header.parameters)
        elif (chain_key.salt, chain_key.parameters) != (header.chain_salt, header.parameters):
            raise DamagedError("the sealed object belongs to another chain of backups")
        if not hmac.compare_digest(chain_key.check, header.chain_check):
            raise PassphraseError("the passphrase does not open the sealed object")
        self._cipher, commitment = _object_key(chain_key, header, self._associated)
        if not hmac.compare_digest(commitment, header.commitment):
            raise DamagedError("the sealed object is another one than was expected here, or its header was altered")
        self.header = header
        self._sealed_size = header.frame_size + TAG_SIZE
        self._pending.clear()

    def _unseal(self, frame: Buffer, flag: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        assert self._cipher is not None
        try:
            plain = self._cipher.decrypt(_nonce(self._number, flag), frame, None)
        except InvalidTag:
            what = "is damaged" if flag == _MORE else "is damaged, cut off, or not the last one"
            raise DamagedError(f"frame {self._number} of the sealed object {what}") from None
        self._number += 1
        return plain


def _whole_frames(pending: bytearray, view: memoryview, size: int) -> Iterator[Buffer]:
    """The frames of ``size`` bytes that ``pending`` and ``view`` make together; what is left over is pending then."""
    if pending:
        missing = size - len(pending)
        pending += view[:missing]
        view = view[missing:]
        if len(pending) < size:
            return
        yield pending
        pending.clear()
    whole = len(view) - len(view) % size
    for start in range(0, whole, size):
        yield view[start : start + size]
    pending += view[whole:]


def seal(chain_key: ChainKey, plain: Buffer, associated: bytes) -> bytes:
    """A whole sealed object with the content ``plain``."""
    writer = SealWriter(chain_key, associated)
    return b"".join((writer.header, *writer.update(plain), writer.finish()))


def unseal(key: Passphrase | ChainKey, sealed: Buffer, associated: bytes) -> bytes:
    """The content of a whole sealed object; errors as :class:`SealReader` has them."""
    reader = SealReader(key, associated)
    return b"".join((*reader.update(sealed), reader.finish()))
