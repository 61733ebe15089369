"""Small things: the agent's start, a backup of one file, codecs on streams in memory."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import measure
from benchmarks.findings import CodecSample, CostSample, StartSample
from benchmarks.peers.contract import Command, shell
from benchmarks.peers.ours import program
from freezer.crypto.contract import Buffer
from freezer.stream.compression import Codec, Level, block_size, compressor

HELP, ONE_FILE, ONE_FILE_ENCRYPTED = "help", "one file", "one file, encrypted"
GZIP = "gzip -6"
COSTED = ("gzip", "zstd")
"""Codecs with which the cost of encryption is measured."""


def starts(work: Path, rounds: int) -> Iterator[StartSample]:
    """``--help``, and full backups of one file of 12 bytes into a new container, in turn."""
    for _ in range(rounds):
        for what, words in ((HELP, ("--help",)), (ONE_FILE, _one_file(work)), (ONE_FILE_ENCRYPTED, _sealed(work))):
            folder = _empty(work / "small")
            yield StartSample(what, measure.run(Command((*program(), *words)), folder))
    shutil.rmtree(work / "small", ignore_errors=True)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "file").write_text("hello world\n")
    (folder / "pass").write_text("benchmark\n")
    (folder / "pass").chmod(0o600)
    return folder


def _one_file(work: Path) -> tuple[str, ...]:
    return _backup(work, work / "small" / "source")


def _backup(work: Path, source: Path) -> tuple[str, ...]:
    folder = work / "small"
    stored = ("--storage", "local", "-C", str(folder / "store"), "-N", "one", "--log-file", str(folder / "log"))
    return ("backup", "-F", str(source), "--quiet", *stored)


def _sealed(work: Path) -> tuple[str, ...]:
    return (*_one_file(work), "--encrypt-pass-file", str(work / "small" / "pass"))


def costs(name: str, work: Path, rounds: int) -> Iterator[CostSample]:
    """Full backups of ``work/NAME``, in clear and encrypted in turn: the difference is too small for samples that other
    programs ran between."""
    for _ in range(rounds):
        for codec in COSTED:
            words = (*program(), *_backup(work, work / name), "--compression", codec)
            spent = []
            for secret in ((), ("--encrypt-pass-file", str(work / "small" / "pass"))):
                spent.append(measure.run(Command((*words, *secret)), _empty(work / "small")).cpu)
            yield CostSample(name, codec, *spent)
    shutil.rmtree(work / "small", ignore_errors=True)


def codecs(name: str, folder: Path, limit: int, rounds: int) -> Iterator[CodecSample]:
    """``gzip -6`` and our codecs on a tar of the first ``limit`` bytes of a corpus, in turn."""
    stream = _stream(folder, limit)
    file = folder.with_name("stream.tar")
    file.write_bytes(stream)
    for _ in range(rounds):
        usage = measure.run(Command(shell("gzip -6 -c {0} > {0}.gz", file)), folder.parent)
        yield CodecSample(name, GZIP, usage.cpu, Path(f"{file}.gz").stat().st_size)
        for codec, level in ((Codec.GZIP, Level.DEFAULT), (Codec.GZIP, Level.FAST), (Codec.ZSTD, Level.DEFAULT)):
            cpu, stored = _compress(compressor(codec, level), block_size(codec), stream)
            yield CodecSample(name, f"{codec} {level}", cpu, stored)
    file.unlink()
    Path(f"{file}.gz").unlink()


def _stream(folder: Path, limit: int) -> bytes:
    """An archive of the tree's first files; of a file at most a third of ``limit``, so that three large ones fit."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if buffer.tell() >= limit:
                break
            entry = archive.gettarinfo(path, os.path.relpath(path, folder))
            entry.size = min(entry.size, limit // 3)
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return buffer.getvalue()


def _compress(compress: Callable[[Buffer], Buffer], size: int, stream: bytes) -> tuple[float, int]:
    view, stored = memoryview(stream), 0
    begin = time.process_time()
    for start in range(0, len(view), size):
        stored += len(compress(view[start : start + size]))
    return time.process_time() - begin, stored
