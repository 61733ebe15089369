"""Codecs of backup streams against the command line tools: CPU seconds and sizes, one thread.

::

    python benchmarks/codecs.py [--mb 48] [--all] [FILE ...]

Without FILE three streams are made: a tar of the Python standard library's sources, a tar of tiny files, and a large
file of database-like pages, half-compressible records and noise. ``speed`` and ``size`` are relative to ``gzip -6`` on
the same stream (speed: its CPU time divided by ours; size: our size divided by its). ``--all`` adds candidates that the
agent does not use; zlib-ng among them if it is installed.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import subprocess
import sysconfig
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from freezer.crypto.chainkey import ChainKey
from freezer.crypto.contract import Buffer, Sealer, Unsealer
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealReader, SealWriter
from freezer.stream.compression import Codec, Level, block_size, compressor
from freezer.stream.decompression import Decompressor
from freezer.stream.delivery import Sink
from freezer.stream.pipeline import Pipeline
from freezer.stream.source import ByteSource

MIB = 1 << 20
SEGMENT = 2 * MIB  # as the local storage wants them


def source_text(size: int) -> bytes:
    """A tar of the standard library's Python files."""
    root = Path(sysconfig.get_path("stdlib"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(root.rglob("*.py")):
            if buffer.tell() >= size:
                break
            archive.add(path, path.relative_to(root).as_posix(), recursive=False)
    return buffer.getvalue()[:size]


def tiny_files(size: int) -> bytes:
    """A tar of files of 0 to 4 KiB: words of a vocabulary, some noise."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))).encode() for _ in range(5000)]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        number = 0
        while buffer.tell() < size:
            text = b" ".join(words[min(int(rng.paretovariate(0.7)), 4999)] for _ in range(rng.randint(0, 500)))
            content = rng.randbytes(len(text)) if number % 10 == 0 else text
            entry = tarfile.TarInfo(f"dir{number % 97}/file-{number}")
            entry.size, entry.mtime = len(content), 1_700_000_000 + number
            archive.addfile(entry, io.BytesIO(content))
            number += 1
    return buffer.getvalue()[:size]


def large_file(size: int) -> bytes:
    """Pages of records with counters, keys and padding; every fourth MiB is noise."""
    rng = random.Random(2)
    parts: list[bytes] = []
    while sum(map(len, parts)) < size:
        if len(parts) % 4 == 3:
            parts.append(rng.randbytes(MIB))
            continue
        rows = (
            b"%012d|%s|%08.2f|%s\0\0\0\0"
            % (row, rng.randbytes(12), rng.random() * 1e5, b"status-%d" % rng.randrange(6))
            for row in range(MIB // 53)
        )
        parts.append(b"".join(rows).ljust(MIB, b"\0"))
    return b"".join(parts)[:size]


def of_command(command: list[str], data: bytes) -> tuple[float, int]:
    """CPU seconds and output size of a filter; the stream comes from a file, as cheaply as can be."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    memory = os.memfd_create("stream")
    with os.fdopen(memory, "r+b") as file:
        file.write(data)
        file.seek(0)
        output = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), len(output)


def of_blocks(compress: Callable[[Buffer], Buffer], size: int, data: bytes) -> tuple[float, int, list[Buffer]]:
    """CPU seconds, size and results of compressing ``data`` in blocks of ``size`` bytes."""
    view = memoryview(data)
    begin = time.process_time()
    stored = [compress(view[start : start + size]) for start in range(0, len(view), size)]
    return time.process_time() - begin, sum(map(len, stored)), stored


def decompress_time(codec: Codec, stored: list[Buffer]) -> float:
    begin = time.process_time()
    decompressor = Decompressor(codec)
    for block in stored:
        for _ in decompressor.feed(block):
            pass
    decompressor.finish()
    return time.process_time() - begin


def candidates() -> Iterator[tuple[str, Callable[[Buffer], Buffer], int]]:
    """Ways to write gzip that were weighed: name, compressing function, block size."""
    from deflate import gzip_compress
    from isal import isal_zlib

    for level in (1, 2, 3, 4, 5, 6, 7, 9, 12):
        yield f"libdeflate {level}, 1 MiB", lambda data, level=level: gzip_compress(data, level), MIB
    for level in (1, 4):
        yield f"libdeflate {level}, 256 KiB", lambda data, level=level: gzip_compress(data, level), MIB // 4
    for level in (0, 1, 2, 3):
        yield f"isal {level}", lambda data, level=level: isal_zlib.compress(data, level, 31), MIB
    try:
        from zlib_ng import zlib_ng
    except ImportError:
        return
    for level in (1, 2, 3, 4, 6):
        yield f"zlib-ng {level}", lambda data, level=level: zlib_ng.compress(data, level, 31), MIB


class _Discard:
    def write(self, offset: int, segment: Buffer) -> None:
        pass


class _Keep(_Discard):
    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, offset: int, segment: Buffer) -> None:
        self.chunks.append(bytes(segment))


def write_stream(sink: Sink, codec: Codec, seal: Sealer | None, data: bytes) -> tuple[float, float]:
    """CPU and wall seconds of a whole pipeline."""
    view, at = memoryview(data), 0
    begin, wall = time.process_time(), time.perf_counter()
    with Pipeline([sink], compression=codec, seal=seal, segment_size=SEGMENT) as pipeline:
        while at < len(view):
            block = pipeline.acquire()
            used = min(len(block), len(view) - at)
            block[:used] = view[at : at + used]
            pipeline.submit(block, used)
            at += used
        pipeline.finish()
    return time.process_time() - begin, time.perf_counter() - wall


def read_stream(chunks: list[bytes], codec: Codec, unsealer: Unsealer | None) -> tuple[float, float]:
    """CPU and wall seconds of reading a stream back."""
    begin, wall = time.process_time(), time.perf_counter()
    with ByteSource(chunks, codec=codec, unsealer=unsealer) as source:
        source.finish()
    return time.process_time() - begin, time.perf_counter() - wall


def report_streams(data: bytes) -> None:
    """Whole pipelines, sealed and not; CPU is of all threads together."""
    print(f"  {'whole stream':28} {'CPU s/GiB':>9} {'wall':>6} {'sealed CPU':>10} {'wall':>6} {'+CPU':>6}", end="")
    print(f" {'read CPU':>9} {'sealed':>7}")
    passphrase = Passphrase.from_line(b"benchmark")
    key = ChainKey.new(passphrase)
    data *= max(1, 192 * MIB // len(data))  # long enough for the first touch of the buffers not to count
    scale = (1 << 30) / len(data)
    for codec in (Codec.NONE, Codec.GZIP, Codec.ZSTD):
        open_runs, sealed_runs = [], []
        for _ in range(3):
            open_runs.append(write_stream(_Discard(), codec, None, data))
            sealed_runs.append(write_stream(_Discard(), codec, SealWriter(key, b""), data))
        (cpu, wall), (sealed_cpu, sealed_wall) = min(open_runs), min(sealed_runs)
        kept, kept_sealed = _Keep(), _Keep()
        write_stream(kept, codec, None, data)
        write_stream(kept_sealed, codec, SealWriter(key, b""), data)
        read = min(read_stream(kept.chunks, codec, None) for _ in range(3))[0]
        unsealed = min(read_stream(kept_sealed.chunks, codec, SealReader(key, b"")) for _ in range(3))[0]
        print(f"  {codec:28} {cpu * scale:9.2f} {wall * scale:6.2f} {sealed_cpu * scale:10.2f}", end="")
        print(f" {sealed_wall * scale:6.2f} {sealed_cpu / cpu - 1:6.1%} {read * scale:9.2f} {unsealed * scale:7.2f}")


def report(name: str, data: bytes, everything: bool) -> None:
    mib = len(data) / MIB
    base_time, base_size = of_command(["gzip", "-6"], data)
    ratio = len(data) / base_size
    print(f"\n{name}: {mib:.0f} MiB, gzip -6: {base_time / mib * 1024:.1f} CPU s/GiB, ratio {ratio:.2f}")
    print(f"  {'':28} {'CPU s/GiB':>9} {'speed':>6} {'size':>6} {'unpack s/GiB':>13}")

    def line(label: str, seconds: float, size: int, unpack: str = "") -> None:
        speed, relative = base_time / max(seconds, 1e-9), size / base_size
        print(f"  {label:28} {seconds / mib * 1024:9.2f} {speed:6.2f} {relative:6.3f} {unpack:>13}")

    for command in (["gzip", "-1"], ["gzip", "-9"], ["bzip2"], ["xz", "-T1"], ["zstd", "-1"], ["zstd", "-3"]):
        if command[0] not in ("bzip2", "xz") or everything:
            line("`" + " ".join(command) + "`", *of_command([*command, "-c"], data))
    for codec in Codec:
        for level in Level:
            if codec is Codec.NONE or (codec in (Codec.BZIP2, Codec.XZ) and not everything):
                continue
            seconds, size, stored = of_blocks(compressor(codec, level), block_size(codec), data)
            line(f"freezer {codec} {level}", seconds, size, f"{decompress_time(codec, stored) / mib * 1024:.2f}")
    report_streams(data)
    if everything:
        for label, compress, size in candidates():
            line(label, *of_blocks(compress, size, data)[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--mb", type=int, default=48)
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    size = arguments.mb * MIB
    if arguments.files:
        for path in arguments.files:
            report(path.name, path.read_bytes()[:size], arguments.all)
        return
    for make in (source_text, tiny_files, large_file):
        report(make.__name__.replace("_", " "), make(size), arguments.all)


if __name__ == "__main__":
    main()
