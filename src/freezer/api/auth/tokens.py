"""Tokens of our own: signed, so that every process with the same key knows them, and valid for a while.

A token is ``fz1.PAYLOAD.SIGNATURE``, both in URL-safe base64: JSON with the user, a fingerprint of its password entry,
when the token was given and when it ends (in seconds since 1970), and an id; and HMAC-SHA256 of that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

import msgspec

from freezer.decoding import json_decoder
from freezer.durable import sync_folder
from freezer.errors import UsageError

_PREFIX = "fz1"
_KEY_BYTES = 32


class Claims(msgspec.Struct, frozen=True):
    """What a token says."""

    user: str
    password: str
    expires: int
    issued: int = 0
    id: str = ""


class Signer:
    """Makes and reads tokens with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, claims: Claims) -> str:
        """A token that says ``claims``."""
        payload = _text(msgspec.json.encode(claims))
        return f"{_PREFIX}.{payload}.{self._signature(payload)}"

    def read(self, token: str, now: float) -> Claims | None:
        """What a token says, if it is ours and still valid."""
        parts = token.split(".")
        if len(parts) != 3 or parts[0] != _PREFIX:
            return None
        if not hmac.compare_digest(self._signature(parts[1]).encode(), parts[2].encode("utf-8", "replace")):
            return None
        try:
            claims = json_decoder(Claims).decode(base64.urlsafe_b64decode(parts[1] + "=="))
        except (msgspec.DecodeError, binascii.Error, ValueError):
            return None
        return claims if claims.expires > now else None

    def _signature(self, payload: str) -> str:
        return _text(hmac.new(self._key, f"{_PREFIX}.{payload}".encode("utf-8", "replace"), hashlib.sha256).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_key(path: str) -> bytes:
    """The key in the file ``path``, which is made, for its owner alone, if it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _existing_key(path)
    except OSError as error:
        raise UsageError(f"token key {path} cannot be made: {error.strerror}") from None
    key = os.urandom(_KEY_BYTES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(os.path.dirname(path) or ".")
    return key


def _existing_key(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise UsageError(f"token key {path} can be read by others", hint=f"chmod 600 {path}")
            key = file.read()
    except OSError as error:
        raise UsageError(f"token key {path} cannot be read: {error.strerror}") from None
    if len(key) < _KEY_BYTES:
        raise UsageError(f"token key {path} is shorter than {_KEY_BYTES} bytes")
    return key
