"""The users of HTTP Basic: an htpasswd file with bcrypt hashes, and a TOML file with their projects and roles.

::

    [users.alice]
    project = "default"
    roles = ["member", "reader"]
    disabled = false
    tokens_since = 1700000000
    ended_tokens = ["3f0e…"]

Tokens that were given before ``tokens_since`` (seconds since 1970), or whose id is in ``ended_tokens``, are refused.
Both are read again when they change; while one is half written, or wrong, the users known before stay. A verified
password is remembered for five minutes by a keyed hash of itself and of its entry, because verifying one takes a
quarter of a second.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import tomllib
from collections.abc import Mapping

import msgspec

from freezer.api.scope import Identity
from freezer.clock import Clock
from freezer.decoding import convert
from freezer.errors import UsageError

_LOG = logging.getLogger(__name__)
_REMEMBERED_SECONDS = 300.0
_MOST_REMEMBERED = 10_000
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
LONGEST_PASSWORD = 72
"""bcrypt ignores what follows."""

_DECOY = "$2b$12$" + "." * 53
"""No password has this hash; it takes as long as others to find that out."""

ROLES = frozenset({"admin", "member", "reader", "service"})


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may work on, and how."""

    project: str
    roles: tuple[str, ...] = ("member", "reader")
    disabled: bool = False
    tokens_since: int = 0
    ended_tokens: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: dict[str, User] = {}


class Users:
    """The users in two files."""

    def __init__(self, passwords: str, users: str, clock: Clock) -> None:
        self._paths = (passwords, users)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, float] = {}
        self._lock = threading.Lock()
        self._stamp: object = None
        self._told = ""
        self._hashes: Mapping[str, str] = {}
        self._users: Mapping[str, User] = {}
        self._decoy = _DECOY
        self._read(tuple(_stamp(path) for path in self._paths))

    def identity(self, name: str, token: str = "") -> Identity | None:
        """The identity of a user, however it has proved to be that; None if there is no such user any more."""
        self._refresh()
        user = self._users.get(name)
        if user is None or user.disabled or name not in self._hashes:
            return None
        return Identity(name, user.project, frozenset(user.roles), name, token)

    def takes(self, name: str, issued: int, id: str) -> bool:
        """Whether a token of that user, given at ``issued``, has not been ended before its time."""
        user = self._users.get(name)
        return user is not None and issued >= user.tokens_since and id not in user.ended_tokens

    def verify(self, name: str, password: bytes) -> Identity | None:
        """The identity of the user whose password this is; whoever is unknown costs as much as a wrong password."""
        identity = self.identity(name)
        entry = self._hashes.get(name)
        if len(password) > LONGEST_PASSWORD or b"\0" in password:
            return None
        if identity is None or entry is None:
            _matches(self._decoy, password)
            return None
        proof = hmac.digest(self._key, entry.encode() + b"\0" + name.encode() + b"\0" + password, "sha256")
        now = self._clock.monotonic()
        if self._known.get(proof, now - 1) >= now:
            return identity
        if not _matches(entry, password):
            return None
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[proof] = now + _REMEMBERED_SECONDS
        return identity

    def fingerprint(self, name: str) -> str:
        """A short text that changes with the user's password; tokens carry it, so that they end with it."""
        return hashlib.sha256(self._hashes.get(name, "").encode()).hexdigest()[:16]

    def _refresh(self) -> None:
        try:
            stamp = tuple(_stamp(path) for path in self._paths)
            if stamp != self._stamp:
                self._read(stamp)
        except UsageError as error:
            if error.message != self._told:
                _LOG.error("%s; the users known before stay", error.message)
            self._told = error.message

    def _read(self, stamp: object) -> None:
        with self._lock:
            hashes = read_passwords(self._paths[0])
            self._users = read_users(self._paths[1])
            self._hashes = hashes
            self._decoy = max(hashes.values(), key=_cost, default=_DECOY)
            self._stamp = stamp
            self._told = ""


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _cost(entry: str) -> str:
    return entry[4:6]


def _matches(entry: str, password: bytes) -> bool:
    import bcrypt

    return bcrypt.checkpw(password, entry.encode())


def read_passwords(path: str) -> dict[str, str]:
    """The hashes of an htpasswd file by name; UsageError with the line that is wrong."""
    result: dict[str, str] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, entry = line.strip().partition(":")
        if not colon or not name or _BCRYPT.fullmatch(entry) is None:
            hint = "make entries with: htpasswd -B"
            raise UsageError(f"{path}: line {number} is no entry with a bcrypt hash", hint=hint)
        result[name] = entry
    return result


def read_users(path: str) -> dict[str, User]:
    """The users of a TOML file by name; UsageError with what is wrong in it."""
    try:
        found = convert(tomllib.loads(_text(path)), _File).users
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}") from None
    for name, user in found.items():
        for role in user.roles:
            if role not in ROLES:
                raise UsageError(f"{path}: users.{name}: role {role} is none of {', '.join(sorted(ROLES))}")
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text") from None
