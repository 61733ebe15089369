"""What the objects of a repository are called, all below :data:`PREFIX` in the container."""

from __future__ import annotations

import base64
import enum
import os
import re

from freezer.clock import Clock
from freezer.errors import UnknownFormat

PREFIX = "freezer-dedup/"
CONFIG = "config"
CONFIG_COPY = "config.copy"
COPY = ".copy"  # what the second copy of a slot is called behind the name of the first

_ID = re.compile("[0-9a-v]{26}")
_SHOWN = 200  # characters of a name that is none
_NUMBERED = re.compile("([0-9a-v]{26})-(0|[1-9][0-9]{0,8})")


class Kind(enum.StrEnum):
    """What an object is; part of what it is sealed for."""

    RING = "ring"
    CERTIFICATE = "certificate"
    ATTEMPT = "attempt"
    INDEX = "index"
    ROOT = "root"
    DECISION = "decision"
    CONDEMNED = "condemned"
    TOMB = "tomb"
    HOLD = "hold"
    CHECK = "check"
    DRILL = "drill"
    CATALOG = "catalog"


class Folder(enum.StrEnum):
    """Where the objects of a kind are; each ends in ``/``."""

    KEYS = "keys/"
    RINGS = "rings/"
    AGENTS = "agents/"
    ATTEMPTS = "attempts/"
    PACKS = "packs/"
    META = "meta/"
    INDEX = "index/"
    ROOTS = "roots/"
    COMMITS = "commits/"
    OK = "ok/"
    ABORT = "abort/"
    DONE = "done/"
    GC = "gc/"
    TOMBS = "tombs/"
    HOLDS = "holds/"
    CHECKS = "checks/"
    DRILLS = "drills/"
    RESERVE = "reserve/"


def new_id(clock: Clock) -> str:
    """A name that nobody else has: 26 characters, the time first so that listings are nearly in order."""
    milliseconds = int(clock.now() * 1000).to_bytes(6, "big")
    return base64.b32hexencode(milliseconds + os.urandom(10)).decode().rstrip("=").lower()


def time_of(id: str) -> float:
    """When a name was made, seconds since 1970, by the clock of who made it; 0 if it is none."""
    if not is_id(id):
        return 0.0
    return int.from_bytes(base64.b32hexdecode(f"{id.upper()}======")[:6], "big") / 1000


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def numbered(owner: str, number: int) -> str:
    """``<owner>-<number>``, as packs, index parts and condemned lists are called."""
    return f"{owner}-{number}"


def is_numbered(name: str, owner: str) -> bool:
    """Whether that is a numbered name of ``owner``'s, with or without its folder."""
    found = _NUMBERED.fullmatch(name.rpartition("/")[2])
    return found is not None and found[1] == owner


def owner_of(name: str) -> str:
    """The attempt or collector in a numbered name, with or without its folder; :class:`UnknownFormat` if it is none."""
    found = _NUMBERED.fullmatch(name.rpartition("/")[2])
    if found is None:
        raise UnknownFormat(f"{PREFIX}{name[:_SHOWN]} is no name that a repository has")
    return found[1]


def number_of(name: str) -> int:
    """The number in a numbered name."""
    owner_of(name)
    return int(name.rpartition("-")[2])
