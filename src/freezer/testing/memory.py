"""A storage in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from freezer.clock import Clock
from freezer.errors import BusyError, ObjectExists, ObjectNotFound, PermanentError
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, check_name, check_prefix

_EXCLUSIVE = -1


class MemoryStorage:
    """Keeps the contract for the threads of one process, except that nothing is durable.

    ``objects`` (name → content) is there for tests to look at and to damage.
    """

    def __init__(self, clock: Clock, *, prepared: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self._modified: dict[str, float] = {}
        self._holders: Counter[str] = Counter()
        self._clock = clock
        self._lock = threading.Lock()
        self._prepared = prepared

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(create_once=True, durable_bytes=False, durable_names=False, holds=True)

    def describe(self) -> str:
        return "memory:"

    def exists(self) -> bool:
        return self._prepared

    def prepare(self) -> None:
        self._prepared = True

    def put(self, name: str, data: Buffer) -> None:
        self._check(name)
        self._store(name, bytes(data))

    def put_new(self, name: str, data: Buffer) -> None:
        self._check(name)
        with self._lock:
            if name in self.objects:
                raise ObjectExists(f"memory: has {name!r} already")
            self._set(name, bytes(data))

    def open_write(self, name: str) -> MemoryUpload:
        self._check(name)
        return MemoryUpload(self, name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = self._find(name)
        return data[offset:] if length is None else data[offset : offset + length]

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        check_prefix(prefix)
        self._check_prepared()
        with self._lock:
            found = [(name, len(data)) for name, data in self.objects.items() if name.startswith(prefix)]
            return [ObjectInfo(name, size, self._modified.get(name, 1.0)) for name, size in sorted(found)]

    def stat(self, name: str) -> ObjectInfo:
        return ObjectInfo(name, len(self._find(name)), self._modified.get(name, 1.0))

    def delete(self, name: str) -> None:
        self._check(name)
        with self._lock:
            self.objects.pop(name, None)
            self._modified.pop(name, None)

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        self._check(name)
        step = 1 if shared else _EXCLUSIVE
        with self._lock:
            holders = self._holders[name]
            if holders < 0 or (holders > 0 and not shared):
                raise BusyError(f"memory: somebody else is working on {name!r}")
            self._holders[name] += step
        try:
            yield
        finally:
            with self._lock:
                self._holders[name] -= step

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        self._check_prepared()
        return []

    def close(self) -> None:
        pass

    def _check(self, name: str) -> None:
        check_name(name)
        self._check_prepared()

    def _check_prepared(self) -> None:
        if not self._prepared:
            raise PermanentError("memory: does not exist")

    def _find(self, name: str) -> bytes:
        self._check(name)
        with self._lock:
            if name not in self.objects:
                raise ObjectNotFound(f"memory: has no object {name!r}")
            return self.objects[name]

    def _store(self, name: str, data: bytes) -> None:
        with self._lock:
            self._set(name, data)

    def _set(self, name: str, data: bytes) -> None:
        self.objects[name] = data
        self._modified[name] = self._clock.now()


class MemoryUpload:
    """An object growing outside of its storage."""

    def __init__(self, storage: MemoryStorage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._data: bytearray | None = bytearray()

    def write(self, offset: int, segment: Buffer) -> None:
        data = self._open()
        if offset != len(data):
            raise PermanentError(f"memory: segment at {offset}, but {len(data)} bytes are written")
        data += segment

    def commit(self) -> None:
        self._storage.put(self._name, bytes(self._open()))
        self._data = None

    def abort(self) -> None:
        self._data = None

    def _open(self) -> bytearray:
        if self._data is None:
            raise PermanentError("memory: the upload has ended already")
        return self._data
