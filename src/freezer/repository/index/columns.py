"""What is known of packs, bundles and chunks, in columns: some forty bytes per chunk instead of hundreds."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import msgspec

from freezer.repository.documents import ID_SIZE, Bundle, Codec, Document, MovedKey, PackKind, PackRecord

_ROW = struct.Struct("=16s16sQQIIIB")  # id, digest, offset, number, sealed, key, plain, codec
_PLAIN, _PLAIN_AT = struct.Struct("=I"), 56  # of these the plain size, and where it is


class Pack(msgspec.Struct, frozen=True):
    """A pack without its bundles; the fields are those of :class:`PackRecord`. ``bundles``: how many it has;
    ``first_bundle``: the row of its first one; ``copies``: the numbers of its chunks."""

    name: str
    kind: PackKind
    size: int
    digest: bytes
    epoch: int
    wrap: bytes
    head: bytes
    keys: list[MovedKey]
    first_bundle: int
    bundles: int
    copies: range


_NONE = Pack("", PackKind.DATA, 0, b"", 0, b"", b"", [], 0, 0, range(0))


class Place(msgspec.Struct, frozen=True):
    """Where a copy of a chunk is: the pack, the number of the bundle in it (from 0), and offset and length in bytes
    in the plaintext of the bundle."""

    pack: Pack
    bundle: int
    offset: int
    length: int
    _columns: Columns

    @property
    def entry(self) -> Bundle:
        """The bundle, without what is in it."""
        return self._columns.bundle(self.pack, self.bundle, chunks=False)


class Head(Document, frozen=True):
    """A pack of a block: as :class:`Pack`, with the number of its chunks."""

    name: str
    kind: PackKind
    size: int
    digest: bytes
    epoch: int
    wrap: bytes
    head: bytes
    keys: list[MovedKey]
    bundles: int
    copies: int


class Block(Document, frozen=True):
    """What an index part says, as columns that are appended as they are: the bytes of arrays in the order of this
    machine. ``offsets``: one per chunk, in its bundle; ``ends``: one per bundle, chunks up to its last one; ``rows``:
    one per bundle."""

    packs: list[Head]
    ids: bytes
    offsets: bytes
    ends: bytes
    rows: bytes
    replaces: list[str]


def block_of(records: Iterable[PackRecord], replaces: Sequence[str] = ()) -> Block:
    """The block of records that were checked."""
    packs, ids, rows = list[Head](), list[bytes](), list[bytes]()
    offsets, ends = array("I"), array("I")
    for record in records:
        before = len(offsets)
        for it in record.bundles:
            rows.append(_ROW.pack(it.id, it.digest, it.offset, it.number, it.sealed, it.key, it.plain, it.codec))
            offsets.extend(accumulate(it.lengths[:-1], initial=0) if it.lengths else ())
            ends.append(len(offsets))
            ids.append(it.ids)
        packs.append(
            Head(
                record.name,
                record.kind,
                record.size,
                record.digest,
                record.epoch,
                record.wrap,
                record.head,
                record.keys,
                len(record.bundles),
                len(offsets) - before,
            )
        )
    return Block(packs, b"".join(ids), offsets.tobytes(), ends.tobytes(), b"".join(rows), list(replaces))


class Columns:
    """Grows only. What a number stands for can be read while another thread appends."""

    def __init__(self) -> None:
        self.ids = bytearray()  # 20 bytes per copy
        self._offsets = array("I")  # one per copy: in the plaintext of its bundle
        self._starts = array("I", [0])  # one per bundle, and one behind the last: number of its first copy
        self._rows = bytearray()  # one per bundle
        self._packs: list[Pack] = []
        self._firsts = array("I")  # one per pack: row of its first bundle
        self._last: tuple[range, int, Pack] = range(0), 0, _NONE  # a bundle: who asks for one copy asks for the next

    def append(self, block: Block) -> list[Pack]:
        """Take a block in: its packs, which now have numbers."""
        start, row = len(self._offsets), len(self._starts) - 1
        self.ids += block.ids
        self._rows += block.rows
        self._offsets.frombytes(block.offsets)
        self._starts.extend(map(start.__add__, _words(block.ends)))
        packs: list[Pack] = []
        for it in block.packs:
            copies = range(start, start + it.copies)
            packs.append(
                Pack(it.name, it.kind, it.size, it.digest, it.epoch, it.wrap, it.head, it.keys, row, it.bundles, copies)
            )
            self._firsts.append(row)
            start, row = copies.stop, row + it.bundles
        self._packs += packs
        return packs

    def id(self, number: int) -> bytes:
        """The chunk of which this is a copy."""
        return bytes(self.ids[number * ID_SIZE : (number + 1) * ID_SIZE])

    def ids_of(self, copies: range) -> bytes:
        """The joined ids of the chunks of which these are copies."""
        return bytes(self.ids[copies.start * ID_SIZE : copies.stop * ID_SIZE])

    def place(self, number: int) -> Place:
        """Where that copy is."""
        copies, row, pack = self._last
        if number not in copies:
            row = bisect_right(self._starts, number) - 1
            pack = self._packs[bisect_right(self._firsts, row) - 1]
            copies = range(self._starts[row], self._starts[row + 1])
            self._last = copies, row, pack
        offset = self._offsets[number]
        if number + 1 < copies.stop:
            end = self._offsets[number + 1]
        else:
            (end,) = _PLAIN.unpack_from(self._rows, row * _ROW.size + _PLAIN_AT)
        return Place(pack, row - pack.first_bundle, offset, end - offset, self)

    def bundle(self, pack: Pack, number: int, *, chunks: bool = True) -> Bundle:
        """The bundle of that number in ``pack``; with what is in it, or without."""
        row = pack.first_bundle + number
        id, digest, offset, nonce, sealed, key, plain, codec = _ROW.unpack_from(self._rows, row * _ROW.size)
        start, end = (self._starts[row], self._starts[row + 1]) if chunks else (0, 0)
        lengths = [stop - at for at, stop in pairwise([*self._offsets[start:end], plain])]
        ids = bytes(self.ids[start * ID_SIZE : end * ID_SIZE])
        return Bundle(id, offset, sealed, plain, Codec(codec), key, nonce, digest, lengths, ids)

    def record(self, pack: Pack) -> PackRecord:
        """What :func:`block_of` was given."""
        bundles = [self.bundle(pack, number) for number in range(pack.bundles)]
        return PackRecord(
            pack.name, pack.kind, pack.size, pack.digest, pack.epoch, pack.wrap, pack.head, pack.keys, bundles
        )


def _words(data: bytes) -> array[int]:
    words = array("I")
    words.frombytes(data)
    return words
