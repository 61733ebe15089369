"""The attributes of an inode, as engines record them and the sandbox puts them back."""

from __future__ import annotations

import marshal

import msgspec


class Attributes(msgspec.Struct):
    """Everything of an inode but its type and content.

    ``mode``: the twelve permission bits. ``mtime_ns`` and ``atime_ns``: nanoseconds since 1970, may be negative;
    ``atime_ns`` None leaves it alone. ``uname``/``gname``: empty if unknown. ``xattrs``: name → raw value, POSIX ACLs
    among them as ``system.posix_acl_access`` and ``system.posix_acl_default`` in the kernel's binary form.
    """

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    atime_ns: int | None = None
    uname: str = ""
    gname: str = ""
    xattrs: dict[bytes, bytes] = {}  # each has its own, as msgspec does it


def packed(attributes: Attributes) -> bytes:
    """``attributes`` as bytes for a temporary file of this process (numbers and names may be beyond every format)."""
    each = attributes
    return marshal.dumps(
        (each.mode, each.uid, each.gid, each.mtime_ns, each.atime_ns, each.uname, each.gname, each.xattrs)
    )


def unpacked(data: bytes) -> Attributes:
    """What :func:`packed` made bytes of."""
    return Attributes(*marshal.loads(data))  # noqa: S302 - nobody else can write that file
