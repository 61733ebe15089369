"""Extended attributes: which of them a backup keeps, reading and writing them.

Kept are ``user.*``, file capabilities (``security.capability``), POSIX ACLs and, where we may see them, ``trusted.*``.
Security labels (``security.selinux``, ``security.ima`` …) belong to the policy and keys of the machine and are made
anew where the files are restored, as with GNU tar.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from freezer.model.items import printable
from freezer.tree.system import descriptor_path, getxattr, listxattr, removexattr, setxattr

ACCESS_ACL = b"system.posix_acl_access"
DEFAULT_ACL = b"system.posix_acl_default"
CAPABILITY = b"security.capability"

MAX_VALUE = 65536
"""Bytes that Linux takes as one value (XATTR_SIZE_MAX)."""

_ABSENT = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP})


def is_kept(name: bytes) -> bool:
    """Whether backups keep the attribute of that name."""
    return name.startswith((b"user.", b"trusted.")) or name in (CAPABILITY, ACCESS_ACL, DEFAULT_ACL)


def named(directory_fd: int, name: bytes) -> bytes:
    """A path of ``name`` in the open directory, for calls that take no directory descriptor (needs /proc)."""
    return descriptor_path(directory_fd) + b"/" + name


def has_xattrs(fd: int) -> bool:
    """Whether :func:`read_xattrs` would find anything; OSError if that cannot be told."""
    try:
        names = listxattr(fd)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return bool(names) and any(is_kept(os.fsencode(name)) for name in names)


def read_xattrs(file: int | bytes) -> dict[bytes, bytes]:
    """The kept attributes of an open file, or of what ``file`` names without following it if it is a link.

    Empty where the file system has none. Raises OSError if they exist and cannot be read.
    """
    follow = isinstance(file, int)
    try:
        names = listxattr(file, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _ABSENT:
            return {}
        raise
    kept = {}
    for name in map(os.fsencode, names):
        if is_kept(name):
            try:
                kept[name] = getxattr(file, name, follow_symlinks=follow)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
    return kept


def write_xattrs(file: int | bytes, xattrs: Mapping[bytes, bytes], *, follow_symlinks: bool = True) -> list[str]:
    """Set all of ``xattrs``; the reasons, one for each, why some could not be set."""
    reasons = []
    for name, value in xattrs.items():
        if len(value) > MAX_VALUE:
            reasons.append(f"attribute {printable(name)} not set: {len(value)} bytes, the system takes {MAX_VALUE}")
            continue
        try:
            setxattr(file, name, value, follow_symlinks=follow_symlinks)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            reasons.append(f"attribute {printable(name)} not set: {reason}")
    return reasons


def drop_xattr(file: int | bytes, name: bytes) -> bool:
    """Remove one attribute; whether it was there."""
    try:
        removexattr(file, name)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return True
