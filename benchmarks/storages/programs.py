"""Who does what: the command line of every program for every task that it can do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.storages.ours import AT_ONCE, SEGMENT
from benchmarks.storages.places import About

_PEERS = Path(__file__).with_name("peers.py")
_NO_QUESTIONS = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
BRIEF, FEW = "brief ", 2
"""What precedes the names of tasks with a stream of so few segments, for programs that take minutes for more."""


@dataclass(frozen=True)
class Program:
    """``tells``: it prints itself what the task took, without its start. ``fed``: the stream is its standard input."""

    name: str
    task: str
    words: tuple[str, ...]
    tells: bool = False
    fed: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def programs(about: About, upstream: str | None, *, far: bool) -> Iterator[Program]:
    """All that can do something there; ``far``: of those, what is asked over a line. ``upstream`` is the Python of an
    installed OpenStack Freezer. ``about["file"]`` is the stream, ``about["many"]`` a folder of small objects."""
    yield from _ours(about, _ALL)
    if far:
        yield from _peers(about, upstream, _FAR_PEER_TASKS[about["storage"]]) if upstream else ()
        return
    yield from _FURTHER[about["storage"]](about)
    if not upstream:
        return
    if about["storage"] == "swift":
        yield _swift(about, upstream)
        yield from _ours(about, ("md5",))
    if about["storage"] == "s3":
        yield from _ours(about, ("sha256",))
    peers = _PEER_TASKS[about["storage"]]
    yield from _ours(about, tuple(task for task in peers.get("upstream", ()) if task.startswith(BRIEF)))
    yield from _peers(about, upstream, peers)


def _peers(about: About, upstream: str, tasks: Mapping[str, tuple[str, ...]]) -> Iterator[Program]:
    for name, task in ((name, task) for name, all in tasks.items() for task in all):
        yield Program(name, task, (upstream, "-E", str(_PEERS), name, *_plain(about, task)), tells=True)


def _ours(about: About, tasks: tuple[str, ...]) -> Iterator[Program]:
    for task in tasks:
        words = (sys.executable, "-m", "benchmarks.storages.ours", *_plain(about, task))
        yield Program("ours", task, words, tells=True)


def _plain(about: About, task: str) -> tuple[str, str]:
    """The words for a task, brief or not."""
    segments = FEW if task.startswith(BRIEF) else about["segments"]
    return task.removeprefix(BRIEF), json.dumps({**about, "segments": segments})


def _scp(about: About) -> Iterator[Program]:
    words = ("scp", "-q", *_NO_QUESTIONS, "-P", str(about["port"]), "-i", about["key"])
    place = f"{about['user']}@{about['host']}:{about['folder']}/scp"
    yield Program("scp", "put", (*words, about["file"], place))
    yield Program("scp", "get", (*words, place, about["file"] + ".back"))


def _swift(about: About, upstream: str) -> Program:
    """python-swiftclient's own program, which cuts and checks streams."""
    url = "http://{host}:{port}{path}".format(**about)
    login = ("--os-auth-token", about["token"], "--os-storage-url", url)
    words = ("upload", "-q", "--segment-size", str(SEGMENT), "--object-name", "program", about["container"], "-")
    return Program("swift upload", "put", (str(Path(upstream).with_name("swift")), *login, *words), fed=True)


def _rclone(about: About) -> Iterator[Program]:
    if shutil.which("rclone") is None:
        return
    settings = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": about["access_key"],
        "SECRET_ACCESS_KEY": about["secret_key"],
        "ENDPOINT": "http://{host}:{port}".format(**about),
        "REGION": about["region"],
        "FORCE_PATH_STYLE": "true",
    }
    environment = {f"RCLONE_CONFIG_S_{name}": value for name, value in settings.items()} | _ALONE
    place = f"s:{about['container']}/rclone"
    copying = ("rclone", "copy", *_AGAIN, "--transfers", str(AT_ONCE), about["many"], place + "-small")
    yield Program("rclone", "put", ("rclone", "copyto", *_AGAIN, about["file"], place), environment=environment)
    yield Program("rclone rcat", "put", ("rclone", "rcat", place + "-stream"), fed=True, environment=environment)
    yield Program("rclone", "get", ("rclone", "cat", place), environment=environment)
    yield Program("rclone", "small", copying, environment=environment)


def _curl(about: About) -> Iterator[Program]:
    if shutil.which("curl") is None:
        return
    login = ("-u", "{user}:{password}".format(**about), *(("--ssl-reqd", "-k") if about["storage"] == "ftps" else ()))
    url = f"ftp://{about['host']}:{about['port']}{about['folder']}/curl"
    yield Program("curl", "put", ("curl", "-sS", *login, "-T", about["file"], url))
    yield Program("curl", "get", ("curl", "-sS", *login, "-o", "/dev/null", url))


_FURTHER = {"ssh": _scp, "swift": lambda _: iter(()), "s3": _rclone, "ftp": _curl, "ftps": _curl}
_AGAIN = ("--ignore-times",)  # what a round before has stored is stored anew
_ALONE = {"RCLONE_CONFIG": "", "AWS_CA_BUNDLE": ""}  # nothing of this machine's settings
_ALL = ("put", "get", "small")
_PEER_TASKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ssh": {"upstream": (f"{BRIEF}put", f"{BRIEF}get", "small"), "library": ("small",)},
    "swift": {"upstream": _ALL, "library": _ALL},
    "s3": {"upstream": _ALL, "library": _ALL},
    "ftp": {"upstream": _ALL},
    "ftps": {},  # upstream's TLS sessions are not those of the control connection, which the server demands
}
_FAR_PEER_TASKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ssh": {"upstream": ("small",)},
    "swift": {"library": ("small",)},  # Keystone tells upstream where Swift is, which is not at the line's end
    "s3": {"upstream": ("small",)},
    "ftp": {"upstream": ("small",)},
    "ftps": {},
}
