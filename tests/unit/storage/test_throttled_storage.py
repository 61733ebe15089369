from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from freezer.clock import SystemClock
from freezer.storage.contract import Storage
from freezer.storage.throttle import ThrottledStorage, TokenBucket
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage


def _upload(storage: Storage) -> None:
    upload = storage.open_write("object")
    for offset in range(0, 4000, 1000):
        upload.write(offset, bytes(1000))
    upload.commit()


SENDERS: dict[str, Callable[[Storage], None]] = {
    "put": lambda storage: storage.put("object", bytes(4000)),
    "put_new": lambda storage: storage.put_new("object", memoryview(bytes(4000))),
    "upload": _upload,
}


@pytest.mark.parametrize("way", SENDERS)
def test_every_way_of_sending_is_limited(way: str) -> None:
    clock = FakeClock()
    storage = ThrottledStorage(MemoryStorage(clock), upload=TokenBucket(1000, clock), download=None)
    SENDERS[way](storage)
    assert clock.monotonic() == pytest.approx(4.0)
    storage.get("object")
    assert clock.monotonic() == pytest.approx(4.0)


def test_downloads_have_a_limit_of_their_own() -> None:
    clock = FakeClock()
    storage = ThrottledStorage(MemoryStorage(clock), upload=None, download=TokenBucket(1000, clock))
    storage.put("object", bytes(4000))
    assert clock.monotonic() == 0
    storage.get("object")
    assert clock.monotonic() == pytest.approx(4.0)
    storage.get("object", 1000, 500)
    assert clock.monotonic() == pytest.approx(4.5)


def test_time_that_nobody_used_is_not_made_up_for() -> None:
    clock = FakeClock()
    bucket = TokenBucket(1000, clock)
    clock.advance(100)
    bucket.take(2000)
    assert clock.slept == [pytest.approx(2.0)]


def test_storages_with_one_bucket_share_its_rate_by_the_clock_on_the_wall() -> None:
    clock = SystemClock()
    bucket = TokenBucket(1_000_000, clock)
    storages = [ThrottledStorage(MemoryStorage(clock), upload=bucket, download=None) for _ in range(3)]

    def send(storage: Storage) -> None:
        for number in range(10):
            storage.put(str(number), bytes(20_000))

    threads = [threading.Thread(target=send, args=(storage,)) for storage in storages]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started >= 0.6  # 600 kB at 1 MB/s


def test_a_rate_that_lets_nothing_pass_is_refused() -> None:
    with pytest.raises(ValueError, match="a rate of 0"):
        TokenBucket(0, SystemClock())
