"""A storage that is asked for the same listing only once: for an action that looks through a container several times.

A listing of an object store is a request for every thousand names, that of an FTP server one for every folder.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from freezer.storage.contract import Buffer, ObjectInfo, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper


class RememberingStorage(StorageWrapper):
    """``inner``, whose listings are kept as they were, whatever others do meanwhile, until something is changed through
    this wrapper. Only a listing of exactly the same prefix is used again: one that was taken as part of a larger one
    would be of another moment than its reader thinks."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self._lock = threading.Lock()
        self._listings: dict[str, Sequence[ObjectInfo]] = {}
        self._changes = 0

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        with self._lock:
            known, changes = self._listings.get(prefix), self._changes
        if known is None:
            known = self._inner.list(prefix)
            with self._lock:
                if changes == self._changes:  # or it may have begun before the change
                    self._listings[prefix] = known
        return known

    def prepare(self) -> None:
        with self._changing():
            self._inner.prepare()

    def put(self, name: str, data: Buffer) -> None:
        with self._changing():
            self._inner.put(name, data)

    def put_new(self, name: str, data: Buffer) -> None:
        with self._changing():
            self._inner.put_new(name, data)

    def open_write(self, name: str) -> Upload:
        return _RememberingUpload(self._inner.open_write(name), self)

    def delete(self, name: str) -> None:
        with self._changing():
            self._inner.delete(name)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        with self._changing():
            return self._inner.sweep(older_than, dry_run=dry_run)

    def forget(self) -> None:
        """Ask anew from now on."""
        with self._lock:
            self._listings.clear()
            self._changes += 1

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Forget in the end, also after an error, which may have had its effect."""
        try:
            yield
        finally:
            self.forget()


class _RememberingUpload(UploadWrapper):
    def __init__(self, inner: Upload, storage: RememberingStorage) -> None:
        super().__init__(inner)
        self._storage = storage

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self._storage.forget()
