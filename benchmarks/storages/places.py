"""The servers, as what a program has to know of one: a JSON object.

It has ``storage``, ``host``, ``port``, and what else it takes to log in. Everything can be told to a program of another
Python, so that there is nothing in it but texts and numbers.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

About = dict[str, Any]
_FAR = "127.0.0.2"  # this machine, too: the line has the servers' own ports there
_DATA_PORTS = 32  # for FTP's transfers
_LINE = """
import sys
from freezer.testing.network import Line
seconds, host, *ports = sys.argv[1:]
line = Line(round_trip=float(seconds))
for port in map(int, ports):
    line.carry(port, host=host, port=port)
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Place:
    """``about`` leads there. ``ports`` are all that the server listens on. ``words`` lead ``freezer-agent`` there, in
    ``environment``; the container is theirs, too."""

    about: About
    ports: Sequence[int]
    words: Sequence[str]
    environment: Mapping[str, str]


@contextmanager
def over_a_line(place: Place, round_trip: float | None) -> Iterator[About]:
    """What leads to ``place`` if a round trip there shall take so many seconds more; None: no line is in between."""
    if round_trip is None:
        yield place.about
        return
    command = [sys.executable, "-c", _LINE, str(round_trip), _FAR, *map(str, place.ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as line:
        assert line.stdout is not None
        line.stdout.readline()
        yield {**place.about, "host": _FAR}


@contextmanager
def _local(folder: Path) -> Iterator[Place]:
    words = ["--storage", "local", "-C", str(folder / "container")]
    yield Place({"storage": "local", "folder": str(folder / "container")}, (), words, os.environ)


@contextmanager
def _ssh(folder: Path) -> Iterator[Place]:
    from servers.sshd import shared_sshd

    sshd = shared_sshd()
    about = {"storage": "ssh", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user, "key": str(sshd.key)}
    words = [*sshd.words(), "-C", str(folder / "container")]
    yield Place({**about, "folder": str(folder)}, (sshd.port,), words, sshd.environment())


@contextmanager
def _swift(_folder: Path) -> Iterator[Place]:
    from servers.raw import RawSwift, variables
    from servers.session import openstack

    known = openstack()
    account = RawSwift(known)
    container = _made_up()
    account.make(container)
    url = urlsplit(account.url)
    login = variables(known)
    about = {"storage": "swift", "host": url.hostname, "port": url.port, "path": url.path, "token": account.token}
    words = ["--storage", "swift", "-C", container]
    yield Place({**about, "container": container, "login": login}, (url.port or 0,), words, os.environ | login)


@contextmanager
def _s3(_folder: Path) -> Iterator[Place]:
    from servers.s3 import service

    there = service()
    url, bucket = urlsplit(there.endpoint), _made_up()
    there.raw().create_bucket(Bucket=bucket)
    about = {"storage": "s3", "host": url.hostname, "port": url.port, "container": bucket, "region": there.region}
    keys = {"access_key": there.access_key, "secret_key": there.secret_key}
    words = ["--storage", "s3", "-C", bucket]
    yield Place({**about, **keys}, (url.port or 0,), words, os.environ | there.variables())


@contextmanager
def _ftp(folder: Path) -> Iterator[Place]:
    with _running_ftpd("ftp", "vsftpd", folder) as place:
        yield place


@contextmanager
def _ftps(folder: Path) -> Iterator[Place]:
    with _running_ftpd("ftps", "vsftpd with TLS", folder) as place:
        yield place


@contextmanager
def _running_ftpd(storage: str, kind: str, folder: Path) -> Iterator[Place]:
    from servers.ftpd import PASSWORD, running_ftpd
    from servers.processes import free_range

    data = free_range(_DATA_PORTS)
    with tempfile.TemporaryDirectory() as own:
        lines = (f"pasv_min_port={data[0]}", f"pasv_max_port={data[-1]}")
        with running_ftpd(kind, Path(own), *lines) as ftpd:
            login = {"user": ftpd.user, "password": PASSWORD, "folder": str(folder)}
            about = {"storage": storage, "host": "127.0.0.1", "port": ftpd.port, **login}
            words = [*ftpd.words(), "-C", str(folder / "container")]
            yield Place(about, (ftpd.port, *data), words, ftpd.environment())


def _made_up() -> str:
    """A container's name that nobody has."""
    return f"benchmark-{secrets.token_hex(4)}"


Opener = Callable[[Path], AbstractContextManager[Place]]
PLACES: Mapping[str, Opener] = {
    "local": _local,
    "ssh": _ssh,
    "swift": _swift,
    "s3": _s3,
    "ftp": _ftp,
    "ftps": _ftps,
}
"""Each takes an empty folder, in which servers of directories store."""
