"""Enrolments: each lets one machine join a project once, and is known here by the hash of its secret alone."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """``hash``: SHA-256 of the secret in hexadecimal, ``made_by``: a user's id, ``expires``: seconds since 1970,
    ``machine``: the id of the key with which a machine has joined, empty before."""

    id: str
    project_id: str
    hash: str
    made_at: int
    made_by: str
    expires: int
    machine: str = ""


class Enrolments(Protocol):
    """In one transaction."""

    def get(self, id: str) -> Enrolment | None:
        """The enrolment of that id."""
        ...

    def put(self, enrolment: Enrolment) -> None:
        """A new one."""
        ...

    def use(self, id: str, machine: str) -> bool:
        """Let the machine be the one that joins; False if another has."""
        ...

    def drop(self, project_id: str, id: str) -> bool:
        """Take an enrolment back; whether the project had it."""
        ...

    def forget(self, before: int) -> None:
        """Drop those of all projects that expired before that moment."""
        ...
