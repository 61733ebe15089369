"""A storage that is given up when it does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from freezer.errors import StorageError
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper

T = TypeVar("T")

GRACE = 10.0
"""Seconds that cleaning up may take at most, since nothing depends on it."""


class _Call:
    """Something to be done by another thread."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.error = error
        finally:
            self.done.set()


class PatientStorage(StorageWrapper):
    """``inner``, each call of which may take ``limit`` seconds.

    One that takes longer is abandoned: it and all later calls raise :class:`StorageError`, ``abort`` and ``close`` do
    nothing, and what the hanging call was to write is up to :meth:`sweep`. All calls are made by one thread, one after
    the other; it does not keep a program from ending. For runs that have other storages to serve.
    """

    def __init__(self, inner: Storage, limit: float) -> None:
        super().__init__(inner)
        self._limit = limit
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._given_up = False
        threading.Thread(target=self._serve, name="storage", daemon=True).start()

    @property
    def capabilities(self) -> Capabilities:
        return self.call(lambda: self._inner.capabilities)

    def exists(self) -> bool:
        return self.call(self._inner.exists)

    def prepare(self) -> None:
        self.call(self._inner.prepare)

    def put(self, name: str, data: Buffer) -> None:
        self.call(lambda: self._inner.put(name, data))

    def put_new(self, name: str, data: Buffer) -> None:
        self.call(lambda: self._inner.put_new(name, data))

    def open_write(self, name: str) -> Upload:
        return _PatientUpload(self.call(lambda: self._inner.open_write(name)), self)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self.call(lambda: self._inner.get(name, offset, length))

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        return self.call(lambda: self._inner.list(prefix))

    def stat(self, name: str) -> ObjectInfo:
        return self.call(lambda: self._inner.stat(name))

    def delete(self, name: str) -> None:
        self.call(lambda: self._inner.delete(name))

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        held = self._inner.hold(name, shared=shared)
        self.call(held.__enter__)
        try:
            yield
        finally:
            if not self._given_up:
                self.call(lambda: held.__exit__(None, None, None))

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        return self.call(lambda: self._inner.sweep(older_than, dry_run=dry_run))

    def close(self) -> None:
        self.finish(self._inner.close)
        self._calls.put(None)

    def call(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, if it does so in time."""
        if self._given_up:
            raise self._gave_up()
        call = self._begin(work, self._limit)
        if call is None:
            raise self._gave_up()
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def finish(self, work: Callable[[], None]) -> None:
        """Do ``work``, which only cleans up, unless nobody answers any more."""
        if self._given_up:
            return
        call = self._begin(work, min(self._limit, GRACE))
        if call is not None and call.error is not None:
            raise call.error

    def _begin(self, work: Callable[[], object], limit: float) -> _Call | None:
        """The call, over; None if it took too long."""
        call = _Call(work)
        self._calls.put(call)
        if call.done.wait(limit):
            return call
        self._given_up = True
        return None

    def _gave_up(self) -> StorageError:
        return StorageError(f"{self.describe()} was given up: it did not answer for {self._limit:g} seconds")

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()


class _PatientUpload(UploadWrapper):
    def __init__(self, inner: Upload, storage: PatientStorage) -> None:
        super().__init__(inner)
        self._storage = storage

    def write(self, offset: int, segment: Buffer) -> None:
        self._storage.call(lambda: self._inner.write(offset, segment))

    def commit(self) -> None:
        self._storage.call(self._inner.commit)

    def abort(self) -> None:
        self._storage.finish(self._inner.abort)
