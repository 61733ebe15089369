"""Who keeps house, and the thread that does."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid

from freezer.api.housekeeper.steps import take_round
from freezer.api.housekeeper.work import Work
from freezer.errors import FreezerError

_LOG = logging.getLogger(__name__)
_OFFICE = "housekeeper"
_TERMS = 3  # rounds that the office is had for, so that one may be late


def me() -> str:
    """A name for this process, by which it is told from all others."""
    return f"{socket.gethostname()[:200]}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def elected(work: Work, holder: str, seconds: int) -> bool:
    """Whether ``holder`` has the office for that long; False while somebody else has it."""
    return work.store.write(lambda unit: unit.leases.elect(_OFFICE, holder, seconds * 1000))


def keep_house(work: Work, stopping: threading.Event) -> threading.Thread:
    """Start the thread that keeps house whenever it is this server's turn, until ``stopping``."""
    thread = threading.Thread(target=_keep, args=(work, stopping, me()), name="housekeeper", daemon=True)
    thread.start()
    return thread


def _keep(work: Work, stopping: threading.Event, holder: str) -> None:
    while not stopping.wait(work.settings.every):
        if not work.store.writes:
            continue
        try:
            if elected(work, holder, _TERMS * work.settings.every):
                done = {name: count for name, count in take_round(work).items() if count}
                if done:
                    _LOG.info("housekeeping: %s", ", ".join(f"{name}: {count}" for name, count in done.items()))
        except Exception as error:  # noqa: BLE001 - whatever the database says, the thread must not end
            _LOG.error("housekeeping: %s", error, exc_info=None if isinstance(error, FreezerError) else error)
