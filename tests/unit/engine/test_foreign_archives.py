"""Archives of other programs and ages: V7, ustar, star, POSIX, labels, odd numbers; and what no program writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from freezer.engine.contract import Restored, Summary
from freezer.engine.tar.archive.limits import Limits
from freezer.engine.tar.archive.read import ArchiveReader, Member
from freezer.errors import DamagedError
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource
from hostile.hostile_tarball import (
    BLOCK,
    END,
    POSIX,
    base256,
    directory,
    extended,
    file,
    head,
    listed,
    node,
    octal,
    padded,
    pax,
    record,
)
from support.levels import Level, restore
from support.manifest import compare, make_manifest

MIB = 1024 * 1024
V7 = bytes(8)


def _members(archive: bytes, limits: Limits | None = None) -> list[Member]:
    with ByteSource([archive], codec=Codec.NONE) as source:
        return list(ArchiveReader(source, limits))


def _read(archive: bytes) -> int:
    """How many bytes of content an archive has."""
    with ByteSource([archive], codec=Codec.NONE) as source:
        reader = ArchiveReader(source)
        return sum(len(piece) for member in reader for _, piece in reader.content(member))


def _restore(target: Path, *archives: bytes) -> Restored:
    """Restore ``archives``, oldest first."""
    return restore([Level(each, b"", Summary()) for each in archives], target)


def _summed(block: bytes, total: int) -> bytes:
    return block[:148] + b"%06o\0 " % total + block[156:]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    top = tmp_path / "source"
    deep = top / ("d" * 60) / ("e" * 30)
    deep.mkdir(parents=True)
    (deep / "short").write_bytes(b"in a deep directory")
    (top / "empty").touch()
    (top / "large").write_bytes(os.urandom(100_000))
    os.link(top / "large", top / "second name")
    (top / "link").symlink_to("large")
    (top / "large").chmod(0o640)
    for path in (*top.rglob("*"), top):
        os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    return top


@pytest.mark.parametrize("kind", ["v7", "ustar", "oldgnu", "gnu", "posix"])
def test_a_tree_comes_back_from_every_format_of_gnu_tar(source: Path, tmp_path: Path, kind: str) -> None:
    command = ["tar", f"--format={kind}", "--create", "--directory", os.fspath(source), "."]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    assert _restore(tmp_path / "target", archive).problems() == ()
    assert compare(make_manifest(source), make_manifest(tmp_path / "target"), ignore=("alloc",)) == []


@pytest.mark.parametrize("kind", ["oldgnu", "gnu", "posix"])
def test_incremental_levels_come_back_from_every_format_that_has_them(source: Path, tmp_path: Path, kind: str) -> None:
    archives = []
    state = os.fspath(tmp_path / "state")
    command = ["tar", f"--format={kind}", "--create", "--listed-incremental", state]
    for level in range(2):
        if level:
            (source / "large").unlink()
            (source / "new").mkdir()
            (source / "new" / "file").write_text("new")
            for path in (source / "new" / "file", source / "new", source):
                os.utime(path, (1_600_000_001, 1_600_000_001))
        done = subprocess.run([*command, "--directory", os.fspath(source), "."], capture_output=True, check=True)
        archives.append(done.stdout)
    assert _restore(tmp_path / "target", *archives).problems() == ()
    assert compare(make_manifest(source), make_manifest(tmp_path / "target"), ignore=("alloc",)) == []


def test_a_volume_label_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("content")
    command = ["tar", "--format=gnu", "--label=tape 1", "--create", "--directory", os.fspath(tmp_path / "source"), "a"]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    assert archive[156:157] == b"V"
    assert _restore(tmp_path / "target", archive).problems() == ()
    assert {path.name: path.read_text() for path in (tmp_path / "target").iterdir()} == {"a": "content"}


def test_a_volume_label_with_content_is_passed_over() -> None:
    archive = head(b"tape", b"V", 4) + padded(b"text") + file(b"a") + END
    assert [member.path for member in _members(archive)] == [b"a"]


def test_the_times_of_a_star_archive_are_not_taken_for_its_prefix() -> None:
    tail = b"some/where".ljust(131, b"\0") + octal(1_600_000_000, 12) + octal(1_600_000_000, 12) + bytes(8) + b"tar\0"
    (member,) = _members(head(b"file", magic=POSIX, tail=tail) + END)
    assert member.path == b"some/where/file"


def test_numbers_with_blanks_and_in_base_256_mean_what_they_meant_to_their_writer() -> None:
    owner = (b"   144 \0", b" 145\0\0\0\0")
    (old,) = _members(
        head(b"old", b"\0", b"          4 ", magic=V7, owner=owner, mtime=b"7\0" + bytes(10)) + padded(b"good") + END
    )
    assert (old.type, old.size) == (b"0", 4)
    assert (old.attributes.uid, old.attributes.gid, old.attributes.mtime_ns) == (0o144, 0o145, 7_000_000_000)
    wide = (base256(3_000_000, 8), base256(4_000_000, 8))
    (new,) = _members(head(b"new", size=base256(4, 12), owner=wide, mtime=base256(-5, 12)) + padded(b"good") + END)
    assert (new.size, new.attributes.uid, new.attributes.gid) == (4, 3_000_000, 4_000_000)
    assert new.attributes.mtime_ns == -5_000_000_000


def test_an_empty_number_is_nought() -> None:
    (member,) = _members(head(b"a", size=bytes(12), mtime=b" " * 12) + END)
    assert (member.size, member.attributes.mtime_ns) == (0, 0)


def test_a_checksum_of_signed_characters_is_accepted() -> None:
    block = head("Grüße".encode(), magic=V7)
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    assert [member.path for member in _members(_summed(block, total - 4 * 256) + END)] == ["Grüße".encode()]
    with pytest.raises(DamagedError, match="the checksum of a header is wrong"):
        _members(_summed(block, total - 3 * 256) + END)


def test_a_contiguous_file_is_a_file(tmp_path: Path) -> None:
    assert _restore(tmp_path / "target", head(b"a", b"7", 4) + padded(b"good") + END).problems() == ()
    assert (tmp_path / "target" / "a").read_bytes() == b"good"


def test_an_entry_of_an_unknown_type_is_reported_and_the_next_restored(tmp_path: Path) -> None:
    result = _restore(tmp_path / "target", head(b"odd", b"Z", 4) + padded(b"evil") + file(b"a", b"good") + END)
    assert [(each.path, each.reason) for each in result.failures] == [("odd", "entries of type 'Z' cannot be restored")]
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["a"]


def test_extended_attributes_that_no_restore_may_set_are_left_out() -> None:
    records = ((b"SCHILY.xattr.user.kept", b"1"), (b"SCHILY.xattr.no%20namespace", b"2"), (b"comment", b"3"))
    (member,) = _members(pax(*records) + file(b"a") + END)
    assert member.attributes.xattrs == {b"user.kept": b"1"}


def test_a_plain_directory_in_a_marked_archive_is_restored_like_any_other(tmp_path: Path) -> None:
    archive = pax((b"FREEZER.archive", b"1")) + directory(b"./d") + file(b"./d/a", b"good") + END
    assert _restore(tmp_path / "target", archive).problems() == ()
    assert (tmp_path / "target" / "d" / "a").read_bytes() == b"good"


def _large(body: bytes) -> bytes:
    return extended(b"x", body) + file(b"a") + END


LONG = record(b"comment", b"-" * 2 * MIB)
NEGATIVE = "a size is negative"
END_MARK = "something follows its end mark"
TIMES = "the times of a directory cannot be read"
DAMAGED = {
    "a size of 8s": (head(b"a", size=b"00000000008\0") + END, "size of a header is no number"),
    "a negative size": (head(b"a", size=base256(-1, 12)) + END, NEGATIVE),
    "a size beyond 63 bits": (head(b"a", size=base256(2**63, 12)) + END, "no file can have"),
    "a negative size record": (pax((b"size", b"-1")) + file(b"a") + END, "no file can have"),
    "an owner that is text": (head(b"a", owner=(b"somebody", octal(0, 8))) + END, "owner of a header is no number"),
    "a time that is text": (pax((b"mtime", b"noon")) + file(b"a") + END, "time in an extended header is no number"),
    "one zero block only": (file(b"a") + bytes(BLOCK) + file(b"b"), END_MARK),
    "something behind the end": (file(b"a") + END + file(b"b"), END_MARK),
    "cut behind a header": (head(b"a", size=4 * MIB), "truncated"),
    "cut in a small file": (head(b"a", size=BLOCK), "truncated"),
    "a record without length": (_large(b"comment=" + b"-" * 2 * MIB), "an extended header has no length"),
    "a record that is too long": (_large(b"9" + LONG), "an extended header is cut"),
    "a record without line end": (_large(LONG[:-1] + b"-"), "an extended header is cut"),
    "times of three bytes": (pax((b"FREEZER.mtime_ns", b"AAAA")) + listed(b".") + END, TIMES),
    "times that are no base64": (pax((b"FREEZER.mtime_ns", b"?")) + listed(b".") + END, TIMES),
}


@pytest.mark.parametrize(("archive", "reason"), DAMAGED.values(), ids=DAMAGED.keys())
def test_what_no_program_writes_is_damage(archive: bytes, reason: str) -> None:
    with pytest.raises(DamagedError, match=reason):
        _read(archive)


def test_an_extended_header_larger_than_allowed_is_refused() -> None:
    assert len(_members(_large(LONG), Limits(record=3 * MIB))) == 1
    with pytest.raises(DamagedError, match=r"an extended header has [0-9]+ bytes, more than the limit of 1048576"):
        _members(_large(LONG), Limits(record=MIB))


def test_global_headers_that_add_up_to_more_than_allowed_are_refused() -> None:
    headers = [pax((b"comment.%d" % number, b"-" * 1000), kind=b"g") for number in range(5)]
    assert len(_members(b"".join(headers[:3]) + file(b"a") + END, Limits(record=4000))) == 1
    with pytest.raises(DamagedError, match=r"its global headers have 4[0-9]+ bytes, more than the limit of 4000"):
        _members(b"".join(headers) + file(b"a") + END, Limits(record=4000))


def test_device_numbers_are_read_from_every_kind_of_header() -> None:
    gnu, posix = _members(node(b"a", b"3", (5, 300)) + node(b"b", b"4", (8, 17), magic=POSIX) + END)
    assert (gnu.type, gnu.major, gnu.minor) == (b"3", 5, 300)
    assert (posix.type, posix.major, posix.minor) == (b"4", 8, 17)
