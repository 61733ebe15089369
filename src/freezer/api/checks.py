"""Whether what this server needs is there, for ``/healthcheck``.

A *check* gives :data:`OK` or one short reason, which strangers may read; the log says more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from freezer.api.store.contract import Store
from freezer.errors import FreezerError

OK = "OK"
Check = Callable[[], str]
_LOG = logging.getLogger(__name__)


def database_check(store: Store) -> Check:
    """Whether the database can be reached, and has the tables of this version."""

    def check() -> str:
        try:
            store.check()
        except FreezerError as error:
            _LOG.warning("healthcheck: %s", error.message)
            return "DATABASE NOT READY"
        return OK

    return check
