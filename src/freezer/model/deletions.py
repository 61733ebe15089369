"""Deletions of many objects."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from freezer.model.checking import MAX_NAME

MOST_DELETED = 1000
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """``ids`` of one ``kind`` that are to be deleted; of clients their ``client_id``."""

    kind: Literal["actions", "backups", "clients", "jobs", "sessions"]
    ids: Annotated[list[Name], Meta(min_length=1, max_length=MOST_DELETED)]


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """How old the newest backup of a set may become, in seconds; null: as the schedule of its job says."""

    objective: Annotated[int, Meta(ge=1, le=10**10)] | None
