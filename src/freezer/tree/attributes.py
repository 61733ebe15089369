"""The attributes of an inode, as engines record them and the sandbox puts them back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Attributes:
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
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
