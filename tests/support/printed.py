"""The documents that the first manuals and a user's notes print, letter by letter: ``tests/fixtures/printed``."""

from __future__ import annotations

from pathlib import Path

PRINTED = Path(__file__).parent.parent / "fixtures" / "printed"


def printed(name: str) -> bytes:
    """One of them."""
    return (PRINTED / f"{name}.txt").read_bytes()
