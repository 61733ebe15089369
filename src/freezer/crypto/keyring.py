"""Short texts sealed with the newest key of a file, and opened with any key that it has.

The file has one key a line, 32 bytes in URL-safe base64, the newest first. It is made, for its owner alone, if it is
not there, and read again when it changes. A sealed text is ``NUMBER.NONCE+CIPHERTEXT``: the number is a hash of the
key, the rest AES-256-GCM in URL-safe base64. Nonces are random, which is safe for four thousand million texts a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import threading
from collections.abc import Mapping

from freezer.crypto.primitives import KEY_SIZE, seal, unseal
from freezer.durable import sync_folder
from freezer.errors import UsageError

_NONCE_SIZE = 12
_NUMBER_DIGITS = 16


class KeyRing:
    """The keys in the file ``path``."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: object = None
        self._keys: Mapping[str, bytes] = {}

    def seal(self, plain: bytes, context: bytes) -> str:
        """``plain`` sealed with the newest key; it opens with the same ``context`` only."""
        number, key = next(iter(self._current(make=True).items()))
        nonce = os.urandom(_NONCE_SIZE)
        return f"{number}.{_text(nonce + seal(key, nonce, plain, context))}"

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """What was sealed; None if the key is not in the file, or the text not what was made with it."""
        number, _, rest = sealed.partition(".")
        key = self._current(make=False).get(number)
        raw = _bytes(rest)
        if key is None or raw is None or len(raw) <= _NONCE_SIZE:
            return None
        return unseal(key, raw[:_NONCE_SIZE], raw[_NONCE_SIZE:], context)

    def add(self) -> None:
        """Put a new key in front of the others."""
        before = self._current(make=False)
        _write(self.path, [os.urandom(KEY_SIZE), *before.values()])

    def keep(self, number: int) -> None:
        """Remove all keys but the newest ``number``."""
        _write(self.path, list(self._current(make=False).values())[:number])

    def _current(self, *, make: bool) -> Mapping[str, bytes]:
        with self._lock:
            stamp = _stamp(self.path)
            if stamp is None and make:
                _begin(self.path)
                stamp = _stamp(self.path)
            if stamp is None:
                return {}
            if stamp != self._stamp:
                self._keys = {_number(key): key for key in _read(self.path)}
                self._stamp = stamp
            return self._keys


def _number(key: bytes) -> str:
    return hashlib.sha256(b"freezer key " + key).hexdigest()[:_NUMBER_DIGITS]


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"keys {path} cannot be read: {error.strerror}") from None
    if found.st_mode & 0o077:
        raise UsageError(f"keys {path} can be read by others", hint=f"chmod 600 {path}")
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: str) -> list[bytes]:
    try:
        with open(path, encoding="ascii") as file:
            lines = file.read().split()
    except OSError as error:
        raise UsageError(f"keys {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        lines = [""]
    keys = [_bytes(line) for line in lines]
    found = [key for key in keys if key is not None and len(key) == KEY_SIZE]
    if not found or len(found) != len(keys):
        raise UsageError(f"keys {path}: every line must be {KEY_SIZE} bytes in base64")
    return found


def _begin(path: str) -> None:
    """Make the file, unless somebody else has just made it."""
    temporary = _prepared(path, [os.urandom(KEY_SIZE)])
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError(f"keys {path} cannot be made: {error.strerror}") from None
    finally:
        os.unlink(temporary)


def _write(path: str, keys: list[bytes]) -> None:
    os.replace(_prepared(path, keys), path)
    sync_folder(os.path.dirname(path) or ".")


def _prepared(path: str, keys: list[bytes]) -> str:
    temporary = f"{path}.{os.urandom(8).hex()}.new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise UsageError(f"keys {path} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.writelines(f"{_text(key)}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
