"""Paths of objects and of temporaries."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable

from freezer.errors import PermanentError
from freezer.model.items import printable
from freezer.storage.contract import check_name

TEMP_PREFIX = b".freezer-tmp-"
LOST_AND_FOUND = b"lost+found"
"""What a container that is a file system's root has, and nobody wrote."""

_TEMP = re.compile(rb"\.freezer-tmp-|\.nfs[0-9a-f]{16,}\Z")  # and what NFS makes of files deleted while open


def is_temp(name: bytes) -> bool:
    """Whether ``name`` (one part of a path) is that of a temporary."""
    return _TEMP.match(name) is not None


def temp_path(folder: bytes) -> bytes:
    """A path in ``folder`` for a new temporary."""
    return posixpath.join(folder, TEMP_PREFIX + os.urandom(8).hex().encode())  # which Windows takes, too


def encode(name: str, storage: str) -> bytes:
    """The path of the object ``name`` below its container; :class:`PermanentError` if ``storage`` has no such."""
    try:
        encoded = check_name(name).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PermanentError(f"{name!r} is not a legal object name") from None
    parts = encoded.split(b"/")
    if parts[0] == LOST_AND_FOUND or any(is_temp(part) for part in parts):
        raise PermanentError(f"{shown(name)} is a name that the {storage} storage keeps for itself")
    return encoded


def decode(path: bytes) -> str:
    """The reverse."""
    return path.decode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """``name`` for messages."""
    return printable(name.encode("utf-8", "surrogateescape"))


def remote_root(text: str) -> bytes:
    """The container's path on a server: without the ``~/`` that only shells know, and without slashes at its end."""
    path = text.encode("utf-8", "surrogateescape")
    if path == b"~" or path.startswith(b"~/"):
        path = path[2:]
    return path.rstrip(b"/") or (b"/" if path.startswith(b"/") else b".")


def is_hidden(path: bytes, root: bytes) -> bool:
    """Whether what is at ``path`` on a server, below the container ``root``, is no object's nor an object's folder."""
    return is_temp(posixpath.basename(path)) or path == root + b"/" + LOST_AND_FOUND


def topmost_missing(is_folder: Callable[[bytes], bool], root: bytes, folder: bytes) -> bytes | None:
    """The highest of ``folder`` and its parents below ``root`` that does not exist; None if all do."""
    missing = None
    while folder not in (root, missing) and not is_folder(folder):
        missing = folder
        folder = posixpath.dirname(folder)
    return missing
