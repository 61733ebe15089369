"""The storages that have to keep the contract.

To add one: write a function that takes an empty directory and yields a prepared storage, and register it. Those of
servers start the real ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.keystone import read_credentials
from freezer.keystone.access import CloudAccess
from freezer.storage.contract import Storage
from freezer.storage.ftp import FtpStorage
from freezer.storage.local import LocalStorage
from freezer.storage.patience import PatientStorage
from freezer.storage.remember import RememberingStorage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.s3 import S3Storage
from freezer.storage.ssh import SshStorage
from freezer.storage.swift import SwiftStorage
from freezer.storage.throttle import ThrottledStorage, TokenBucket
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage
from freezer.testing.slow import SlowStorage
from servers.ftpd import shared_ftpd
from servers.raw import variables
from servers.s3 import ON_CEPH, service
from servers.session import openstack
from servers.sshd import shared_sshd

Opener = Callable[[Path], AbstractContextManager[Storage]]
STORAGES: dict[str, Opener] = {}
CLOCK = SystemClock()


def register(name: str) -> Callable[[Callable[[Path], Iterator[Storage]]], Opener]:
    def add(opener: Callable[[Path], Iterator[Storage]]) -> Opener:
        STORAGES[name] = contextmanager(opener)
        return STORAGES[name]

    return add


def _prepared_local(place: Path) -> LocalStorage:
    storage = LocalStorage(str(place / "container"), clock=CLOCK)
    storage.prepare()
    return storage


@register("local")
def open_local(place: Path) -> Iterator[Storage]:
    yield _prepared_local(place)


@register("local with data on another disk")
def open_local_with_link(place: Path) -> Iterator[Storage]:
    storage = _prepared_local(place)
    (place / "elsewhere").mkdir()
    (place / "container" / "data").symlink_to(place / "elsewhere")
    yield storage


@register("ssh")
def open_ssh(place: Path) -> Iterator[Storage]:
    sshd = shared_sshd()
    storage = SshStorage(sshd.server(), str(place / "container"), clock=CLOCK, environment=sshd.environment())
    storage.prepare()
    yield storage


def _open_ftp(kind: str, place: Path) -> Iterator[Storage]:
    storage = FtpStorage(shared_ftpd(kind).server(), str(place / "container"), clock=CLOCK)
    storage.prepare()
    yield storage


@register("ftp, vsftpd")
def open_ftp(place: Path) -> Iterator[Storage]:
    yield from _open_ftp("vsftpd", place)


@register("ftps, vsftpd")
def open_ftps(place: Path) -> Iterator[Storage]:
    yield from _open_ftp("vsftpd with TLS", place)


@register("ftps, pyftpdlib")
def open_ftps_with_mlsd(place: Path) -> Iterator[Storage]:
    yield from _open_ftp("pyftpdlib with TLS", place)


@register("swift")
def open_swift(_place: Path) -> Iterator[Storage]:
    access = CloudAccess(read_credentials(variables(openstack()), source="the test"))
    storage = SwiftStorage(access, f"contract-{secrets.token_hex(6)}/some/prefix")
    RetryingStorage(storage, CLOCK).prepare()  # Keystone's server drops a connection now and then
    yield storage


@register("s3_of_Ceph" if ON_CEPH else "s3")
def open_s3(_place: Path) -> Iterator[Storage]:
    storage = S3Storage(service().access(), f"contract-{secrets.token_hex(6)}/some/prefix", clock=CLOCK)
    RetryingStorage(storage, CLOCK).prepare()
    yield storage


@register("memory")
def open_memory(_place: Path) -> Iterator[Storage]:
    yield MemoryStorage(CLOCK)


@register("retrying, over a line that drops every third call")
def open_retrying(place: Path) -> Iterator[Storage]:
    operations = ("put", "get", "list", "stat", "delete", "open_write", "write")
    faults = [Fault(Kind.BEFORE, name, at=at) for name in operations for at in range(3, 150, 3)]
    faulty = FaultyStorage(_prepared_local(place), faults)
    yield RetryingStorage(faulty, CLOCK, RetryPolicy(first_delay=0.0001))


@register("throttled")
def open_throttled(place: Path) -> Iterator[Storage]:
    upload, download = TokenBucket(2**30, CLOCK), TokenBucket(2**30, CLOCK)
    yield ThrottledStorage(_prepared_local(place), upload=upload, download=download)


@register("given time")
def open_patient(place: Path) -> Iterator[Storage]:
    yield PatientStorage(_prepared_local(place), 60)


@register("remembering")
def open_remembering(_place: Path) -> Iterator[Storage]:
    yield RememberingStorage(MemoryStorage(CLOCK))


@register("slow")
def open_slow(_place: Path) -> Iterator[Storage]:
    yield SlowStorage(MemoryStorage(CLOCK), CLOCK, latency=0.0002)


@register("faulty, without faults")
def open_faulty(_place: Path) -> Iterator[Storage]:
    yield FaultyStorage(MemoryStorage(CLOCK))


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    with STORAGES[request.param](tmp_path) as opened:
        yield opened
        opened.close()
