"""The module ``zstd``: the standard library's from Python 3.14 on, before that its backport."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["keep_memory", "zstd"]

_LARGE = 4 * 1024 * 1024  # bytes; not touched, so it costs nothing


def keep_memory() -> None:
    """Call this before handling many frames of a megabyte: the malloc of glibc then keeps memory of that size instead
    of giving it back to the system, and getting new pages, for every one of them. It adapts to the largest block that
    it has seen freed."""
    bytes(_LARGE)
