"""A storage at the end of a slow line."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.clock import Clock
from freezer.storage.contract import Buffer, ObjectInfo, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper


class SlowStorage(StorageWrapper):
    """Each operation takes ``latency`` seconds, and the bytes it moves ``size / rate`` more (None: no time)."""

    def __init__(self, inner: Storage, clock: Clock, *, latency: float = 0.0, rate: float | None = None) -> None:
        super().__init__(inner)
        self._clock = clock
        self._latency = latency
        self._rate = rate

    def put(self, name: str, data: Buffer) -> None:
        self.pause(memoryview(data).nbytes)
        self._inner.put(name, data)

    def put_new(self, name: str, data: Buffer) -> None:
        self.pause(memoryview(data).nbytes)
        self._inner.put_new(name, data)

    def open_write(self, name: str) -> Upload:
        self.pause()
        return _SlowUpload(self._inner.open_write(name), self)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = self._inner.get(name, offset, length)
        self.pause(len(data))
        return data

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        self.pause()
        return self._inner.list(prefix)

    def stat(self, name: str) -> ObjectInfo:
        self.pause()
        return self._inner.stat(name)

    def delete(self, name: str) -> None:
        self.pause()
        self._inner.delete(name)

    def pause(self, size: int = 0) -> None:
        """Wait as long as one operation with ``size`` bytes takes."""
        self._clock.sleep(self._latency + (size / self._rate if self._rate else 0.0))


class _SlowUpload(UploadWrapper):
    def __init__(self, inner: Upload, storage: SlowStorage) -> None:
        super().__init__(inner)
        self._storage = storage

    def write(self, offset: int, segment: Buffer) -> None:
        self._storage.pause(memoryview(segment).nbytes)
        self._inner.write(offset, segment)

    def commit(self) -> None:
        self._storage.pause()
        self._inner.commit()
