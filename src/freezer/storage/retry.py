"""A storage that tries again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from freezer.clock import Clock
from freezer.errors import ObjectExists, ObjectNotFound, StorageError, TransientError
from freezer.storage.contract import Buffer, ObjectInfo, Storage, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper

T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True):
    """How long to go on: at most ``tries`` calls, none begun later than ``total`` seconds after the first.

    Between two calls ``first_delay`` seconds, growing by ``factor`` up to ``max_delay``, of which a random half is
    left out, so that many agents do not come back at the same instant; longer if the server asks for it
    (:attr:`freezer.errors.TransientError.retry_after`).
    """

    tries: int = 8
    total: float = 900.0
    first_delay: float = 0.5
    factor: float = 2.0
    max_delay: float = 60.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures; ``chance`` is from [0, 1)."""
        longest: float = min(self.max_delay, self.first_delay * self.factor ** (failures - 1))
        return longest * (1 - chance / 2)


class Retry:
    """Repeats calls that fail with a retryable :class:`StorageError`."""

    def __init__(self, policy: RetryPolicy, clock: Clock, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._chance = chance

    def __call__(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns in the end, or its last error."""
        deadline = self._clock.monotonic() + self._policy.total
        failures = 0
        while True:
            try:
                return attempt()
            except StorageError as error:
                failures += 1
                if not error.retryable or failures >= self._policy.tries:
                    raise
                delay = self._policy.delay(failures, self._chance())
                if isinstance(error, TransientError) and error.retry_after is not None:
                    delay = max(delay, error.retry_after)
                if self._clock.monotonic() + delay > deadline:
                    raise
            self._clock.sleep(delay)


class RetryingStorage(StorageWrapper):
    """``inner``, with every operation repeated that may be.

    An earlier call of ``put_new`` may have succeeded although its answer was lost; then the next one finds the name
    taken. What is stored decides, so writers who compete for a name must not store equal bytes (a nonce in them does).
    Never repeated are ``sweep``, which would forget what it has removed, and ``hold``.
    A storage whose ``commit`` raises a retryable error promises that it may be called again.
    """

    def __init__(
        self,
        inner: Storage,
        clock: Clock,
        policy: RetryPolicy | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(inner)
        self._retry = Retry(policy or RetryPolicy(), clock, chance)

    def exists(self) -> bool:
        return self._retry(self._inner.exists)

    def prepare(self) -> None:
        self._retry(self._inner.prepare)

    def put(self, name: str, data: Buffer) -> None:
        self._retry(lambda: self._inner.put(name, data))

    def put_new(self, name: str, data: Buffer) -> None:
        doubt = False

        def attempt() -> None:
            nonlocal doubt
            try:
                self._inner.put_new(name, data)
            except ObjectExists:
                if not doubt or not self._is_there(name, data):
                    raise
            except StorageError:
                doubt = True
                raise

        self._retry(attempt)

    def open_write(self, name: str) -> Upload:
        return _RetryingUpload(self._retry(lambda: self._inner.open_write(name)), self._retry)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self._retry(lambda: self._inner.get(name, offset, length))

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        return self._retry(lambda: self._inner.list(prefix))

    def stat(self, name: str) -> ObjectInfo:
        return self._retry(lambda: self._inner.stat(name))

    def delete(self, name: str) -> None:
        self._retry(lambda: self._inner.delete(name))

    def _is_there(self, name: str, data: Buffer) -> bool:
        """Whether it is ``data`` that the name was taken for."""
        try:
            return self._inner.get(name, 0, memoryview(data).nbytes + 1) == data
        except ObjectNotFound:
            return False


class _RetryingUpload(UploadWrapper):
    def __init__(self, inner: Upload, retry: Retry) -> None:
        super().__init__(inner)
        self._retry = retry

    def write(self, offset: int, segment: Buffer) -> None:
        self._retry(lambda: self._inner.write(offset, segment))

    def commit(self) -> None:
        self._retry(self._inner.commit)
