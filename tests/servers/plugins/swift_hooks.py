"""Loaded by Swift itself: a log without syslog, and a cache without memcached (for one process)."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable
from typing import Any


def log_to_file(
    conf: dict[str, str], name: str, to_console: bool, route: str, format: str, logger: logging.Logger, adapted: object
) -> None:
    """Swift closes its standard error; the file is that of the setting ``log_file``."""
    if not any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        logger.addHandler(logging.FileHandler(conf["log_file"]))


class Memory:
    """What Swift and keystonemiddleware want of memcached. Values are copies, as they would be there."""

    memcache_servers = ("this process",)

    def __init__(self) -> None:
        self._values: dict[str, tuple[bytes, float]] = {}

    def set(self, key: str, value: object, serialize: bool = True, time: float = 0, **_options: object) -> None:
        self._values[key] = (pickle.dumps(value), _expiry(time))

    def get(self, key: str, **_options: object) -> Any:
        value, expiry = self._values.get(key, (b"", 0.0))
        return pickle.loads(value) if value and expiry > time.time() else None

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        return self.incr(key, -delta, time)

    def delete(self, key: str, **_options: object) -> None:
        self._values.pop(key, None)

    def set_multi(self, mapping: dict[str, object], server_key: str, serialize: bool = True, time: float = 0) -> None:
        for key, value in mapping.items():
            self.set(key, value, time=time)

    def get_multi(self, keys: list[str], server_key: str) -> list[Any]:
        return [self.get(key) for key in keys]


def _expiry(seconds: float) -> float:
    if not seconds:
        return float("inf")
    return seconds if seconds > 30 * 86400 else time.time() + seconds  # as memcached: long ones are dates


def memory_factory(_global: object, **_local: object) -> Callable[[Any], Any]:
    memory = Memory()

    def wrap(app: Any) -> Any:
        def run(env: dict[str, Any], start_response: Any) -> Any:
            env["swift.cache"] = memory
            return app(env, start_response)

        return run

    return wrap
