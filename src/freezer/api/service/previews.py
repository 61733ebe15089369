"""When jobs are due next."""

from __future__ import annotations

from freezer.api.service.caller import Caller
from freezer.api.service.job_state import told_schedule
from freezer.api.service.pauses import skipped
from freezer.api.store.contract import Kind, Unit
from freezer.model.previews import Preview, PreviewQuery, preview


def of_job(unit: Unit, caller: Caller, id: str, wanted: PreviewQuery) -> Preview | None:
    """The next instants of a job; None if there is no such job."""
    known = unit.get(Kind.JOB, caller.scope, id)
    if known is None:
        return None
    return preview(told_schedule(known), wanted, caller.now, skipped(known))
