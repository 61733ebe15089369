"""Where chunks are.

A *copy* is one place where a chunk lies: a pack, a bundle in it, an offset in the bundle's plaintext. Copies are
numbered in the order in which they were learnt, so copies of one bundle have neighbouring numbers, and whoever reads in
the order of numbers reads every bundle once. A *part* is a stored object that says what is in some packs.

``columns`` holds what is known, some forty bytes per copy; ``finder`` finds the numbers of an id; ``lookup`` is both
with packs that come and go. ``loading`` reads parts, ``parts`` makes and checks them, ``joining`` makes one of many.
"""

from freezer.repository.index.columns import Pack, Place
from freezer.repository.index.lookup import Index

__all__ = ["Index", "Pack", "Place"]
