"""Read an archive of N files and M links to them, all in one directory, as a restore does but for the writing.

Prints how many items there were, and the peak of resident memory in KiB.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from freezer.engine.tar.archive import header, pax
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.target import Listing, Seen
from freezer.progress import NoProgress
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource

_NAME = b"a-file-name-of-usual-length-%08d"
_AT_ONCE = 10_000


def _padded(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    yield from pieces
    yield bytes(-size % 512)


def _head(name: bytes, kind: bytes, size: int = 0, link: bytes = b"") -> bytes:
    return header.full_header(header.Header(name, kind, 0o644, 0, 0, size, 1_700_000_000, link))


def _names(files: int, links: int) -> Iterator[bytes]:
    for start in range(0, files + links, _AT_ONCE):
        yield b"".join(b"Y" + _NAME % number + b"\0" for number in range(start, min(start + _AT_ONCE, files + links)))
    yield b"\0"


def archive(files: int, links: int) -> Iterator[bytes]:
    """The archive, piece by piece."""
    value = base64.b64encode(b"\1\0\0\0" * 3)  # of three files; a number of them that 3 divides needs no filling
    count = (files + links) // 3
    body = b" " + pax.MTIME_NS + b"=" + b"\n"
    length = len(body) + count * len(value)
    length += len(str(length + len(str(length))))
    yield _head(b"x", header.PAX, length)
    record = b"%d" % length + body[:-1]
    yield from _padded(iter([record, *(value * 1000,) * (count // 1000), value * (count % 1000), b"\n"]), length)
    size = (files + links) * (len(_NAME % 0) + 2) + 1
    yield _head(b"./", header.DUMP_DIRECTORY, size)
    yield from _padded(_names(files, links), size)
    for start in range(0, files + links, 1000):
        entries = []
        for number in range(start, start + 1000):
            if number < files:
                entries.append(_head(b"./" + _NAME % number, header.FILE))
            elif number < files + links:
                target = b"./" + _NAME % (number - files)
                entries.append(_head(b"./" + _NAME % number, header.HARD_LINK, link=target))
        yield b"".join(entries)
    yield bytes(1024)


def main() -> None:
    files, links = map(int, sys.argv[1:])
    count = 0

    def see(_: Seen) -> None:
        nonlocal count
        count += 1

    @contextmanager
    def level() -> Iterator[ByteSource]:
        with ByteSource(archive(files, links), codec=Codec.NONE) as source:
            yield source

    result = Extraction(Listing(see), Selection(), NoProgress()).run([level])
    assert not result.problems(), result.problems()[:3]
    assert not result.absent, result.absent[:3]
    with open("/proc/self/status") as status:
        print(count, next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
