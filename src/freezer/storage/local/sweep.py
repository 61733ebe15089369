"""What dead writers left in a container."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from freezer.storage.files.names import LOST_AND_FOUND, TEMP_PREFIX
from freezer.storage.local import durable, lock
from freezer.storage.local.reading import O_READ


class Sweep:
    """One walk over the container ``root``; ``removed`` are the paths that went, or would go, relative to it."""

    def __init__(self, root: bytes, older_than: float, *, dry_run: bool) -> None:
        self._root = root
        self._older_than = older_than
        self._dry_run = dry_run
        self.removed: list[bytes] = []

    def run(self) -> None:
        """OSError if a folder cannot be read."""
        self._clean(self._root)

    def _clean(self, folder: bytes) -> int:
        """Sweep what is in ``folder``; how many entries stay there."""
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        return sum(self._stays(entry) for entry in entries)

    def _stays(self, entry: os.DirEntry[bytes]) -> bool:
        if entry.path == os.path.join(self._root, LOST_AND_FOUND):
            return True
        is_folder = entry.is_dir(follow_symlinks=False)
        with suppress(FileNotFoundError):
            if entry.name.startswith(TEMP_PREFIX):
                dead = self._tree_is_dead(entry.path) if is_folder else self._file_is_dead(entry.path)
                return not (dead and self._remove_temp(entry.path, is_folder=is_folder))
            if is_folder:
                touched = entry.stat(follow_symlinks=False).st_mtime  # before we change it ourselves
                return bool(self._clean(entry.path)) or not self._remove_folder(entry.path, touched)
            return True
        return False

    def _file_is_dead(self, path: bytes) -> bool:
        """Old, and its writer, who keeps it locked while it lives, is gone."""
        if os.lstat(path).st_mtime >= self._older_than:
            return False
        with lock.unless_held(path, O_READ) as free:
            return free

    def _tree_is_dead(self, tree: bytes) -> bool:
        for folder, _, files in os.walk(tree):
            if os.lstat(folder).st_mtime >= self._older_than:
                return False
            if not all(self._file_is_dead(os.path.join(folder, name)) for name in files):
                return False
        return True

    def _remove_temp(self, path: bytes, *, is_folder: bool) -> bool:
        if not self._dry_run:
            if is_folder:
                shutil.rmtree(path)
            else:
                os.unlink(path)
        self.removed.append(os.path.relpath(path, self._root))
        return True

    def _remove_folder(self, path: bytes, touched: float) -> bool:
        if touched >= self._older_than:
            return False
        if self._dry_run:
            with lock.unless_held(path) as free:
                gone = free
        else:
            gone = durable.remove_empty(path)
        if gone:
            self.removed.append(os.path.relpath(path, self._root) + b"/")
        return gone
