"""What a restore does where something that is no directory exists already."""

from __future__ import annotations

import enum
import os
import stat
from typing import NamedTuple

from freezer.tree.directories import Directory
from freezer.tree.system import raw_device


class Policy(enum.Enum):
    """When what exists is replaced."""

    NEVER = "never"
    """Keep it."""
    IF_NEWER = "if-newer"
    """Replace it if the backup's was modified later."""
    IF_CHANGED = "if-changed"
    """Replace it unless kind, size, modification time, link target and device number are the backup's."""
    ALWAYS = "always"
    """Replace it."""


class Wanted(NamedTuple):
    """What shall be restored: its ``S_IFMT`` kind, time, and what else tells it from another of its kind.

    ``identity``: device and inode of the file that it shall be another name of. ``differs``: what exists is known to
    be something else.
    """

    kind: int
    mtime_ns: int
    size: int | None = None
    link: bytes | None = None
    device: int | None = None
    identity: tuple[int, int] | None = None
    differs: bool = False

    def is_same(self, status: os.stat_result, directory: Directory, name: bytes) -> bool:
        """Whether what exists under ``name`` need not be restored."""
        if self.identity is not None:
            return (status.st_dev, status.st_ino) == self.identity
        return (
            not self.differs
            and stat.S_IFMT(status.st_mode) == self.kind
            and status.st_mtime_ns == self.mtime_ns
            and self.size in (None, status.st_size)
            and self.device in (None, raw_device(status))
            and (self.link is None or os.readlink(name, dir_fd=directory.fd) == self.link)
        )


def replaces(policy: Policy, mtime_ns: int, existing: os.stat_result, *, is_same: bool) -> bool:
    """Whether something modified at ``mtime_ns`` takes the place of ``existing``."""
    if policy is Policy.IF_NEWER:
        return mtime_ns > existing.st_mtime_ns
    if policy is Policy.IF_CHANGED:
        return not is_same
    return policy is Policy.ALWAYS
