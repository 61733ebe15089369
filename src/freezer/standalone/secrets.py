"""What nobody may guess: the passphrase of the repository, the password of the API, and tokens."""

from __future__ import annotations

import os
import secrets

from freezer.api.auth import editing
from freezer.api.auth.basic import issue
from freezer.api.auth.tokens import Signer, read_key
from freezer.api.auth.users import User, Users
from freezer.clock import Clock
from freezer.secret import Secret
from freezer.standalone import files
from freezer.standalone.home import PROJECT, USER, Home

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Which can be told apart on paper, and dictated."""

_GROUPS, _GROUP = 7, 4
_PASSWORD_GROUPS = 5
_TOKEN_SECONDS = 3600
_ROLES = ("admin", "member", "reader")


def words(groups: int) -> str:
    """Letters by chance, in groups of four: each group is worth almost 20 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(groups))


def ready_passphrase(home: Home) -> str:
    """The passphrase of the repository, made if there is none yet."""
    found = files.read(home.passphrase)
    if found is None:
        found = words(_GROUPS) + "\n"
        files.write(home.passphrase, found)
    return found.strip()


def user_files(home: Home) -> editing.Files:
    """The files from which the API knows its users."""
    return editing.Files(home.at("htpasswd"), home.at("users.toml"))


def ready_password(home: Home, *, anew: bool = False) -> str | None:
    """A password of the API's user that nobody was told yet; None if somebody was. ``anew``: another one, at any rate.

    :func:`password_told` is to be called once it was told: until then every call makes another.
    """
    if os.path.exists(_told(home)) and not anew:
        return None
    password = words(_PASSWORD_GROUPS)
    known, secret = user_files(home), Secret.from_text(password)
    if USER in dict(editing.listed(known)):
        editing.change_password(known, USER, lambda: secret)
    else:
        editing.add(known, USER, User(PROJECT, _ROLES), lambda: secret)
    return password


def password_told(home: Home) -> None:
    """The user has seen the password."""
    files.write(_told(home), "")


def _told(home: Home) -> str:
    return home.at("password.told")


def local_token(home: Home, clock: Clock) -> str:
    """A token of the API's user, for an hour: whoever can read the home may do what its user may."""
    known = user_files(home)
    users = Users(known.passwords, known.users, clock)
    token, _ = issue(users, Signer(read_key(home.at("token.key"))), USER, clock.now(), _TOKEN_SECONDS)
    return token
