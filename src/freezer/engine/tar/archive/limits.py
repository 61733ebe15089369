"""How much a restore believes of what an archive claims.

An archive may come from a container that somebody else can write to. Without these limits a few hundred kilobytes of it
could demand any amount of memory, time or space.
"""

from __future__ import annotations

from dataclasses import dataclass

from freezer.errors import DamagedError

_MIB = 1024 * 1024
ALLOWANCE = 1 << 30
"""Plain bytes that are always believed, however little was stored."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one restore.

    ``entries``: archive entries of all levels; ``depth``: directories above one another; ``expansion``: plain bytes for
    each stored one (see :func:`most_plain`); ``record``: bytes of an extended header (but for a directory's times) and
    of a name; ``listing``: bytes of one directory's list, and of its times; ``extents``: extents of one sparse file.

    The default of ``listing`` is enough for five million names of any length. It costs no memory: what is longer than
    a MiB is read into a temporary file.
    """

    entries: int = 100_000_000
    depth: int = 2048
    expansion: int = 10_000
    record: int = 8 * _MIB
    listing: int = 2048 * _MIB
    extents: int = 400_000


def most_plain(limits: Limits, stored: int, recorded: int) -> int:
    """How many plain bytes are believed of a level that is not authenticated and takes ``stored`` bytes; ``recorded``:
    what its commit record says (0 if nothing), because zeros shrink by more than any limit that stops a bomb."""
    return max(stored * limits.expansion, recorded) + ALLOWANCE


def exceeded(what: str, limit: int, option: str) -> DamagedError:
    """The error for an archive that claims more than ``limit``, which the option ``option`` sets."""
    return DamagedError(
        f"the archive is damaged or hostile: {what}, more than the limit of {limit}",
        hint=f"if you trust this backup, raise the limit with {option}",
    )
