"""A storage that fails as scripted.

Every operation is counted, in the order of its beginning, as ``Call(operation, name)``; ``write``, ``commit`` and
``abort`` of uploads are operations, too. A :class:`Fault` picks the calls it strikes by operation, name and number.
To let a program die at each storage operation in turn: run it once for ``len(storage.calls)``, then with
``Fault.death(at=k)`` for each k from 1.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeVar

from freezer.errors import FreezerError, TransientError
from freezer.storage.contract import Buffer, ObjectInfo, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper

T = TypeVar("T")


class Died(BaseException):
    """The program died here: nothing that is stored changes any more, whoever tries. Not to be caught, but by tests."""


class Call(NamedTuple):
    """One operation and the object, prefix or set it was about."""

    operation: str
    name: str


class Kind(enum.Enum):
    """What goes wrong: an error before, or after, the operation had its effect; death before or after; ``get`` with
    half of the bytes; ``list`` with what it returned when it was first called with that prefix."""

    BEFORE = "before"
    AFTER = "after"
    DEATH_BEFORE = "death before"
    DEATH_AFTER = "death after"
    SHORT_GET = "short get"
    STALE_LIST = "stale list"


@dataclass(frozen=True)
class Fault:
    """Strikes the calls of ``operation`` (a pattern) about ``name`` (a pattern): the ``at``-th that matches (from 1)
    and the ``times − 1`` after it; ``times`` None is for ever."""

    kind: Kind
    operation: str = "*"
    name: str = "*"
    at: int = 1
    times: int | None = 1
    error: Callable[[], FreezerError] = field(default=lambda: TransientError("the connection was lost"))

    @classmethod
    def death(cls, *, at: int, after: bool = False) -> Fault:
        """Death at the ``at``-th operation of all."""
        return cls(Kind.DEATH_AFTER if after else Kind.DEATH_BEFORE, at=at)

    def matches(self, call: Call) -> bool:
        return fnmatchcase(call.operation, self.operation) and fnmatchcase(call.name, self.name)

    def strikes(self, number: int) -> bool:
        """Whether the ``number``-th matching call is hit."""
        return self.at <= number and (self.times is None or number < self.at + self.times)


class FaultyStorage(StorageWrapper):
    """``inner`` with ``faults``; ``calls`` is what has been tried so far."""

    def __init__(self, inner: Storage, faults: Iterable[Fault] = ()) -> None:
        super().__init__(inner)
        self.calls: list[Call] = []
        self._faults = [(fault, iter(range(1, 1 << 60))) for fault in faults]
        self._first_lists: dict[str, Sequence[ObjectInfo]] = {}
        self._dead = False
        self._lock = threading.Lock()

    def exists(self) -> bool:
        return self.run("exists", "", self._inner.exists)

    def prepare(self) -> None:
        self.run("prepare", "", self._inner.prepare)

    def put(self, name: str, data: Buffer) -> None:
        self.run("put", name, lambda: self._inner.put(name, data))

    def put_new(self, name: str, data: Buffer) -> None:
        self.run("put_new", name, lambda: self._inner.put_new(name, data))

    def open_write(self, name: str) -> Upload:
        return _FaultyUpload(self.run("open_write", name, lambda: self._inner.open_write(name)), self, name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        kinds: set[Kind] = set()
        data = self.run("get", name, lambda: self._inner.get(name, offset, length), kinds)
        return data[: len(data) // 2] if Kind.SHORT_GET in kinds else data

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        kinds: set[Kind] = set()
        objects = self.run("list", prefix, lambda: self._inner.list(prefix), kinds)
        first = self._first_lists.setdefault(prefix, objects)
        return first if Kind.STALE_LIST in kinds else objects

    def stat(self, name: str) -> ObjectInfo:
        return self.run("stat", name, lambda: self._inner.stat(name))

    def delete(self, name: str) -> None:
        self.run("delete", name, lambda: self._inner.delete(name))

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        hold = self.run("hold", name, lambda: self._inner.hold(name, shared=shared))
        with hold:  # released by death as well
            yield

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        return self.run("sweep", "", lambda: self._inner.sweep(older_than, dry_run=dry_run))

    def run(self, operation: str, name: str, effect: Callable[[], T], kinds: set[Kind] | None = None) -> T:
        """Do ``effect`` with the faults that strike; ``kinds`` receives those that the caller has to act out."""
        faults = self._begin(Call(operation, name))
        self._fail(faults, Kind.BEFORE, Kind.DEATH_BEFORE)
        try:
            result = effect()
        except FreezerError:
            self._fail(faults, None, Kind.DEATH_AFTER)
            raise
        self._fail(faults, Kind.AFTER, Kind.DEATH_AFTER)
        if kinds is not None:
            kinds.update(fault.kind for fault in faults)
        return result

    def _begin(self, call: Call) -> Sequence[Fault]:
        with self._lock:
            if self._dead:
                raise Died
            self.calls.append(call)
            return [fault for fault, numbers in self._faults if fault.matches(call) and fault.strikes(next(numbers))]

    def _fail(self, faults: Sequence[Fault], error: Kind | None, death: Kind) -> None:
        for fault in faults:
            if fault.kind is death:
                self._dead = True
                raise Died
            if fault.kind is error:
                raise fault.error()


class _FaultyUpload(UploadWrapper):
    def __init__(self, inner: Upload, storage: FaultyStorage, name: str) -> None:
        super().__init__(inner)
        self._storage = storage
        self._name = name

    def write(self, offset: int, segment: Buffer) -> None:
        self._storage.run("write", self._name, lambda: self._inner.write(offset, segment))

    def commit(self) -> None:
        self._storage.run("commit", self._name, self._inner.commit)

    def abort(self) -> None:
        self._storage.run("abort", self._name, self._inner.abort)
