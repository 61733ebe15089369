"""Descriptors of directories that are read, opened from their nearest open ancestor.

Paths deeper than PATH_MAX work, and a directory that is swapped for a symbolic link while we look is not followed.
"""

from __future__ import annotations

import os
from collections import OrderedDict

from freezer.tree.system import let_go

_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Handles:
    """A bounded cache of descriptors below one root; use as a context manager. ``status`` is the root's when it was
    opened. OSError if it cannot be."""

    def __init__(self, root: bytes, *, follow: bool = False, limit: int = 64) -> None:
        self._flags = _FLAGS | (0 if follow else _NOFOLLOW)
        self._limit = limit
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self.root = os.open(root, _FLAGS)
        try:
            self.status = os.fstat(self.root)
        except OSError:
            let_go(self.root)
            raise

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *exception: object) -> None:
        for descriptor in (*self._open.values(), self.root):
            let_go(descriptor)
        self._open.clear()

    def directory(self, path: bytes) -> int:
        """The descriptor of ``path`` below the root, valid until ``limit`` others were asked for; OSError if it is
        gone."""
        if not path:
            return self.root
        found = self._open.get(path)
        if found is not None:
            self._open.move_to_end(path)
            return found
        above, missing = self._nearest(path)
        for name in missing:
            above = self._enter(above, name)
        return self._open[path]

    def _nearest(self, path: bytes) -> tuple[bytes, list[bytes]]:
        """The deepest open directory above ``path``, and the names that lead on from there."""
        missing: list[bytes] = []
        while path and path not in self._open:
            path, _, name = path.rpartition(b"/")
            missing.append(name)
        return path, missing[::-1]

    def _enter(self, above: bytes, name: bytes) -> bytes:
        path = above + b"/" + name if above else name
        self._open[path] = os.open(name, self._flags, dir_fd=self._open[above] if above else self.root)
        if len(self._open) > self._limit:
            let_go(self._open.popitem(last=False)[1])
        return path
