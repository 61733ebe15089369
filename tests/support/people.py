"""One server for many tests, each with projects of its own."""

from __future__ import annotations

import os
import uuid
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import bcrypt

from support.api import USUAL, Person, serving
from support.wsgi import InProcess

_MEMORY = "/dev/shm"  # nothing here must outlive a power cut
_DIRECTORY = TemporaryDirectory(prefix="freezer-api-", dir=_MEMORY if os.path.isdir(_MEMORY) else None)


def shared(kind: str = USUAL) -> InProcess:
    """A server that tests share, on that kind of database."""
    return _shared(kind)


@cache
def _shared(kind: str) -> InProcess:
    return serving(Path(_DIRECTORY.name), kind=kind)


def person(
    roles: str = "member,reader",
    *,
    project: str = "",
    user: str = "",
    version: str = "v2",
    at: str = "",
    kind: str = USUAL,
) -> Person:
    """Somebody new, in a new project unless it is named; ``at``: works on that project's paths instead."""
    unique = uuid.uuid4().hex
    return Person(shared(kind), project or unique, roles, user or f"user-{unique[:8]}", version, at)


def password_entry(name: str, password: str) -> str:
    """A line of an htpasswd file, quick to be verified."""
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
