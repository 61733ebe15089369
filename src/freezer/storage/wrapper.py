"""A storage around another: what all wrappers share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Storage, Upload
from freezer.stream.delivery import Lagging


class StorageWrapper:
    """Does everything as ``inner`` does; wrappers override what they change."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def describe(self) -> str:
        return self._inner.describe()

    def exists(self) -> bool:
        return self._inner.exists()

    def prepare(self) -> None:
        self._inner.prepare()

    def put(self, name: str, data: Buffer) -> None:
        self._inner.put(name, data)

    def put_new(self, name: str, data: Buffer) -> None:
        self._inner.put_new(name, data)

    def open_write(self, name: str) -> Upload:
        return self._inner.open_write(name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self._inner.get(name, offset, length)

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        return self._inner.list(prefix)

    def stat(self, name: str) -> ObjectInfo:
        return self._inner.stat(name)

    def delete(self, name: str) -> None:
        self._inner.delete(name)

    def hold(self, name: str, *, shared: bool = False) -> AbstractContextManager[None]:
        return self._inner.hold(name, shared=shared)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        return self._inner.sweep(older_than, dry_run=dry_run)

    def close(self) -> None:
        self._inner.close()


class UploadWrapper:
    """Does everything as ``inner`` does."""

    def __init__(self, inner: Upload) -> None:
        self._inner = inner

    def write(self, offset: int, segment: Buffer) -> None:
        self._inner.write(offset, segment)

    def commit(self) -> None:
        self._inner.commit()

    def abort(self) -> None:
        self._inner.abort()

    @property
    def in_flight(self) -> int:
        """Bytes taken that are not acknowledged (:class:`freezer.stream.delivery.Lagging`)."""
        return self._inner.in_flight if isinstance(self._inner, Lagging) else 0
