"""SFTP packets: what is encoded is decoded, and what is no SFTP is refused."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import FreezerError, PermanentError
from freezer.storage.ssh import wire
from freezer.storage.ssh.wire import Reply, Type

NUMBERS = st.integers(0, 2**32 - 1)
SIZES = st.integers(0, 2**64 - 1)


def reply(kind: Type, body: bytes) -> Reply:
    return Reply(kind, memoryview(body))


def encoded(size: int | None, mode: int | None, modified: int | None, extended: list[tuple[bytes, bytes]]) -> bytes:
    flags = (size is not None) | 0x04 * (mode is not None) | 0x08 * (modified is not None)
    flags |= 0x80000000 * bool(extended)
    body = wire.uint(flags)
    body += wire.ulong(size) if size is not None else b""
    body += wire.uint(mode) if mode is not None else b""
    body += wire.uint(7) + wire.uint(modified) if modified is not None else b""
    if extended:
        body += wire.uint(len(extended)) + b"".join(wire.string(a) + wire.string(b) for a, b in extended)
    return body


ATTRIBUTES = st.tuples(
    st.none() | SIZES,
    st.none() | NUMBERS,
    st.none() | NUMBERS,
    st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=2),
)


@given(st.lists(st.tuples(st.binary(max_size=40), ATTRIBUTES), max_size=5))
def test_names_come_back_with_their_attributes_whatever_the_server_adds(entries):
    body = wire.uint(len(entries))
    for name, attributes in entries:
        body += wire.string(name) + wire.string(b"-rw-r--r-- as ls shows it") + encoded(*attributes)
    found = wire.names(reply(Type.NAME, body))
    assert [(entry.name, entry.attributes) for entry in found] == [
        (name, wire.Attributes(*attributes[:3])) for name, attributes in entries
    ]


@given(st.dictionaries(st.binary(min_size=1, max_size=20), st.binary(max_size=5)))
def test_the_greeting_names_the_extensions(extensions):
    body = bytes([Type.VERSION]) + wire.uint(3)
    body += b"".join(wire.string(name) + wire.string(version) for name, version in extensions.items())
    assert wire.parse_hello(memoryview(body)) == extensions


@given(st.sampled_from([Type.NAME, Type.STATUS, Type.HANDLE, Type.ATTRS]), st.binary(max_size=60))
def test_arbitrary_answers_are_understood_or_refused_and_never_crash(kind, body):
    answer = reply(kind, body)
    for read in (wire.names, wire.status):
        try:
            read(answer)
        except (FreezerError, OSError):
            continue


@pytest.mark.parametrize(
    ("code", "number"),
    [(2, errno.ENOENT), (3, errno.EACCES), (5, errno.EINVAL), (8, errno.ENOSYS), (4, None), (77, None)],
)
def test_a_status_becomes_the_error_that_it_means(code, number):
    error = wire.status(reply(Type.STATUS, wire.uint(code) + wire.string(b"said") + wire.string(b"")))
    assert error is not None
    assert error.errno == number
    assert "said" in str(error)


def test_success_is_no_error_and_the_end_of_a_file_is_told_apart():
    assert wire.status(reply(Type.STATUS, wire.uint(0) + wire.string(b"") + wire.string(b""))) is None
    assert wire.is_eof(reply(Type.STATUS, wire.uint(1)))
    assert not wire.is_eof(reply(Type.DATA, wire.uint(1)))


def test_another_version_and_another_protocol_are_refused():
    with pytest.raises(PermanentError, match="version 6"):
        wire.parse_hello(memoryview(bytes([Type.VERSION]) + wire.uint(6)))
    with pytest.raises(PermanentError, match="no greeting"):
        wire.parse_hello(memoryview(bytes([Type.STATUS]) + wire.uint(3)))
    with pytest.raises(PermanentError, match="shorter"):
        wire.names(reply(Type.NAME, wire.uint(1) + wire.uint(100)))
    with pytest.raises(PermanentError, match="type 103"):
        wire.expect(reply(Type.DATA, b""), Type.HANDLE)


def test_a_request_says_how_long_it_is():
    head = wire.packet(Type.WRITE, 7, 100)
    assert struct.unpack(">IBI", head) == (105, Type.WRITE, 7)
