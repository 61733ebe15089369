"""Names of users and groups, each looked up once: a lookup may ask a directory server, a tree has a million files."""

from __future__ import annotations

import sys
from functools import cache

if sys.platform == "win32":

    def user_name(_uid: int) -> str:
        return ""

    def group_name(_gid: int) -> str:
        return ""

    def user_id(_name: str) -> int | None:
        return None

    def group_id(_name: str) -> int | None:
        return None

else:
    import grp
    import pwd

    @cache
    def user_name(uid: int) -> str:
        """The user's name, ``""`` if it has none here."""
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            return ""

    @cache
    def group_name(gid: int) -> str:
        """The group's name, ``""`` if it has none here."""
        try:
            return grp.getgrgid(gid).gr_name
        except (KeyError, OverflowError):
            return ""

    @cache
    def user_id(name: str) -> int | None:
        """The number of the user of that name, None if there is none here (nor of the empty name)."""
        try:
            return pwd.getpwnam(name).pw_uid if name else None
        except (KeyError, ValueError):
            return None

    @cache
    def group_id(name: str) -> int | None:
        """The number of the group of that name, None if there is none here (nor of the empty name)."""
        try:
            return grp.getgrnam(name).gr_gid if name else None
        except (KeyError, ValueError):
            return None
