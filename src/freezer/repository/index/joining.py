"""Fewer index parts: many small ones become one, and what only footers say (because a part was lost or damaged) is
written down again.

Nothing is removed here. A collector removes what is :meth:`~freezer.repository.index.lookup.Index.obsolete` when it
next deletes; if it dies before, both are there, and harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from freezer.errors import DamagedError
from freezer.repository.documents import IndexPart
from freezer.repository.index.lookup import Index
from freezer.repository.index.parts import COPIES, part_of, worth_joining
from freezer.repository.names import PREFIX, Folder, Kind, numbered
from freezer.repository.store import Repository


def join_parts(repository: Repository, index: Index, owner: str, number: int) -> list[str]:
    """Put parts that replace others, as ``index/<owner>-<number>`` and so on, as far as that is worth it; their names.
    Each is read again and compared before ``index`` counts on it."""
    names: list[str] = []
    for packs, replaces in _joins(index):
        name = Folder.INDEX + numbered(owner, number + len(names))
        part = part_of(map(index.record, packs), replaces)
        repository.put(Kind.INDEX, name, part)
        if repository.get(Kind.INDEX, name, IndexPart).document != part:
            raise DamagedError(f"{PREFIX}{name} is not what was stored there a moment ago")
        index.take(name, part)
        names.append(name)
    return names


def _joins(index: Index) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Names of packs, and of the parts that can go when a new one describes these packs."""
    described = {pack for info in index.parts.values() for pack in info.packs}
    *lost, last = _portions(index, sorted(index.packs.keys() - described))
    for packs in lost:
        yield packs, ()
    if last or index.unread:
        yield last, sorted(index.unread)
    for group in worth_joining(index.parts, index.obsolete()):
        joined = dict.fromkeys(pack for name in group for pack in index.parts[name].packs)
        yield [pack for pack in joined if pack in index.packs], group


def _portions(index: Index, packs: Iterable[str]) -> Iterator[list[str]]:
    """The packs in portions for one part each; the last one may be empty."""
    portion: list[str] = []
    room = COPIES
    for name in packs:
        room -= len(index.packs[name].copies)
        if portion and room < 0:
            yield portion
            portion, room = [], COPIES - len(index.packs[name].copies)
        portion.append(name)
    yield portion
