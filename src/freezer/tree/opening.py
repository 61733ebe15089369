"""Opening what is to be backed up."""

from __future__ import annotations

import os

from freezer.tree.system import O_CLOEXEC, O_NOATIME, O_NOFOLLOW, O_NONBLOCK

_FLAGS = os.O_RDONLY | O_CLOEXEC | O_NONBLOCK | getattr(os, "O_NOCTTY", 0)


class Opener:
    """Opens regular files for reading without touching their times of access, where that is allowed. ``follow``: what a
    symbolic link leads to."""

    def __init__(self, *, follow: bool) -> None:
        self._flags = _FLAGS | (0 if follow else O_NOFOLLOW)
        self._quiet = self._flags | O_NOATIME

    def open(self, folder: int, name: bytes) -> int:
        """A descriptor of ``name`` in the open directory ``folder``."""
        try:
            return os.open(name, self._quiet, dir_fd=folder)
        except PermissionError:
            if not O_NOATIME:
                raise
            return os.open(name, self._flags, dir_fd=folder)  # O_NOATIME is refused to all but the owner and root
