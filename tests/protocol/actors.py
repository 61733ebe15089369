"""Programs that do one operation of their storage when they are told to, so that a test decides who comes next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from freezer.errors import FreezerError
from freezer.storage.contract import Buffer, ObjectInfo, Storage
from freezer.storage.wrapper import StorageWrapper
from freezer.testing.faulty import Died

T = TypeVar("T")

_PATIENCE = 60.0  # seconds after which a program that does nothing counts as hung


class Actor(Generic[T]):
    """Runs ``play``, with a storage of its own around ``inner``, in a thread that stops before every operation.

    ``result`` is what it returned; ``failure`` the :class:`FreezerError` that it raised instead. Anything else that it
    raises is raised by :meth:`step`.
    """

    def __init__(self, inner: Storage, play: Callable[[Storage], T]) -> None:
        self.result: T | None = None
        self.failure: FreezerError | None = None
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._waiting = self._working = self._allowed = 0
        self._ended = self._dead = False
        self._fault: FreezerError | None = None
        self._fault_after = False
        self._play = play
        self._thread = threading.Thread(target=self._run, args=(_Steps(inner, self),), daemon=True)
        self._thread.start()
        self._settle()

    @property
    def ended(self) -> bool:
        return self._ended

    def step(self, fault: FreezerError | None = None, *, after: bool = False) -> None:
        """One operation; with a ``fault`` it fails, before or ``after`` it had its effect."""
        with self._changed:
            if self._ended:
                return
            self._fault, self._fault_after = fault, after
            self._allowed = 1
            self._changed.notify_all()
        self._settle()

    def run(self) -> None:
        """To the end."""
        while not self._ended:
            self.step()

    def kill(self) -> None:
        """As a process dies: from now on it has no effect on anything."""
        with self._changed:
            self._dead = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), "a program did not end although its storage is gone"

    def operation(self, effect: Callable[[], T]) -> T:
        """Called in whatever thread of the program does something with the storage."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._allowed or self._dead)
            self._waiting -= 1
            if self._dead:
                raise Died
            self._allowed = 0
            self._working += 1
            fault, after = self._fault, self._fault_after
            self._fault = None
        try:
            if fault is not None and not after:
                raise fault
            result = effect()
            if fault is not None:
                raise fault
            return result
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _run(self, storage: Storage) -> None:
        try:
            self.result = self._play(storage)
        except FreezerError as error:
            self.failure = error
        except Died:
            pass
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _settle(self) -> None:
        """Wait until it stands before its next operation, or has ended."""
        with self._changed:
            quiet = self._changed.wait_for(
                lambda: self._ended or (self._waiting and not self._working and not self._allowed), _PATIENCE
            )
        assert quiet, "a program hangs"
        if self._error is not None:
            raise self._error


class _Steps(StorageWrapper):
    def __init__(self, inner: Storage, actor: Actor[T]) -> None:
        super().__init__(inner)
        self._actor = actor

    def put(self, name: str, data: Buffer) -> None:
        self._actor.operation(lambda: self._inner.put(name, data))

    def put_new(self, name: str, data: Buffer) -> None:
        self._actor.operation(lambda: self._inner.put_new(name, data))

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self._actor.operation(lambda: self._inner.get(name, offset, length))

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        return self._actor.operation(lambda: self._inner.list(prefix))

    def stat(self, name: str) -> ObjectInfo:
        return self._actor.operation(lambda: self._inner.stat(name))

    def delete(self, name: str) -> None:
        self._actor.operation(lambda: self._inner.delete(name))
