"""Headers, numbers and extended records."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.tar.archive import header, pax
from freezer.engine.tar.archive.header import Header, full_header, number, parse_header, parse_number, plain_header
from freezer.errors import DamagedError

_names = st.binary(min_size=1, max_size=100).filter(lambda name: b"\0" not in name)
_ids = st.integers(0, 2**32 - 2)
_times = st.integers(-(2**40), 2**40)
_sizes = st.integers(0, 2**50)


@given(st.integers(-(2**62), 2**62))
def test_a_number_survives_a_wide_field(value: int) -> None:
    assert parse_number(number(value, 12), "x") == value


@given(_names, st.integers(0, 0o7777), _ids, _ids, _sizes, _times, _times, _times)
def test_a_plain_header_is_read_back(
    name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int, atime: int, ctime: int
) -> None:
    block = plain_header(name, header.FILE, mode, uid, gid, size, (mtime, atime, ctime), ("user", "group"))
    read = parse_header(block)
    assert len(block) == 512
    assert (read.name, read.mode, read.uid, read.gid, read.size, read.mtime) == (name, mode, uid, gid, size, mtime)
    assert parse_number(block[345:357], "x") == atime


def test_the_standard_library_agrees_about_the_checksum_of_the_worst_header() -> None:
    block = plain_header(
        b"\xff" * 100, header.FILE, 0o7777, 2**32 - 2, 2**32 - 2, 2**60, (-1, -1, -1), ("ÿ" * 15, "ÿ" * 15)
    )
    assert tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").size == 2**60


@given(_names, _names, st.integers(0, 255), st.integers(0, 2**20))
def test_a_link_or_device_header_is_read_back(name: bytes, link: bytes, major: int, minor: int) -> None:
    entry = Header(name, header.BLOCK_DEVICE, 0o600, 1, 2, 0, 3, link=link, major=major, minor=minor)
    read = parse_header(full_header(entry))
    assert (read.name, read.link, read.major, read.minor) == (name, link, major, minor)


@given(st.integers(0, 511), st.integers(1, 255))
def test_every_changed_byte_of_a_header_is_noticed_or_changes_nothing(position: int, flip: int) -> None:
    block = bytearray(plain_header(b"name", header.FILE, 0o644, 0, 0, 5, (1, 2, 3), ("root", "root")))
    block[position] ^= flip
    try:
        parse_header(bytes(block))
    except DamagedError:
        return
    assert 148 <= position < 156, "only the padding of the checksum field itself may change"


@given(st.integers(-(10**19), 10**19))
def test_a_time_keeps_its_nanoseconds(nanoseconds: int) -> None:
    assert pax.parse_time(pax.time_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", [b"nan", b"inf", b"1e999999", b"", b"\xff", b"1.2.3"])
def test_a_time_that_is_no_number_is_damage(text: bytes) -> None:
    with pytest.raises(DamagedError):
        pax.parse_time(text)


@given(st.lists(st.integers(0, 999_999_999)))
def test_nanoseconds_of_a_directory_are_read_back(fractions: list[int]) -> None:
    assert list(pax.unpack_fractions(pax.decode_fractions(pax.pack_fractions(fractions)))) == fractions


def test_the_standard_library_reads_our_extended_records() -> None:
    body = pax.encode([(b"mtime", b"1.5"), (b"SCHILY.xattr.user.a", b"\xff\n=1")])
    blocks = plain_header(b"./PaxHeaders/a", header.PAX, 0o644, 0, 0, len(body), (0, 0, 0), ("root", "root"))
    blocks += body + bytes(-len(body) % 512)
    blocks += plain_header(b"./a", header.FILE, 0o644, 0, 0, 0, (1, 1, 1), ("root", "root")) + bytes(10240)
    with tarfile.open(fileobj=io.BytesIO(blocks)) as archive:
        member = archive.getmembers()[0]
    assert member.mtime == 1.5
    assert "SCHILY.xattr.user.a" in member.pax_headers
