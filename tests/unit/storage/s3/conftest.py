"""A small S3 of each test's own, and the storage in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.s3 import S3Storage
from freezer.testing.clock import FakeClock
from support.small_s3 import BUCKET, SmallS3


@pytest.fixture
def s3() -> Iterator[SmallS3]:
    server = SmallS3()
    yield server
    server.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def storage(s3: SmallS3, clock: FakeClock) -> Iterator[S3Storage]:
    opened = S3Storage(s3.access(), BUCKET, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def retrying(storage: S3Storage, clock: FakeClock) -> RetryingStorage:
    return RetryingStorage(storage, clock, RetryPolicy(tries=5), chance=lambda: 0.0)
