"""Changing the files that :mod:`freezer.api.auth.users` reads: an entry at a time, the rest stays as it was written.

A file is replaced as a whole, so that servers never read half of one; whoever changes it holds a lock beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from freezer.api.auth.users import LONGEST_PASSWORD, ROLES, User, read_passwords, read_users
from freezer.durable import sync_folder
from freezer.errors import UsageError
from freezer.secret import Secret

_COST = 12
_NEW = 0o600


class Files(msgspec.Struct, frozen=True):
    """Paths: an htpasswd file, and a TOML file with projects and roles."""

    passwords: str
    users: str


def add(files: Files, name: str, user: User, password: Callable[[], Secret]) -> None:
    """Let somebody in; UsageError if there is a user of that name."""
    _check_name(name)
    for role in user.roles:
        if role not in ROLES:
            raise UsageError(f"role {role} is none of {', '.join(sorted(ROLES))}")
    if name in _users(files):
        raise UsageError(f"there is a user {name} already", hint=f"freezer-manage user passwd {name}")
    _write_password(files, name, password())
    with _changed(files.users) as document:
        users = document.setdefault("users", tomlkit.table(is_super_table=True))
        entry = tomlkit.table()
        entry.update({"project": user.project, "roles": list(user.roles)})
        users[name] = entry


def change_password(files: Files, name: str, password: Callable[[], Secret]) -> None:
    """Give a user another password, which ends its tokens."""
    _known(files, name)
    _write_password(files, name, password())


def disable(files: Files, name: str, *, disabled: bool) -> None:
    """Refuse a user's password and tokens from now on, or take them again."""
    _set(files, name, "disabled", disabled)


def end_tokens(files: Files, name: str, now: float) -> None:
    """Refuse all tokens that a user has been given until now."""
    _set(files, name, "tokens_since", int(now) + 1)


def end_token(files: Files, name: str, id: str) -> None:
    """Refuse one token of a user."""
    ended = _known(files, name).ended_tokens
    if id not in ended:
        _set(files, name, "ended_tokens", [*ended, id])


def listed(files: Files) -> Sequence[tuple[str, User]]:
    """All users, by name."""
    return sorted(_users(files).items())


def _set(files: Files, name: str, key: str, value: object) -> None:
    _known(files, name)
    with _changed(files.users) as document:
        document["users"][name][key] = value


def _users(files: Files) -> dict[str, User]:
    return read_users(files.users) if os.path.exists(files.users) else {}


def _known(files: Files, name: str) -> User:
    user = _users(files).get(name)
    if user is None:
        raise UsageError(f"{files.users} has no user {name}", hint="freezer-manage user list")
    return user


def _check_name(name: str) -> None:
    if not name or len(name) > 64 or ":" in name or not name.isprintable() or name != name.strip() or name[0] == "#":
        raise UsageError(f"{name!r} is no name for a user: 1 to 64 printable characters without a colon")


def _write_password(files: Files, name: str, password: Secret) -> None:
    entry = f"{name}:{_hashed(password)}"
    if os.path.exists(files.passwords):
        read_passwords(files.passwords)  # says what is wrong with it before it is written again
    with _replaced(files.passwords) as (text, store):
        lines = [line for line in text.splitlines() if line.strip().partition(":")[0] != name]
        store("\n".join([*lines, entry]) + "\n")


def _hashed(password: Secret) -> str:
    import bcrypt

    raw = password.reveal()
    if len(raw) > LONGEST_PASSWORD or b"\0" in raw:
        raise UsageError(f"a password has at most {LONGEST_PASSWORD} bytes, and no NUL")
    return bcrypt.hashpw(raw, bcrypt.gensalt(_COST)).decode()


@contextmanager
def _changed(path: str) -> Iterator[tomlkit.TOMLDocument]:
    with _replaced(path) as (text, store):
        try:
            document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise UsageError(f"{path}: {error}") from None
        yield document
        store(tomlkit.dumps(document))


@contextmanager
def _replaced(path: str) -> Iterator[tuple[str, Callable[[str], None]]]:
    """The text of a file that nobody else changes meanwhile, and how to store another one in its place."""
    try:
        with open(f"{path}.lock", "a", opener=_for_its_owner) as lock:
            _wait_for(lock)
            yield _text(path), lambda text: _replace(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be changed: {error.strerror}") from None


def _wait_for(lock: TextIO) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, _NEW)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _replace(path: str, text: str) -> None:
    target = os.path.realpath(path)
    descriptor, new = tempfile.mkstemp(prefix=".", dir=os.path.dirname(target))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _like(target, descriptor)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, target)
    except BaseException:
        os.unlink(new)
        raise
    sync_folder(os.path.dirname(target))


def _like(target: str, descriptor: int) -> None:
    """Owner and mode of the file that is replaced, which the server can read."""
    if sys.platform != "win32" and os.path.exists(target):
        found = os.stat(target)
        os.fchmod(descriptor, found.st_mode & 0o7777)
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, found.st_uid, found.st_gid)
