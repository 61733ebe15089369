"""Machines that join a project: who they are, the key that they have made for themselves, and their first jobs."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from freezer.errors import DocumentError
from freezer.model.checking import an_array, an_object, matching, required
from freezer.model.clients import ClientDraft, read_client
from freezer.model.jobs import JobDraft, read_job

_KEY_ID = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
MOST_HOURS = 7 * 24
MOST_JOBS = 10


class EnrolmentOffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many hours a machine may join by the token."""

    hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] = 1


class Machine(msgspec.Struct, frozen=True):
    """``key_id`` and ``key_hash``: of the key ``fzn1.ID.SECRET`` by which the machine will be known, its hash the
    SHA-256 of the secret in hexadecimal digits."""

    client: ClientDraft
    key_id: str
    key_hash: str
    jobs: tuple[JobDraft, ...]


def read_machine(value: object) -> Machine:
    """The document with which a machine joins: ``client``, ``key_id``, ``key_hash``, and perhaps ``jobs``."""
    document = an_object(value, ())
    for key in ("client", "key_id", "key_hash"):
        required(document, key, ())
    return Machine(
        read_client(an_object(document["client"], ("client",))),
        matching(document["key_id"], _KEY_ID, ("key_id",)),
        matching(document["key_hash"], _HASH, ("key_hash",)),
        _jobs(document.get("jobs")),
    )


def _jobs(value: object) -> tuple[JobDraft, ...]:
    jobs = [] if value is None else an_array(value, ("jobs",))
    if len(jobs) > MOST_JOBS:
        raise DocumentError(f"a machine joins with at most {MOST_JOBS} jobs", ("jobs",))
    return tuple(read_job(each) for each in jobs)
