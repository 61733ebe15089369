"""POSIX ACLs between the kernel's form and text."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.tree.acl import acl_from_text, acl_to_text
from freezer.tree.xattrs import ACCESS_ACL

NOBODY = 0xFFFFFFFF
USERS = {"alice": 1000, "bob": 1001}
GROUPS = {"staff": 50}


def binary(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def user_name(uid: int) -> str:
    return {number: name for name, number in USERS.items()}.get(uid, "")


EXAMPLE = binary((1, 6, NOBODY), (2, 4, 1000), (4, 4, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY))

permissions = st.integers(0, 7)
ids = st.integers(0, NOBODY - 1)


@st.composite
def acls(draw: st.DrawFn) -> bytes:
    users = [(2, draw(permissions), uid) for uid in sorted(draw(st.sets(ids, max_size=4)))]
    groups = [(8, draw(permissions), gid) for gid in sorted(draw(st.sets(ids, max_size=4)))]
    mask = [(16, draw(permissions), NOBODY)] if users or groups or draw(st.booleans()) else []
    owner, group, other = ((tag, draw(permissions), NOBODY) for tag in (1, 4, 32))
    return binary(owner, *users, group, *groups, *mask, other)


@given(acls())
def test_every_acl_survives_as_text(acl: bytes) -> None:
    assert acl_from_text(acl_to_text(acl)) == acl


@given(acls())
def test_names_beside_numbers_change_nothing(acl: bytes) -> None:
    text = acl_to_text(acl, user_name=lambda uid: f"u{uid}", group_name=lambda gid: f"g{gid}")
    assert acl_from_text(text) == acl


def test_the_text_is_what_archives_carry() -> None:
    assert acl_to_text(EXAMPLE) == "user::rw-,user:1000:r--,group::r--,mask::r--,other::---"
    assert acl_to_text(EXAMPLE, user_name=user_name) == "user::rw-,user:alice:r--:1000,group::r--,mask::r--,other::---"


@pytest.mark.parametrize(
    "text",
    [
        "user::rw-\nuser:alice:r--\ngroup::r--\nmask::r--\nother::---\n",
        "u::rw-,u:alice:r--,g::r--,m::r--,o::---",
        "user::rw-,user:unknown:r--:1000,group::r--,mask:r--,other:---",
        "user::6,user:1000:4,group::4,mask::4,other::0",
        "other::---,mask::r--,group::r--,user:alice:r--:77,user::rw-",
        "# file: x\nuser::rw-\nuser:1000:r--\t#effective:r--\ngroup::r--\nmask::r--\nother::---",
    ],
)
def test_the_spellings_of_other_programs_are_understood(text: str) -> None:
    assert acl_from_text(text, user_id=USERS.get, group_id=GROUPS.get) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    ["", "user", "user::", "user::rwz", "nobody::rwx", "user:unknown:r--", "mask:5:r--", "user:4294967295:r--",
     "user::rw-:1:2", "default:user::rwx"],
)  # fmt: skip
def test_malformed_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="ACL"):
        acl_from_text(text)


@pytest.mark.parametrize(
    "acl", [b"", b"\2\0\0", EXAMPLE[:-1], b"\3\0\0\0" + EXAMPLE[4:], binary((3, 1, 0)), binary((1, 9, 0))]
)
def test_malformed_binaries_are_refused(acl: bytes) -> None:
    with pytest.raises(ValueError, match="ACL"):
        acl_to_text(acl)


def test_the_kernel_takes_what_was_parsed(place: Path) -> None:
    file = place / "file"
    file.touch()
    acl = acl_from_text("user::rw-,group:50:rwx,user:1000:r--,group::r--,mask::rwx,other::---")
    os.setxattr(file, os.fsdecode(ACCESS_ACL), acl)
    assert os.getxattr(file, os.fsdecode(ACCESS_ACL)) == acl
