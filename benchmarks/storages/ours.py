"""Freezer's part, in a process of its own: ``python -m benchmarks.storages.ours TASK JSON``, which prints what the task
alone took: CPU seconds, of child processes, too, and wall seconds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from freezer.clock import SystemClock
from freezer.secret import Secret
from freezer.storage.ahead import read_ahead
from freezer.storage.contract import Storage

SEGMENT = 32 << 20
PIECE = b"\xa7" * 4096
AT_ONCE = 16
"""Small objects on their way."""

_READ = 4 << 20
_NAME, _FIRST = "object/data", "object/first"
_WARM = 64 << 20  # bytes: enough for a storage to find out that more connections are worth it, and to make them
About = Mapping[str, Any]


class _Admitted:
    """Access to a Swift whose address and token are known."""

    trust = None

    def __init__(self, about: About) -> None:
        self._about = about

    def token(self) -> str:
        return str(self._about["token"])

    def renew(self, refused: str) -> str:
        raise RuntimeError("the token is refused")

    def address(self, service: str, name: str) -> str:
        return f"http://{self._about['host']}:{self._about['port']}{self._about['path']}"

    def close(self) -> None:
        pass


def opened(about: About) -> Storage:
    """The storage that ``about`` leads to."""
    kind, clock = about["storage"], SystemClock()
    if kind == "swift":
        from freezer.storage.swift import SwiftStorage

        return SwiftStorage(_Admitted(about), about["container"])
    if kind == "s3":
        from freezer.storage.s3 import Access, S3Storage
        from freezer.storage.s3.signing import Keys

        keys = Keys(about["access_key"], Secret.from_text(about["secret_key"]))
        access = Access(lambda: keys, f"http://{about['host']}:{about['port']}")
        return S3Storage(access, about["container"], clock=clock)
    if kind == "ssh":
        from freezer.storage.ssh import Server, SshStorage

        server = Server(about["host"], about["port"], about["user"], about["key"], accept_new_host_key=True)
        return SshStorage(server, f"{about['folder']}/ours", clock=clock, environment=os.environ)
    from freezer.storage.ftp import FtpStorage, Tls
    from freezer.storage.ftp import Server as Ftpd

    tls = Tls(verify=False) if kind == "ftps" else None  # the name in the certificate is not that of a line's end
    login = Ftpd(about["host"], about["user"], Secret.from_text(about["password"]), about["port"], tls)
    return FtpStorage(login, f"{about['folder']}/ours", clock=clock)


def _warm(storage: Storage) -> None:
    """Let a first stream go there and back: over a line it is the lasting pace that is of interest."""
    storage.prepare()
    _send(storage, _FIRST, _WARM)
    _receive(storage, _FIRST, _WARM)


@cache
def _noise() -> memoryview:
    return memoryview(bytearray(os.urandom(SEGMENT)))


def _send(storage: Storage, name: str, size: int) -> None:
    noise = _noise()
    call = min(SEGMENT, storage.capabilities.call_size)
    upload = storage.open_write(name)
    for offset in range(0, size, call):
        upload.write(offset, noise[:call])
    upload.commit()


def _receive(storage: Storage, name: str, size: int) -> None:
    if size != sum(len(piece) for piece in read_ahead(storage, name, size, _READ)):
        raise SystemExit("fewer bytes came back than were stored")


def put(about: About) -> Callable[[], None]:
    storage = opened(about)
    _noise()
    if about["far"]:
        _warm(storage)

    def work() -> None:
        if not about["far"]:
            storage.prepare()
        _send(storage, _NAME, about["segments"] * SEGMENT)
        storage.close()

    return work


def get(about: About) -> Callable[[], None]:
    storage = opened(about)
    if about["far"]:
        _warm(storage)

    def work() -> None:
        _receive(storage, _NAME, about["segments"] * SEGMENT)
        storage.close()

    return work


def small(about: About) -> Callable[[], None]:
    def work() -> None:
        storage = opened(about)
        storage.prepare()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda number: storage.put(f"small/{number}", PIECE), range(about["objects"])):
                pass
        storage.close()

    return work


def md5(about: About) -> Callable[[], None]:
    """Of the stream's bytes: what whoever compares Swift's answers cannot leave out."""

    noise = _noise()

    def work() -> None:
        for _ in range(about["segments"]):
            hashlib.md5(noise).digest()

    return work


def sha256(about: About) -> Callable[[], None]:
    """Of the stream's bytes: what whoever signs the bodies of S3 cannot leave out."""

    noise = _noise()

    def work() -> None:
        for _ in range(about["segments"]):
            hashlib.sha256(noise).digest()

    return work


TASKS = {task.__name__: task for task in (put, get, small, md5, sha256)}

if __name__ == "__main__":
    task = TASKS[sys.argv[1]](json.loads(sys.argv[2]))
    begun, before = time.perf_counter(), os.times()
    task()
    after = os.times()
    print(json.dumps({"cpu": sum(after[:4]) - sum(before[:4]), "wall": time.perf_counter() - begun}))
