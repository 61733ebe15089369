"""A storage that is never changed: for dry runs, and for looking at other people's containers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import msgspec

from freezer.errors import PermissionDenied
from freezer.storage.contract import Buffer, Capabilities, Upload
from freezer.storage.wrapper import StorageWrapper


class ReadOnlyStorage(StorageWrapper):
    """Refuses whatever would change ``inner``. Holding would (it leaves traces in most storages), so that everybody is
    let in and ``capabilities.holds`` is false."""

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(self._inner.capabilities, holds=False)

    def prepare(self) -> None:
        if not self._inner.exists():
            self._refuse("create the container")

    def put(self, name: str, data: Buffer) -> None:
        self._refuse(f"store {name!r}")

    def put_new(self, name: str, data: Buffer) -> None:
        self._refuse(f"store {name!r}")

    def open_write(self, name: str) -> Upload:
        self._refuse(f"store {name!r}")

    def delete(self, name: str) -> None:
        self._refuse(f"delete {name!r}")

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        yield

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        if not dry_run:
            self._refuse("sweep the container")
        return self._inner.sweep(older_than, dry_run=True)

    def _refuse(self, action: str) -> NoReturn:
        raise PermissionDenied(f"{self.describe()}: will not {action}: it is open for reading only")
