"""Where the objects of a project are, below the address that a catalogue or a user gives.

All of these are given in the wild: ``http://host:9090``, ``http://host/backup/``, ``http://host:9090/v2`` and
``http://host:9090/v2/<project>``; what is missing is added, what is there is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from freezer.errors import UsageError

_VERSION = re.compile(r"\A(?P<root>.*?)/v(?P<number>\d+)(?:/(?P<project>[^/]+))?\Z")


def root_of(url: str) -> str:
    """``url`` without version and project: where the versions are told."""
    stripped = _checked(url)
    match = _VERSION.match(stripped)
    return match["root"] if match else stripped


def base_of(url: str, project: Callable[[], str]) -> str:
    """The address of the objects; ``project`` is asked for its id if ``url`` does not end in one."""
    stripped = _checked(url)
    match = _VERSION.match(stripped)
    if match is None:
        return f"{stripped}/v2/{project()}"
    if match["number"] != "2":
        raise UsageError(
            f"{url} is the address of API version {match['number']}, and only 2 is spoken here",
            hint=f"try {match['root']}/v2",
        )
    return stripped if match["project"] else f"{stripped}/{project()}"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url} is no address of an API: it must begin with http:// or https://")
    if parts.query or parts.fragment:
        raise UsageError(f"{url} is no address of an API: it must end with its path")
    return url.rstrip("/")
