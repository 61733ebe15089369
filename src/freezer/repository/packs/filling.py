"""A pack while it is being made, in a buffer that is used again for the next one."""

from __future__ import annotations

import os
from operator import attrgetter

import msgspec

from freezer.crypto import primitives
from freezer.crypto.primitives import KEY_SIZE, Cipher
from freezer.repository.documents import BUNDLE_ID_SIZE, Bundle, Codec, Footer, MovedKey, PackKind, PackRecord
from freezer.repository.envelope import prefix
from freezer.repository.ids import digest
from freezer.repository.keys.ring import Keys
from freezer.repository.packs import layout, wraps
from freezer.repository.packs.describing import FOOTER_NONCE
from freezer.repository.packs.layout import HEADER_SIZE, TRAILER_SIZE
from freezer.repository.packs.sealing import associated, nonce, sealed_digest
from freezer.repository.packs.wraps import Purpose
from freezer.storage.contract import Buffer


class Contents(msgspec.Struct, frozen=True):
    """The chunks of a bundle, in their order: ``ids`` joined, ``lengths`` in bytes."""

    ids: bytes
    lengths: list[int]


class Slot(msgspec.Struct, frozen=True):
    """Where in its pack a bundle will be: ``number`` is its nonce, ``view`` the bytes for it."""

    number: int
    offset: int
    view: memoryview


class Filling:
    """A new pack, which as such takes bundles of others.

    Bundles are reserved one after the other; what is then done with a slot may be done by several threads at once.
    ``pending``: slots that are reserved but not filled yet.
    """

    def __init__(self, keys: Keys, kind: PackKind, name: str, space: memoryview) -> None:
        self.name = name
        self.kind = kind
        self.space = space
        self.pending = 0
        self.closed = False
        self._keys = keys
        self._epoch = keys.newest
        self._head = layout.head(kind, self._epoch.number)
        self._footer_key = os.urandom(KEY_SIZE)
        self._wrap = wraps.NO_KEY
        self._end = HEADER_SIZE
        self._number = 0
        self._chunks = 0
        self._bundles: list[Bundle] = []
        self._moved: dict[MovedKey, int] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing is missing but the footer."""
        return self.closed and not self.pending

    def has_room(self, sealed: int, chunks: int) -> bool:
        """Whether a bundle of so many sealed bytes and chunks fits, with the footer that the pack then needs."""
        needed = _space(self._end + sealed, self._number + 1, self._chunks + chunks, len(self._moved) + 1)
        return needed <= len(self.space)

    def reserve(self, sealed: int, chunks: int) -> Slot:
        """The place of the next bundle."""
        slot = Slot(self._number, self._end, self.space[self._end : self._end + sealed])
        self._end += sealed
        self._number += 1
        self._chunks += chunks
        self.pending += 1
        return slot

    def add(self, bundle: Bundle) -> None:
        """The slot of ``bundle`` is filled."""
        self._bundles.append(bundle)
        self.pending -= 1

    def move(self, bundle: Bundle, sealed: Buffer, key: MovedKey) -> None:
        """Take a bundle of another pack as it is, with its key."""
        which = self._moved.setdefault(key, len(self._moved) + 1)
        slot = self.reserve(len(sealed), len(bundle.lengths))
        slot.view[:] = sealed
        self.add(msgspec.structs.replace(bundle, offset=slot.offset, key=which))

    def finish(self) -> tuple[memoryview, PackRecord]:
        """The bytes of the whole pack (a part of ``space``), and what an index part says of it."""
        bundles = sorted(self._bundles, key=attrgetter("offset"))
        plain = layout.write_footer(Footer(list(self._moved), bundles))
        bound = prefix(self._keys.repository, "footer", self.name)
        footer = primitives.seal(self._footer_key, FOOTER_NONCE, plain, bound)
        footer_wrap = self._wrapped(self._footer_key, Purpose.FOOTER)
        size = self._end + len(footer) + TRAILER_SIZE
        self.space[:HEADER_SIZE] = layout.write_header(self._head, self._wrap, footer_wrap)
        self.space[self._end : size] = footer + layout.write_trailer(len(footer))
        data = self.space[:size]
        record = PackRecord(
            self.name,
            self.kind,
            size,
            digest(data),
            self._epoch.number,
            self._wrap,
            self._head,
            list(self._moved),
            bundles,
        )
        return data, record

    def _wrapped(self, key: bytes, purpose: Purpose) -> bytes:
        return wraps.wrap(key, self._epoch, self._keys.repository, self.name, self._head, purpose)


class NewPack(Filling):
    """A new pack for new bundles, with a key of its own."""

    def __init__(self, keys: Keys, kind: PackKind, name: str, space: memoryview) -> None:
        super().__init__(keys, kind, name, space)
        key = os.urandom(KEY_SIZE)
        self.cipher = Cipher(key)
        self._wrap = self._wrapped(key, Purpose.CONTENT)

    def seal(self, slot: Slot, body: Buffer, codec: Codec, plain: int, contents: Contents) -> Bundle:
        """Fill a slot of this pack with the ``body`` of a new bundle that stands for ``plain`` bytes."""
        id = os.urandom(BUNDLE_ID_SIZE)
        bound = associated(self._keys.repository, id)
        self.cipher.seal_into(nonce(slot.number), body, bound, slot.view)
        return Bundle(
            id,
            slot.offset,
            len(slot.view),
            plain,
            codec,
            0,
            slot.number,
            sealed_digest(slot.view),
            contents.lengths,
            contents.ids,
        )


def least_space(sealed: int, chunks: int) -> int:
    """Bytes of a pack of one bundle with so many sealed bytes."""
    return _space(HEADER_SIZE + sealed, 1, chunks, 1)


def _space(end: int, bundles: int, chunks: int, moved_keys: int) -> int:
    """Bytes that a pack has at most whose bundles end at ``end``."""
    return end + layout.footer_bound(bundles, chunks, moved_keys)
