"""What an agent gets of our environment.

``/proc`` shows the variables that a process was started with, and everything that it starts inherits them. So only what
is no secret goes that way; credentials and proxies, which may hold passwords, are handed over in a file that the agent
removes when it has read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from freezer.stint.identity import MARK

_HARMLESS = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)"
    "|REQUESTS_CA_BUNDLE|LD_LIBRARY_PATH|SSH_AUTH_SOCK|PYTHON(PATH|WARNINGS|UTF8|HASHSEED)|VIRTUAL_ENV"
    "|XDG_[A-Z_]+|COVERAGE_[A-Z_]+|SYSTEMROOT"
)
_PRIVATE = re.compile("(OS|AWS)_[A-Z0-9_]+|(http|https|no|all|HTTP|HTTPS|NO|ALL)_(proxy|PROXY)")


def surroundings(environ: Mapping[str, str], folder: str) -> dict[str, str]:
    """The environment of an agent whose run directory is ``folder``."""
    kept = {name: value for name, value in environ.items() if _HARMLESS.fullmatch(name)}
    return {**kept, MARK: folder}


def credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """What of ``environ`` says who we are in a cloud and how to get there, for agents that act as ourselves."""
    return {name: value for name, value in environ.items() if _PRIVATE.fullmatch(name)}
