"""Machines that join, as they are written."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from freezer.model.forms.jobs import JobForm
from freezer.model.forms.records import ClientForm
from freezer.model.forms.words import Form
from freezer.model.machines import MOST_JOBS


class MachineForm(Form, frozen=True, kw_only=True):
    """A machine that joins: who it is, id and SHA-256 of the key that it has made, and perhaps its first jobs, each
    with a `job_id`. Other keys mean nothing."""

    client: ClientForm
    key_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    key_hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    jobs: Annotated[list[JobForm], Meta(max_length=MOST_JOBS)] | UnsetType | None = UNSET
