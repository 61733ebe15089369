from __future__ import annotations

import threading

import pytest

from freezer.clock import Interrupted, SystemClock, interruptible


def test_a_sleep_ends_when_its_thread_is_to_stop_and_only_that_one() -> None:
    clock, stop, ended = SystemClock(), threading.Event(), []

    def sleep(seconds: float) -> None:
        with interruptible(stop):
            try:
                clock.sleep(seconds)
                ended.append("slept")
            except Interrupted:
                ended.append("interrupted")

    threads = [threading.Thread(target=sleep, args=(600.0,)), threading.Thread(target=clock.sleep, args=(0.4,))]
    began = clock.monotonic()
    for thread in threads:
        thread.start()
    threading.Timer(0.1, stop.set).start()
    threads[0].join(60)
    assert ended == ["interrupted"]
    assert clock.monotonic() - began > 0.05
    threads[1].join(60)
    assert clock.monotonic() - began >= 0.4


def test_an_interruptible_sleep_takes_its_time_and_leaves_no_trace() -> None:
    clock, stop = SystemClock(), threading.Event()
    began = clock.monotonic()
    with interruptible(stop):
        clock.sleep(0.1)
    assert clock.monotonic() - began >= 0.1
    stop.set()
    clock.sleep(0.01)
    with interruptible(stop):
        clock.sleep(0)
        with pytest.raises(Interrupted):
            clock.sleep(0.01)
