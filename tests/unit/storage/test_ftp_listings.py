"""What servers say about files: understood, or an error; never half of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import PermanentError
from freezer.storage.ftp.listing import Kind, ls_entries, machine_entries, machine_entry, parse_time

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()


def when(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()


def ls(line: bytes):
    (entry,) = ls_entries(line + b"\r\n", NOW)
    return entry


def test_facts_of_the_machine_form_are_found_in_any_order_and_case():
    entry = machine_entry(b"Size=5;UNIX.mode=0644;modify=20261121183305.123;TYPE=File; a name; with=signs")
    assert (entry.name, entry.kind, entry.size) == (b"a name; with=signs", Kind.FILE, 5)
    assert entry.modified == when(2026, 11, 21, 18, 33, 5)
    assert not entry.rough


def test_the_folder_itself_and_the_one_above_are_no_entries():
    listing = b"type=cdir;modify=20260101000000; .\r\ntype=pdir; ..\r\ntype=dir; d\r\ntype=OS.unix=slink:/x; l\r\n"
    assert [(entry.name, entry.kind) for entry in machine_entries(listing)] == [(b"d", Kind.FOLDER), (b"l", Kind.LINK)]


@pytest.mark.parametrize(
    "line",
    [b"type=file; no size", b"size=5; no type", b"type=file;size=x; a", b"type=file;size=5;modify=2026; a",
     b"type=file;size=5;modify=20261399000000; a", b"garbage", b"type=file;size=5;"],
)  # fmt: skip
def test_a_line_of_the_machine_form_that_says_too_little_is_an_error(line):
    with pytest.raises(PermanentError, match="makes no sense"):
        list(machine_entries(line + b"\r\n"))


@pytest.mark.parametrize(
    ("line", "name", "kind", "size", "modified"),
    [
        (b"-rw-------    1 0        0               5 Nov 21 11:33 a", b"a", Kind.FILE, 5, (2026, 11, 21, 11, 33)),
        (b"drwxr-xr-x+   2 root     root         4096 Jan  5  2024 with blanks ", b"with blanks ", Kind.FOLDER, 4096,
         (2024, 1, 5)),
        (b"-rw-r--r--   1 u g 7 Dec 31 23:59  leading", b" leading", Kind.FILE, 7, (2025, 12, 31, 23, 59)),
        (b"lrwxrwxrwx 1 u g 9 Nov 21 11:33 data -> /else -> where", b"data -> /else", Kind.LINK, 9,
         (2026, 11, 21, 11, 33)),
        (b"srwxrwxrwx 1 u g 0 Nov 22 01:00 socket", b"socket", Kind.OTHER, 0, (2026, 11, 22, 1, 0)),
        (b"-rw-r--r-- 1 owner 123456789012 Feb 29 2024 leap", b"leap", Kind.FILE, 123456789012, (2024, 2, 29)),
        (b"-rw-r--r-- 1 u g 5 21 Nov 11:33 day first", b"day first", Kind.FILE, 5, (2026, 11, 21, 11, 33)),
        (b"-rw-r--r-- 1 u g 5 Nov 21 11:33 not-\xff\x80", b"not-\xff\x80", Kind.FILE, 5, (2026, 11, 21, 11, 33)),
    ],
)  # fmt: skip
def test_what_ls_says_is_understood(line, name, kind, size, modified):
    entry = ls(line)
    assert (entry.name, entry.kind, entry.size, entry.modified) == (name, kind, size, when(*modified))
    assert entry.rough


@pytest.mark.parametrize(
    "line",
    [b"11-21-26  06:33PM       <DIR>          folder", b"-rw------- 1 0 0 Nov 21 11:33", b"ls: cannot open directory",
     b"-rw-r--r-- 1 u g 5 Foo 21 11:33 a", b"-rw-r--r-- 1 u g 5 Nov 31 2025 a"],
)  # fmt: skip
def test_what_is_not_of_ls_is_an_error_and_no_empty_folder(line):
    with pytest.raises(PermanentError, match="makes no sense"):
        ls(line)


def test_a_total_is_no_entry():
    assert list(ls_entries(b"total 12\r\n\r\n", NOW)) == []


@given(st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, 10, 13, 47}))
def test_every_name_that_a_line_can_hold_comes_back(name):
    facts = b"type=file;size=3;modify=20260101000000; " + name + b"\r\n"
    assert [entry.name for entry in machine_entries(facts)] == [name] * (name not in (b".", b".."))
    assert [entry.name for entry in ls_entries(b"-rw------- 1 0 0 3 Jan  1  2026 " + name + b"\r\n", NOW)] == [name]


@given(st.binary(max_size=200))
def test_no_garbage_breaks_the_reading(garbage):
    for read in (machine_entries, lambda data: ls_entries(data, NOW)):
        with suppress(PermanentError):
            assert all(entry.name for entry in read(garbage))


def test_a_time_is_in_utc():
    assert parse_time(b"19700101000001") == 1.0
