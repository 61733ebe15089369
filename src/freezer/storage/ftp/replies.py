"""What a server says."""

# ruff: noqa: S321 (that FTP in clear is insecure is said where it is chosen)
from __future__ import annotations

import ftplib

from freezer.storage.ftp.failures import Refused

Reply = tuple[int, str]
"""A code and its text (RFC 959 section 4.2)."""


def readable(reply: str) -> str:
    """The text of a reply, without its code."""
    return reply.encode("latin-1").decode("utf-8", "backslashreplace")[4:].strip()


def whole(reply: Reply) -> str:
    """The reply as it came."""
    return f"{reply[0]} {reply[1]}"


def quoted(text: str) -> bytes:
    """The path in a reply to PWD, quotes in it doubled (RFC 959 appendix II)."""
    return ftplib.parse257(f"257 {text}").encode("utf-8", "surrogateescape")


def granted(outcome: Reply | Refused) -> Reply:
    """A reply that is no refusal; a refusal is raised."""
    if isinstance(outcome, Refused):
        raise outcome
    return outcome
