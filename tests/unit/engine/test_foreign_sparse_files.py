"""Files with holes as GNU tar stores them, in each of its formats, and sparse maps that cannot be true."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from freezer.engine.contract import Summary
from freezer.engine.tar.archive.limits import Limits
from freezer.engine.tar.archive.read import ArchiveReader
from freezer.errors import DamagedError
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource
from hostile.hostile_tarball import BLOCK, END, base256, file, head, octal, padded, pax
from support.levels import Level, restore
from support.manifest import compare, make_manifest

FORMATS = (
    ("--format=gnu",),
    ("--format=posix", "--sparse-version=0.0"),
    ("--format=posix", "--sparse-version=0.1"),
    ("--format=posix", "--sparse-version=1.0"),
)
STEP = 64 * 1024


def _sparse_file(path: Path, pieces: int, size: int) -> None:
    with path.open("wb") as stream:
        for number in range(pieces):
            stream.seek(number * STEP)
            stream.write(b"%05d" % number * 1000)
        stream.truncate(size)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Files whose maps are empty, fit a header, and take several blocks, between files without holes."""
    top = tmp_path / "source"
    top.mkdir()
    (top / "a plain file").write_bytes(b"before")
    _sparse_file(top / "only a hole", 0, 3 * STEP)
    _sparse_file(top / "three pieces", 3, 5 * STEP + 17)
    _sparse_file(top / "two hundred pieces", 200, 200 * STEP)
    _sparse_file(top / ("a long name, " * 12), 2, 2 * STEP)
    with (top / "data at the end").open("wb") as stream:
        stream.seek(10 * STEP)
        stream.write(b"the end")
    (top / "z plain file").write_bytes(b"after")
    (top / "three pieces").chmod(0o751)
    for number, path in enumerate(sorted(top.iterdir())):
        os.utime(path, (1_600_000_000, 1_600_000_000 + 1000 * number))
    os.utime(top, (1_500_000_000, 1_500_000_000))
    return top


def _packed(source: Path, *options: str) -> Level:
    command = ["tar", *options, "--sparse", "--sort=name", "--create", "--directory", os.fspath(source), "."]
    return Level(subprocess.run(command, capture_output=True, check=True).stdout, b"", Summary())


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_sparse_files_of_gnu_tar_come_back_with_their_holes(
    source: Path, tmp_path: Path, options: tuple[str, ...], incremental: bool
) -> None:
    target = tmp_path / "target"
    level = _packed(source, *options, *([f"--listed-incremental={tmp_path / 'state'}"] if incremental else []))
    assert len(level.archive) < 3_000_000
    result = restore([level], target)
    assert result.problems() == ()
    assert result.files == 7
    restored = make_manifest(target)
    assert compare(make_manifest(source), restored, ignore=("alloc",)) == []
    assert restored["only a hole"]["alloc"] in range(3 * STEP)


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_what_lies_behind_sparse_files_is_found_when_they_are_not_wanted(
    source: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    restore([_packed(source, *options)], tmp_path / "target", only=[b"z plain file"])
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["z plain file"]
    assert (tmp_path / "target" / "z plain file").read_bytes() == b"after"


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_maps_of_more_extents_than_allowed_are_refused(source: Path, options: tuple[str, ...]) -> None:
    archive = _packed(source, *options).archive
    # A hole at the end is marked by an empty extent.
    with ByteSource([archive], codec=Codec.NONE) as stream:
        assert len(list(ArchiveReader(stream, Limits(extents=201)))) == 8
    with pytest.raises(DamagedError, match=r"a sparse file has [0-9]+ extents, more than the limit of 150"):
        _read(archive, Limits(extents=150))


def _read(archive: bytes, limits: Limits | None = None) -> list[tuple[int, bytes]]:
    """All content of an archive."""
    with ByteSource([archive], codec=Codec.NONE) as stream:
        reader = ArchiveReader(stream, limits)
        return [(offset, bytes(piece)) for member in reader for offset, piece in reader.content(member)]


def _version_1(body: bytes, size: bytes = b"4", name: bytes = b"a") -> bytes:
    front = pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", size))
    return front + file(name, body) + END


def _version_0(*records: tuple[bytes, bytes], content: bytes = b"evil") -> bytes:
    return pax(*records) + file(b"a", content) + END


def _old(numbers: bytes, real_size: bytes = octal(8, 12), *, extended: bool = False, more: bytes = b"") -> bytes:
    """An old GNU sparse file of four bytes of content."""
    tail = bytes(386 - 345) + numbers.ljust(96, b"\0") + bytes((extended,)) + real_size
    return head(b"a", b"S", 4, tail=tail) + more + padded(b"good") + END


def test_a_map_of_each_kind_says_where_content_goes() -> None:
    expected = [(4, b"go"), (8, b"od")]
    size = (b"GNU.sparse.size", b"10")
    repeated = ((b"GNU.sparse.offset", b"4"), (b"GNU.sparse.numbytes", b"2"))
    again = ((b"GNU.sparse.offset", b"8"), (b"GNU.sparse.numbytes", b"2"))
    first, second = octal(4, 12) + octal(2, 12), base256(8, 12) + octal(2, 12)
    block = second.ljust(BLOCK, b"\0")
    assert _read(_version_1(padded(b"2\n4\n2\n8\n2\n") + b"good", b"10")) == expected
    assert _read(_version_0((b"GNU.sparse.map", b"4,2,8,2"), size, content=b"good")) == expected
    assert _read(_version_0(size, *repeated, *again, content=b"good")) == expected
    assert _read(_old(first + second, octal(10, 12))) == expected
    assert _read(_old(first, octal(10, 12), extended=True, more=block)) == expected


ENDLESS = "a sparse map has no end"
CUT = "a sparse map is cut"
OUT = "a sparse map leads out of every file"
CONTRADICTS = "a sparse map contradicts itself"
MISFIT = "a sparse map does not fit its content"
NO_NUMBER = "a number in an extended header is none"
NO_FILE = "no file can have"
SIZE = (b"GNU.sparse.size", b"4")
DAMAGED = {
    "1.0, nothing": (_version_1(b""), ENDLESS),
    "1.0, less than a block": (_version_1(b"1\n0\n4\n"), ENDLESS),
    "1.0, ends early": (_version_1(padded(b"1\n0\n")), ENDLESS),
    "1.0, a number of many digits": (_version_1(b"1\n4\n".rjust(BLOCK, b"0")), NO_NUMBER),
    "1.0, a line of many blocks": (_version_1(b"1" * 4 * BLOCK), ENDLESS),
    "1.0, no numbers": (_version_1(padded(b"one\n0\n4\n") + b"evil"), NO_NUMBER),
    "1.0, negative count": (_version_1(padded(b"-1\n0\n4\n") + b"evil"), OUT),
    "1.0, negative offset": (_version_1(padded(b"1\n-4\n4\n") + b"evil"), OUT),
    "1.0, beyond 63 bits": (_version_1(padded(b"1\n9223372036854775808\n4\n") + b"evil"), OUT),
    "1.0, beyond the file": (_version_1(padded(b"1\n1\n4\n") + b"evil"), CONTRADICTS),
    "1.0, less than stored": (_version_1(padded(b"1\n0\n3\n") + b"evil"), MISFIT),
    "1.0, more than stored": (_version_1(padded(b"1\n0\n4\n") + b"evi"), MISFIT),
    "1.0, negative size": (_version_1(padded(b"0\n"), b"-1"), NO_FILE),
    "0.1, odd": (_version_0((b"GNU.sparse.map", b"0,2,2"), SIZE), CUT),
    "0.1, empty number": (_version_0((b"GNU.sparse.map", b"0,,4"), SIZE), CUT),
    "0.1, beyond 63 bits": (_version_0((b"GNU.sparse.map", b"9999999999999999999,4"), SIZE), OUT),
    "0.1, overlapping": (_version_0((b"GNU.sparse.map", b"0,3,2,1"), SIZE), CONTRADICTS),
    "0.1, descending": (_version_0((b"GNU.sparse.map", b"2,2,0,2"), SIZE), CONTRADICTS),
    "0.1, without a size": (_version_0((b"GNU.sparse.map", b"0,4")), CONTRADICTS),
    "0.1, size beyond 63 bits": (
        _version_0((b"GNU.sparse.map", b"0,4"), (b"GNU.sparse.size", b"9223372036854775808")),
        NO_FILE,
    ),
    "0.0, odd": (_version_0(SIZE, (b"GNU.sparse.offset", b"0")), CUT),
    "0.0, negative": (_version_0(SIZE, (b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"-4")), OUT),
    "old, beyond 63 bits": (_old(base256(2**63, 12) + octal(4, 12)), OUT),
    "old, negative": (_old(base256(-1, 12) + octal(4, 12)), OUT),
    "old, beyond the file": (_old(octal(5, 12) + octal(4, 12)), CONTRADICTS),
    "old, negative size": (_old(octal(0, 12) + octal(4, 12), base256(-1, 12)), NO_FILE),
    "old, an empty block that more follow": (_old(b"", extended=True, more=bytes(504) + b"\1" + bytes(7)), ENDLESS),
}


@pytest.mark.parametrize(("archive", "reason"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_map_that_cannot_be_true_is_damage(archive: bytes, reason: str) -> None:
    with pytest.raises(DamagedError, match=reason):
        _read(archive)
