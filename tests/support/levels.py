"""Levels made and restored by the engine alone, and by GNU tar, without any storage."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from freezer.engine.contract import Restored, Summary, Tree, pour
from freezer.engine.tar.archive import snapshot
from freezer.engine.tar.backup.write import StoreOptions, TarBackup
from freezer.engine.tar.restore.extract import Extraction, OpenLevel, Selection
from freezer.progress import NoProgress
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox

RESTORE = ("tar", "--incremental", "--extract", "--ignore-zeros", "--warning=none", "--overwrite", "--directory")
"""The original's restore command, without compression."""


@dataclass
class Level:
    """One archive with the snapshot file and the summary that go with it."""

    archive: bytes
    state: bytes
    summary: Summary


class Collected:
    """A sink that keeps what it gets."""

    def __init__(self, block_size: int = 64 * 1024) -> None:
        self.parts: list[bytes] = []
        self._block_size = block_size

    def acquire(self) -> bytearray:
        return bytearray(self._block_size)

    def submit(self, block: bytearray, used: int) -> None:
        self.parts.append(bytes(block[:used]))

    def content(self) -> bytes:
        """All of it."""
        return b"".join(self.parts)


def store(source: str | os.PathLike[str], base: bytes | None = None, options: StoreOptions | None = None) -> Level:
    """A level of ``source`` on the snapshot file ``base``."""
    sink = Collected()
    known = snapshot.decode(base) if base is not None else None
    tree = Tree(os.fsencode(source))
    now = time.time_ns()
    with TarBackup(tree, known, options or StoreOptions(), now_ns=now, progress=NoProgress()) as backup:
        summary = backup.scan()
        state = Collected()
        pour(backup.write(sink), state)
    return Level(sink.content(), state.content(), summary)


def settled(state: bytes) -> bytes:
    """``state`` as if it had been made long after the files it lists, but before what is changed from now on.

    Tests do not wait for the margin of two seconds that real snapshots keep.
    """
    known = snapshot.decode(state)
    time.sleep(0.02)
    return snapshot.encode(time.time_ns() - 8_000_000, known)


def opener(archive: bytes) -> OpenLevel:
    """Opens an archive kept in memory."""

    @contextmanager
    def open_level() -> Iterator[ByteSource]:
        with ByteSource([archive], codec=Codec.NONE) as source:
            yield source

    return open_level


def restore(
    levels: list[Level], target: str | os.PathLike[str], *, only: list[bytes] | None = None, delete: bool = False
) -> Restored:
    """Our restore of ``levels``, oldest first."""
    with Sandbox(os.fsencode(target), policy=Policy.ALWAYS, devices=True) as sandbox:
        extraction = Extraction(sandbox, Selection(only or []), NoProgress(), delete=delete)
        result = extraction.run([opener(level.archive) for level in reversed(levels)])
        sandbox.finish()
    return result


def restore_with_gnu_tar(levels: list[Level], target: str | os.PathLike[str], *extra: str) -> None:
    """GNU tar's restore, called as the original calls it; fails the test if GNU tar does."""
    os.makedirs(target, exist_ok=True)
    for level in levels:
        command = [*RESTORE, os.fspath(target), *extra]
        done = subprocess.run(command, input=level.archive, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert not done.stderr, done.stderr.decode()
