"""Quotas: what an administrator writes to change those of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.errors import DocumentError
from freezer.model.checking import MAX_NUMBER, an_integer, an_object, only

RESOURCES = ("clients", "jobs", "actions", "sessions", "backups", "runs", "log_bytes")
"""What is counted; ``log_bytes`` are the bytes of the logs of runs."""

UNLIMITED = -1


Limit = Annotated[int, Meta(ge=UNLIMITED, le=MAX_NUMBER)] | None


class LimitsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of a project: a number, -1 for none, null for the server's default. Also inside ``quotas``."""

    clients: Limit | UnsetType = UNSET
    jobs: Limit | UnsetType = UNSET
    actions: Limit | UnsetType = UNSET
    sessions: Limit | UnsetType = UNSET
    backups: Limit | UnsetType = UNSET
    runs: Limit | UnsetType = UNSET
    log_bytes: Limit | UnsetType = UNSET


def read_limits(value: object) -> Mapping[str, int | None]:
    """Limits by resource, also inside ``quotas``: a number, -1 for none, null for the server's default."""
    document = an_object(value, ())
    inner = document.get("quotas")
    path = ("quotas",) if isinstance(inner, dict) else ()
    limits = inner if isinstance(inner, dict) else document
    only(limits, RESOURCES, path)
    if not limits:
        raise DocumentError(f"no limit is given; there are {', '.join(RESOURCES)}", path)
    return {
        key: None if each is None else an_integer(each, (*path, key), least=UNLIMITED) for key, each in limits.items()
    }
