"""Storages at the end of a network that misbehaves, and what an agent does with one.

A *place* is a storage whose server is a real one, behind a line of ours and, for web servers, a go-between of ours. To
add one: write a function that takes an empty folder and yields it, and register it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from freezer.clock import SystemClock
from freezer.errors import ObjectNotFound, StorageError
from freezer.keystone import read_credentials
from freezer.keystone.access import CloudAccess
from freezer.storage.contract import Storage
from freezer.storage.ftp import FtpStorage, Tls
from freezer.storage.ftp import connection as ftp_connection
from freezer.storage.ftp import login as ftp_login
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.s3 import S3Storage
from freezer.storage.ssh import SshStorage
from freezer.storage.swift import SwiftStorage
from freezer.testing.network import GoBetween, Line
from servers.ftpd import running_ftpd
from servers.processes import free_range
from servers.raw import variables
from servers.s3 import service
from servers.session import openstack
from servers.sshd import shared_sshd

T = TypeVar("T")
SEGMENT, SEGMENTS = 128 * 1024, 4
SMALL = 3
_ELSEWHERE = "127.0.0.2"


class HastyClock(SystemClock):
    """Sleeps a tenth of what it is asked for: pauses between tries are not what is tested."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 10)


@dataclass
class Place:
    """``storage`` goes through ``line`` and ``web``, ``direct`` does not; ``timeout`` is how many seconds of
    silence it bears. ``bare`` is ``storage`` without retries. ``login`` is in front of what lets us in."""

    bare: Storage
    direct: Storage
    line: Line
    timeout: float
    web: GoBetween | None = None
    login: GoBetween | None = None

    @property
    def limit(self) -> float:
        """Seconds after which an operation is not tried again: as in the agent, many times the timeout."""
        return 4 * self.timeout

    @property
    def storage(self) -> Storage:
        policy = RetryPolicy(tries=8, total=self.limit, first_delay=0.2, max_delay=2.0)
        return RetryingStorage(self.bare, HastyClock(), policy)

    def traffic(self) -> int:
        """What went over the line since faults were set: requests, or what is no web server's bytes."""
        return len(self.web.requests) if self.web is not None else self.line.carried


Opener = Callable[[Path], AbstractContextManager[Place]]
PLACES: dict[str, Opener] = {}
WEB: list[str] = []


def register(name: str, *, web: bool) -> Callable[[Callable[[Path], Iterator[Place]]], None]:
    def add(opener: Callable[[Path], Iterator[Place]]) -> None:
        PLACES[name] = contextmanager(opener)
        if web:
            WEB.append(name)

    return add


@register("ssh", web=False)
def open_ssh(folder: Path) -> Iterator[Place]:
    sshd, root, timeout = shared_sshd(), str(folder / "container"), 4.0

    def through(**changed: object) -> SshStorage:
        server = sshd.server(accept_new_host_key=True, timeout=timeout, **changed)
        return SshStorage(server, root, clock=SystemClock(), environment=sshd.environment())

    with Line() as line:
        bare, direct = through(port=line.carry(sshd.port)), through()
        direct.prepare()
        try:
            yield Place(bare, direct, line, timeout)
        finally:
            bare.close()
            direct.close()


class Detour:
    """Access to a cloud whose services are reached at another port of this machine."""

    def __init__(self, access: CloudAccess, port: int) -> None:
        self._access = access
        self._port = port
        self.trust = access.trust
        self.token, self.renew, self.close = access.token, access.renew, access.close

    def address(self, service: str, name: str) -> str:
        parts = urlsplit(self._access.address(service, name))
        return parts._replace(netloc=f"127.0.0.1:{self._port}").geturl()


@register("swift", web=True)
def open_swift(folder: Path) -> Iterator[Place]:
    about, timeout = openstack(), 2.0
    container = f"network-{secrets.token_hex(6)}"
    with ExitStack() as stack:
        web = stack.enter_context(GoBetween(urlsplit(about["swift"]).port or 0))
        login = stack.enter_context(GoBetween(urlsplit(about["auth_url"]).port or 0))
        line = stack.enter_context(Line())
        there = variables(about, OS_AUTH_URL=f"http://127.0.0.1:{login.port}/v3")
        access = CloudAccess(read_credentials(there, source="the test"))
        bare = SwiftStorage(Detour(access, line.carry(web.port)), container, timeout=timeout)
        direct = SwiftStorage(CloudAccess(read_credentials(variables(about), source="the test")), container)
        RetryingStorage(direct, SystemClock()).prepare()
        stack.callback(bare.close)
        stack.callback(direct.close)
        yield Place(bare, RetryingStorage(direct, SystemClock()), line, timeout, web, login)


@register("s3", web=True)
def open_s3(folder: Path) -> Iterator[Place]:
    timeout, bucket = 2.0, f"network-{secrets.token_hex(6)}"
    there = service()
    endpoint = urlsplit(there.endpoint)
    with ExitStack() as stack:
        web = stack.enter_context(GoBetween(endpoint.port or 0))
        line = stack.enter_context(Line())
        detour = endpoint._replace(netloc=f"127.0.0.1:{line.carry(web.port)}").geturl()
        bare = S3Storage(there.access(endpoint=detour), bucket, clock=SystemClock(), timeout=timeout)
        direct = S3Storage(there.access(), bucket, clock=SystemClock())
        stack.callback(bare.close)
        stack.callback(direct.close)
        RetryingStorage(direct, SystemClock()).prepare()
        yield Place(bare, RetryingStorage(direct, SystemClock()), line, timeout, web)


@register("ftp", web=False)
def open_ftp(folder: Path) -> Iterator[Place]:
    yield from _ftpd("vsftpd", folder)


@register("ftps", web=False)
def open_ftps(folder: Path) -> Iterator[Place]:
    # The certificate does not have the address of the line's end.
    yield from _ftpd("vsftpd with TLS", folder, tls=Tls(verify=False))


def _ftpd(kind: str, folder: Path, **login: object) -> Iterator[Place]:
    """The server names ports of its own for data: the line has the same ones, at another address."""
    timeout, root, data = 2.0, str(folder / "container"), free_range(16)
    range_of_ports = (f"pasv_min_port={data[0]}", f"pasv_max_port={data[-1]}")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for module in (ftp_connection, ftp_login):
            patch.setattr(module, "PATIENCE", timeout)
            patch.setattr(module, "CONNECTING", timeout)
        server = stack.enter_context(running_ftpd(kind, folder / "server", *range_of_ports))
        line = stack.enter_context(Line())
        for port in (server.port, *data):
            line.carry(port, host=_ELSEWHERE, port=port)
        bare = FtpStorage(server.server(host=_ELSEWHERE, **login), root, clock=SystemClock())
        direct = FtpStorage(server.server(), root, clock=SystemClock())
        stack.callback(bare.close)
        stack.callback(direct.close)
        direct.prepare()
        yield Place(bare, RetryingStorage(direct, SystemClock()), line, timeout)


@dataclass
class Work:
    """What an agent does, in a folder of its own.

    ``tried`` is everything that it wanted to store, ``stored`` what it was told is stored, ``longest`` the seconds of
    its longest operation.
    """

    folder: str = field(default_factory=lambda: f"work-{secrets.token_hex(6)}/")
    tried: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    error: StorageError | None = None
    longest: float = 0.0

    def run(self, storage: Storage) -> None:
        """Stops at the first error, as an agent does; wrong bytes and lists that lack something fail the test."""
        try:
            self._write(storage)
            self._look(storage)
        except StorageError as error:
            self.error = error

    def _write(self, storage: Storage) -> None:
        self._timed(storage.prepare)
        for number in range(SMALL):
            self._store(f"small/{number}", secrets.token_bytes(1000), storage.put)
        self._store("large/data", secrets.token_bytes(SEGMENT * SEGMENTS), partial(self._upload, storage))
        self._store("large/metadata", secrets.token_bytes(300), storage.put_new)

    def _store(self, base: str, data: bytes, how: Callable[[str, bytes], None]) -> None:
        name = self.folder + base
        self.tried[name] = data
        self._timed(lambda: how(name, data))
        self.stored[name] = data

    def _upload(self, storage: Storage, name: str, data: bytes) -> None:
        writing = self._timed(lambda: storage.open_write(name))
        try:
            for start in range(0, len(data), SEGMENT):
                self._timed(lambda start=start: writing.write(start, data[start : start + SEGMENT]))  # type: ignore[misc]
            self._timed(writing.commit)
        except BaseException:
            writing.abort()
            raise

    def _look(self, storage: Storage) -> None:
        wanted = {name: len(data) for name, data in self.stored.items()}
        deadline = time.monotonic() + storage.capabilities.list_delay
        while (listed := self._listed(storage)) != wanted and time.monotonic() < deadline:
            time.sleep(0.5)  # the storage says that its listings may lag
        assert listed == wanted, f"listed: {listed}, stored: {wanted}"
        for name, data in self.stored.items():
            assert self._timed(lambda name=name: storage.stat(name)).size == len(data)  # type: ignore[misc]
            assert self._timed(lambda name=name: storage.get(name)) == data  # type: ignore[misc]
        large = f"{self.folder}large/data"
        assert self._timed(lambda: storage.get(large, 1000, SEGMENT)) == self.stored[large][1000 : 1000 + SEGMENT]

    def _listed(self, storage: Storage) -> dict[str, int]:
        return {item.name: item.size for item in self._timed(lambda: storage.list(self.folder))}

    def _timed(self, operation: Callable[[], T]) -> T:
        begun = time.monotonic()
        try:
            return operation()
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)

    def check(self, direct: Storage) -> None:
        """With the line in order again: everything that was acknowledged is there, and nothing is there in part."""
        for name, data in self.tried.items():
            try:
                assert direct.get(name) == data
            except ObjectNotFound:
                assert name not in self.stored, f"{name} was acknowledged and is not there"
        listed = {item.name: item.size for item in direct.list(self.folder)}
        assert self.stored.keys() <= listed.keys() <= self.tried.keys()
        assert all(len(self.tried[name]) == size for name, size in listed.items())
