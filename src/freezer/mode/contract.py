"""What every mode promises."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Source(msgspec.Struct, frozen=True):
    """What an engine reads: everything in the directory ``path`` (absolute), or with ``name`` only that entry of it."""

    path: bytes
    name: bytes | None = None


class Mode(Protocol):
    """One kind of thing that can be backed up."""

    def prepare(self) -> AbstractContextManager[Source]:
        """The source, ready to be read while the context lasts; :class:`freezer.errors.SourceError` if there is nothing
        to read. What the user should know but does not prevent a backup goes to the mode's ``notice``."""
        ...
