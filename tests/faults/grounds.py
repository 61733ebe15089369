"""Where the container of a depot is: in a directory of this machine, behind a real SSH server, or in the S3 interface
of a real Swift, which cannot say who was first, so that a repository there decides by markers. One in a directory can
be told to do the same."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.repository.names import PREFIX
from freezer.storage.contract import ObjectInfo, Storage
from freezer.storage.local import LocalStorage
from freezer.storage.retry import RetryingStorage
from freezer.storage.s3 import S3Storage
from freezer.storage.s3 import storage as s3_storage
from servers.s3 import on_swift, without_aws
from servers.sshd import shared_sshd

_AHEAD = 1000.0  # seconds: by then everybody who writes now has ended


@dataclass(frozen=True)
class Ground:
    """One container. ``words`` lead programs there; ``behind`` is the same, behind their backs. ``markers``: they
    decide in a repository that is made there. ``far``: everything takes long, so little is done in short forms."""

    words: Sequence[object]
    behind: Storage
    markers: bool = False
    far: bool = False

    @property
    def founding(self) -> Sequence[object]:
        """Words for ``init``."""
        return ("--decider", "markers") if self.markers else ()

    def objects(self, folder: str) -> Sequence[ObjectInfo]:
        """What the repository has in a folder."""
        return self.behind.list(f"{PREFIX}{folder}/")

    def kept(self) -> Callable[[], None]:
        """What makes everything as it is now."""
        before = {info.name: self.behind.get(info.name) for info in self.behind.list()}

        def again() -> None:
            listed = {info.name for info in self.behind.list()}
            for name in listed - before.keys():
                self.behind.delete(name)
            for name, content in before.items():
                if name not in listed or self.behind.get(name) != content:
                    self.behind.put(name, content)
            self.behind.sweep(SystemClock().now() + _AHEAD)

        return again


Grounds = Callable[[Path], Ground]
"""A new container; the path is one that it may have, and nobody else."""


def on_disk(container: Path, *, markers: bool = False) -> Ground:
    """A directory of this machine."""
    behind = LocalStorage(str(container), clock=SystemClock())
    behind.prepare()
    return Ground(("--storage", "local", "-C", container), behind, markers)


@contextmanager
def local(_patch: pytest.MonkeyPatch) -> Iterator[Grounds]:
    yield on_disk


@contextmanager
def markers(_patch: pytest.MonkeyPatch) -> Iterator[Grounds]:
    yield lambda container: on_disk(container, markers=True)


@contextmanager
def ssh(patch: pytest.MonkeyPatch) -> Iterator[Grounds]:
    """Its files are this machine's, so they can be looked at without it."""
    server = shared_sshd()
    patch.setenv("PATH", server.environment()["PATH"])
    yield lambda container: Ground((*server.words(), "-C", container), on_disk(container).behind, far=True)


@contextmanager
def s3(patch: pytest.MonkeyPatch) -> Iterator[Grounds]:
    """A prune that runs in this process does not wait for listings that lag: those of this Swift do not, and without
    waiting it is only harder."""
    found, opened = on_swift(), []
    for name in without_aws(os.environ):
        patch.delenv(name)
    for name, value in found.variables().items():
        patch.setenv(name, value)
    patch.setattr(s3_storage, "_SWIFT_LIST_DELAY", 0.0)

    def new(_container: Path) -> Ground:
        bucket = f"faults-{secrets.token_hex(6)}"
        behind = RetryingStorage(S3Storage(found.access(), bucket, clock=SystemClock()), SystemClock())
        opened.append(behind)
        behind.prepare()
        return Ground(("--storage", "s3", "-C", bucket), behind, markers=True, far=True)

    try:
        yield new
    finally:
        for each in opened:
            each.close()


GROUNDS = {"local": local, "markers": markers, "ssh": ssh, "s3": s3}
