"""A storage with a speed limit."""

from __future__ import annotations

import threading

from freezer.clock import Clock
from freezer.storage.contract import Buffer, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper


class TokenBucket:
    """Lets ``rate`` bytes a second pass, for all threads and storages that share it, and never more ahead of time.

    Time that nobody used is lost: a pause is not made up for by a burst.
    """

    def __init__(self, rate: int, clock: Clock) -> None:
        if rate <= 0:
            raise ValueError(f"a rate of {rate} bytes a second lets nothing pass")
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock.monotonic()

    def take(self, size: int) -> None:
        """Return when ``size`` bytes may have passed: in the turn of the callers, ``size / rate`` seconds each."""
        with self._lock:
            now = self._clock.monotonic()
            self._free_at = max(self._free_at, now) + size / self._rate
            wait = self._free_at - now
        self._clock.sleep(wait)


class ThrottledStorage(StorageWrapper):
    """``inner`` within ``upload`` and ``download``, which other storages may share; None is without limit.

    The limit holds on average over one call: a segment goes out in one piece, after the time it is worth.
    """

    def __init__(self, inner: Storage, *, upload: TokenBucket | None, download: TokenBucket | None) -> None:
        super().__init__(inner)
        self._upload = upload
        self._download = download

    def put(self, name: str, data: Buffer) -> None:
        _take(self._upload, data)
        self._inner.put(name, data)

    def put_new(self, name: str, data: Buffer) -> None:
        _take(self._upload, data)
        self._inner.put_new(name, data)

    def open_write(self, name: str) -> Upload:
        return _ThrottledUpload(self._inner.open_write(name), self._upload)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = self._inner.get(name, offset, length)
        _take(self._download, data)
        return data


class _ThrottledUpload(UploadWrapper):
    def __init__(self, inner: Upload, bucket: TokenBucket | None) -> None:
        super().__init__(inner)
        self._bucket = bucket

    def write(self, offset: int, segment: Buffer) -> None:
        _take(self._bucket, segment)
        self._inner.write(offset, segment)


def _take(bucket: TokenBucket | None, data: Buffer) -> None:
    if bucket is not None:
        bucket.take(memoryview(data).nbytes)
