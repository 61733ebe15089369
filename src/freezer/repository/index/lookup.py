"""The index that a program works with."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Bundle, IndexPart, PackRecord
from freezer.repository.index.columns import Block, Columns, Pack, Place, block_of
from freezer.repository.index.finder import Finder
from freezer.repository.index.loading import read_missing, read_parts
from freezer.repository.index.parts import PartInfo, obsolete
from freezer.repository.store import Repository


class Index:
    """Where the chunks of all packs are that are not dropped. Safe for several threads: a look-up sees what was added
    before it began."""

    def __init__(self) -> None:
        self._columns = Columns()
        self._finder = Finder(self._columns)
        self._packs: dict[str, Pack] = {}
        self._copies = 0
        self._dropped: set[str] = set()
        self._parts: dict[str, PartInfo] = {}
        self._damaged: set[str] = set()
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls, repository: Repository, *, condemned: Collection[str] = (), cache: Cache | None = None, notice: Notice
    ) -> Index:
        """What the index parts of the repository say, but for packs that are ``condemned`` (or not to be relied upon
        for other reasons). Each part that cannot be read is a notice, unless another one replaces it; then the footers
        of packs that no other part describes are read instead."""
        index = cls()
        index.drop(condemned)
        problems = read_parts(repository, cache, index._take)
        index._damaged = set(problems)
        for name in sorted(index.unread):
            notice(f"{problems[name]}; the packs are asked instead")
        if index.unread:
            index._ask(repository, notice)
        return index

    def complete(self, repository: Repository, needs: Iterable[str], notice: Notice) -> None:
        """Know everything that a backup relies on whose root names ``needs``, even if index parts were lost: then all
        packs are asked of which nothing is known."""
        if self.unlisted(needs):
            self._ask(repository, notice)

    def __len__(self) -> int:
        """How many copies of chunks there are."""
        return self._copies

    def __contains__(self, id: bytes) -> bool:
        return self._finder.first(id) >= 0

    def find(self, id: bytes) -> Place | None:
        """Where the chunk is: one of its copies."""
        number = self._finder.first(id)
        return None if number < 0 else self._columns.place(number)

    def places(self, id: bytes) -> list[Place]:
        """All copies of a chunk."""
        return [self._columns.place(number) for number in self._finder.all(id)]

    def many(self, ids: bytes) -> list[int]:
        """For each of the joined ``ids`` the number of one of its copies, or −1 if there is none; see :meth:`place`."""
        return self._finder.many(ids)

    def copies(self, id: bytes) -> list[int]:
        """The numbers of all copies of a chunk."""
        return self._finder.all(id)

    def place(self, number: int) -> Place:
        """What a number of :meth:`many`, :meth:`copies` or :attr:`Pack.copies` stands for."""
        return self._columns.place(number)

    def id(self, number: int) -> bytes:
        """The id of the chunk of which that is a copy."""
        return self._columns.id(number)

    def ids(self, copies: range) -> bytes:
        """The joined ids of the chunks of which these (``Pack.copies``) are copies."""
        return self._columns.ids_of(copies)

    @property
    def packs(self) -> Mapping[str, Pack]:
        """All packs that are known and not dropped, by name."""
        return MappingProxyType(self._packs)

    @property
    def parts(self) -> Mapping[str, PartInfo]:
        """The index parts that were read, by name."""
        return MappingProxyType(self._parts)

    @property
    def unread(self) -> set[str]:
        """Names of index parts that could not be read, and that no other one replaces."""
        return self._damaged - self._replaced()

    def obsolete(self) -> set[str]:
        """Names of index parts that nobody needs any more."""
        return obsolete(self._parts, self._dropped) | (self._damaged & self._replaced())

    @property
    def dropped(self) -> Collection[str]:
        """Names of packs that were dropped, known or not."""
        return self._dropped

    def bundle(self, pack: Pack, number: int) -> Bundle:
        """The bundle of that number in ``pack``, with what is in it."""
        return self._columns.bundle(pack, number)

    def record(self, name: str) -> PackRecord:
        """All that is known of a pack; KeyError if nothing is."""
        return self._columns.record(self._packs[name])

    def add(self, record: PackRecord) -> None:
        """Know a pack from now on; nothing changes if it is known already, or dropped. ``record`` was authenticated, or
        made by ourselves."""
        self._append(block_of([record]))

    def drop(self, packs: Collection[str]) -> None:
        """Never speak of these packs again, whoever describes them later."""
        with self._lock:
            self._dropped.update(packs)
            for name in packs:
                pack = self._packs.pop(name, None)
                if pack is not None:
                    self._finder.remove(pack.copies)
                    self._copies -= len(pack.copies)

    def unlisted(self, listed: Iterable[str]) -> list[str]:
        """Those of the ``listed`` packs of which nothing is known, and which were not dropped."""
        return [name for name in listed if name not in self._packs and name not in self._dropped]

    def take(self, name: str, part: IndexPart) -> None:
        """Know what the index part ``name`` says, which was authenticated and checked, or put by ourselves."""
        self._take(name, block_of(part.packs, part.replaces))

    def _take(self, name: str, block: Block) -> None:
        self._parts[name] = PartInfo.of(block)
        self._append(block)

    def _append(self, block: Block) -> None:
        with self._lock:
            if all(it.name in self._packs or it.name in self._dropped for it in block.packs):
                return
            for pack in self._columns.append(block):
                if pack.name not in self._packs and pack.name not in self._dropped:
                    self._packs[pack.name] = pack
                    self._finder.insert(pack.copies)
                    self._copies += len(pack.copies)

    def _ask(self, repository: Repository, notice: Notice) -> None:
        for record in read_missing(repository, self.unlisted, notice):
            self.add(record)

    def _replaced(self) -> set[str]:
        return {name for info in self._parts.values() for name in info.replaces}
