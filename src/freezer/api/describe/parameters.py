"""Parameters that several operations have, and what the parts of a path mean."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from freezer.api.describe.operation import Parameter
from freezer.api.requests import DEFAULT_PAGE, MAX_PAGE
from freezer.api.store.contract import Kind
from freezer.api.store.terms import LOOKED_UP
from freezer.model.forms.words import one_of

Count = Annotated[int, Meta(ge=0)]

PAGING = (
    Parameter("limit", f"How many to list: {DEFAULT_PAGE}, at most {MAX_PAGE}.", Count),
    Parameter("offset", "How many to leave out at the beginning.", Count),
    Parameter("marker", "The id after which the list begins; for clients the `client_id`."),
    Parameter("sort", "`-created` is the newest first.", Annotated[str, one_of(("created", "-created"))]),
    Parameter("total", "Whether to count all that the search finds.", bool),
    Parameter("q", "A text that must occur in the document. May be repeated."),
)
IF_MATCH = Parameter(
    "If-Match", "The `ETag` of the revision that is meant; 409 if there is another by now.", str, "header"
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key", "The same request with the same key is done once, and answered as it was then.", str, "header"
)

PATH: dict[str, tuple[str, str]] = {
    "project_id": ("The project.", "5f6c0de2a1b94b7e8f3d2c1b0a998877"),
    "client_id": ("The name of a client.", "web1"),
    "action_id": ("The id of an action.", "d4c3b2a190f84e5d8c7b6a5f4e3d2c1b"),
    "job_id": ("The id of a job.", "1b2c3d4e5f60718293a4b5c6d7e8f901"),
    "session_id": ("The id of a session.", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
    "set_id": ("The id of a set of backups.", "a1b2c3d4e5f60718293a4b5c6d7e8f90"),
    "run_id": ("The id of a run.", "5a4b3c2d1e0f5a6b8c7d6e5f4a3b2c1d"),
    "enrolment_id": ("The id of an enrolment.", "7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d"),
    "backup_id": ("The id of a backup, or its composed one.", "c0ffee00c0ffee00c0ffee00c0ffee00"),
}
"""What each part of a path means, and one that examples show."""


def paged(kind: Kind) -> tuple[Parameter, ...]:
    """The parameters of a list: which part of it, and the keys that are looked up in an index."""
    keys = sorted(LOOKED_UP[kind])
    return (*PAGING, *(Parameter(key, f"Only those whose `{key}` is this.", str) for key in keys))
