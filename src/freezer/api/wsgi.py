"""``application``, for WSGI servers that are given an import path.

Configured by the files of :mod:`freezer.api.config`, or by those that FREEZER_API_CONFIG names, with colons between.
"""

from __future__ import annotations

import logging
import os

from freezer.api.config import find_files, read_settings
from freezer.api.logs import log_until_the_end
from freezer.api.server import Application, make_application

VARIABLE = "FREEZER_API_CONFIG"
_LOG = logging.getLogger(__name__)


def _files() -> list[str]:
    given = os.environ.get(VARIABLE, "")
    return given.split(os.pathsep) if given else find_files(os.path.expanduser("~"), "/etc")


def _application() -> Application:
    settings = read_settings(_files())
    said: list[str] = []
    log_until_the_end(settings.log, said.append)
    for notice in (*said, *settings.notices):
        _LOG.warning("%s", notice)
    return make_application(settings)


application = _application()
