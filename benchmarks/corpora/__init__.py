"""The corpora, smallest files first; every byte, name and time stamp of the made-up ones follows from the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpora import debian, edit, large, many, source

SEED = 20261121


@dataclass(frozen=True)
class Corpus:
    """``make(folder, scale, seed)`` fills an empty folder and says in one line what is in it.

    ``change(folder, number)`` is the edit step, different for every number.
    """

    title: str
    make: Callable[[Path, float, int], str]
    change: Callable[[Path, int], None]


CORPORA: Mapping[str, Corpus] = {
    "source": Corpus("many small source files", source.make, edit.change_tree),
    "debian": Corpus("real source text from a Debian package", debian.make, edit.change_tree),
    "large": Corpus("few large files", large.make, edit.change_large),
    "tiny": Corpus("200,000 tiny files", many.make, edit.change_tree),
}
"""By name; sizes are those of scale 1."""
