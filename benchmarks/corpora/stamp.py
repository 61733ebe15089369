"""Time stamps of corpora: in the past, different for every file, with nanoseconds."""

from __future__ import annotations

import os
from pathlib import Path

_BEGIN = 1_700_000_000 * 10**9
_APART = 1_000_003_777  # a second and odd nanoseconds, so that programs that drop them are found out
_DAY = 86_400 * 10**9


def stamp(path: Path, number: int, day: int = 0) -> None:
    """Give ``path`` the modification time of file ``number``, written ``day`` days after the first."""
    time = _BEGIN + number * _APART + day * _DAY * 365
    os.utime(path, ns=(time, time), follow_symlinks=False)
