"""The reader's side: chunks by id, bundles by place, whole packs for a check. Nothing is returned unverified."""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from freezer.crypto.contract import Buffer
from freezer.crypto.primitives import Cipher
from freezer.errors import DamagedError, FreezerError, ObjectNotFound
from freezer.repository.documents import ID_SIZE, Bundle, PackKind, PackRecord
from freezer.repository.names import PREFIX
from freezer.repository.packs import wraps
from freezer.repository.packs.describing import describe, record_of
from freezer.repository.packs.places import Pack, Place, Places
from freezer.repository.packs.sealing import check_sealed, open_bundle
from freezer.repository.packs.use import Use, identifiers
from freezer.repository.packs.wraps import Purpose
from freezer.repository.store import Repository
from freezer.stream.zstandard import keep_memory

_OPENED = 48 * 1024 * 1024  # bytes of bundles that stay opened: a restore comes back to the last few dozen
_PACK = 16 * 1024 * 1024  # bytes; a storage of which one call should carry so much gives a pack at one go
_CIPHERS = 1024  # keys of packs that are kept


class PackCache(Protocol):
    """Where whole packs of metadata stay on this machine; not trusted."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, data: bytes) -> None: ...
    def forget(self, name: str) -> None: ...


class PackReader:
    """Reads what an index knows. Safe for several threads.

    ``reload`` gives a new index when a pack has vanished: a collector may have moved what was in it. With a ``cache``,
    packs of metadata are fetched as a whole and kept there. ``opened``: bytes of opened bundles to keep.
    """

    def __init__(
        self,
        repository: Repository,
        index: Places,
        *,
        reload: Callable[[], Places] | None = None,
        cache: PackCache | None = None,
        opened: int = _OPENED,
    ) -> None:
        self.index = index
        self._repository = repository
        self._reload = reload
        self._cache = cache
        self._identifiers = identifiers(repository.keys.ids)
        self._opened = _Opened(opened)
        self._ciphers: OrderedDict[tuple[str, bytes], Cipher] = OrderedDict()
        self._whole: tuple[str, bytes] = ("", b"")  # the pack of metadata that was read last
        self._lock = threading.Lock()
        keep_memory()

    def chunk(self, use: Use, id: bytes) -> bytes:
        """The chunk, from whichever copy of it is intact. :class:`DamagedError` if there is none."""
        try:
            return self._chunk(use, id)
        except ObjectNotFound:
            if self._reload is None:
                raise
        self.index = self._reload()
        return self._chunk(use, id)

    def place(self, use: Use, id: bytes, place: Place) -> bytes:
        """The chunk from this copy of it. :class:`DamagedError` if it is not there, or not as it was."""
        plain = self._plain(place)
        data = plain[place.offset : place.offset + place.length]
        if not hmac.compare_digest(self._identifiers[use](data), id):
            raise DamagedError(f"{PREFIX}{place.pack.name} is damaged: the chunk {id.hex()} in it is another one")
        return data

    def bundle(self, record: PackRecord, number: int, raw: Buffer | None = None) -> bytes:
        """The plaintext of a bundle of a pack; ``raw`` are its stored bytes, if they are at hand."""
        bundle = record.bundles[number]
        return self.open(record, bundle, self._sealed(record, bundle) if raw is None else raw)

    def open(self, pack: Pack, bundle: Bundle, raw: Buffer) -> bytes:
        """The plaintext of a bundle of which ``raw`` are the stored bytes. Reads nothing."""
        what = f"the bundle at {bundle.offset} of {PREFIX}{pack.name}"
        return open_bundle(self._cipher(pack, bundle, what), self._repository.id, bundle, raw, what)

    def record(self, name: str) -> PackRecord:
        """What the pack says of itself, as :func:`~freezer.repository.packs.describing.describe` has it."""
        return describe(self._repository, name)

    def whole(self, name: str, raw: bytes | None = None) -> Iterator[tuple[Bundle, bytes]]:
        """Every bundle of a stored pack with its plaintext, after each of its chunks was compared with its id; that no
        bit of the pack was altered is certain once the last one was yielded. ``raw``: its bytes, if at hand."""
        record, pieces = self._pieces(name, raw)
        uses = [use for use in Use if use.kind is record.kind]
        for bundles, piece in pieces:
            begin = bundles[0].offset
            for bundle in bundles:
                sealed = piece[bundle.offset - begin : bundle.offset - begin + bundle.sealed]
                check_sealed(bundle, sealed, f"the bundle at {bundle.offset} of {PREFIX}{name}")
                plain = self.open(record, bundle, sealed)
                self._check_chunks(bundle, plain, uses, name)
                yield bundle, plain

    def _pieces(self, name: str, raw: bytes | None) -> tuple[PackRecord, Iterator[tuple[list[Bundle], memoryview]]]:
        """What a pack says of itself, and its bundles, some at a time with their stored bytes: no more than one call
        should carry, or all of them if one can carry a pack."""
        most = self._repository.storage.capabilities.call_size
        if raw is None and most < _PACK:
            record = describe(self._repository, name)
            return record, ((some, memoryview(self._stored(name, some))) for some in _neighbours(record.bundles, most))
        data = self._repository.read(name) if raw is None else raw
        record = record_of(self._repository.keys, name, data, data, len(data))
        bundles = record.bundles
        return record, iter([(bundles, memoryview(data)[bundles[0].offset :])] if bundles else [])

    def _stored(self, name: str, bundles: Sequence[Bundle]) -> bytes:
        """The stored bytes of neighbouring bundles."""
        begin, last = bundles[0].offset, bundles[-1]
        return self._repository.read(name, begin, last.offset + last.sealed - begin)

    def _chunk(self, use: Use, id: bytes) -> bytes:
        problem: FreezerError | None = None
        for place in self.index.places(id):
            try:
                return self.place(use, id, place)
            except ObjectNotFound as error:
                problem = error
            except DamagedError as error:
                problem = problem or error
        raise problem or DamagedError(f"{self._repository.describe()} lacks the chunk {id.hex()}")

    def _check_chunks(self, bundle: Bundle, plain: bytes, uses: Sequence[Use], name: str) -> None:
        view, ids, offset, at = memoryview(plain), bundle.ids, 0, 0
        identify, *others = [self._identifiers[use] for use in uses]
        for length in bundle.lengths:
            end, stop = offset + length, at + ID_SIZE
            data, id = view[offset:end], ids[at:stop]
            if identify(data) != id and not any(other(data) == id for other in others):
                raise DamagedError(f"{PREFIX}{name} is damaged: the chunk {id.hex()} in it is another one")
            offset, at = end, stop

    def _plain(self, place: Place) -> bytes:
        """The plaintext of the bundle in which a chunk is."""
        key = (place.pack.name, place.bundle)
        plain = self._opened.get(key)
        if plain is None:
            entry = place.entry
            try:
                plain = self.open(place.pack, entry, self._sealed(place.pack, entry))
            except DamagedError:  # which a second look may not find, see second_look
                self._forget(place.pack)
                plain = self.open(place.pack, entry, self._sealed(place.pack, entry))
            self._opened.put(key, plain)
        return plain

    def _sealed(self, pack: Pack, bundle: Bundle) -> Buffer:
        if self._cache is None or pack.kind is not PackKind.META:
            return self._repository.read(pack.name, bundle.offset, bundle.sealed)
        return memoryview(self._metadata(self._cache, pack.name))[bundle.offset : bundle.offset + bundle.sealed]

    def _metadata(self, cache: PackCache, name: str) -> bytes:
        """All of a pack of metadata."""
        last, data = self._whole
        if last != name:
            found = cache.get(name)
            if found is None:
                found = self._repository.read(name)
                cache.put(name, found)
            data = found
            self._whole = (name, data)
        return data

    def _forget(self, pack: Pack) -> None:
        """Have what was read of the pack read from the storage: it may be a bad copy on this machine."""
        if self._cache is not None and pack.kind is PackKind.META:
            self._cache.forget(pack.name)
            self._whole = ("", b"")

    def _cipher(self, pack: Pack, bundle: Bundle, what: str) -> Cipher:
        """For the key of the bundle: the pack's own, or that of the pack where it was made."""
        if not 0 <= bundle.key <= len(pack.keys):
            raise DamagedError(f"{what} is damaged: there is no key {bundle.key}")
        number, name, head, wrapped = pack.epoch, pack.name, pack.head, pack.wrap
        if bundle.key:
            moved = pack.keys[bundle.key - 1]
            number, name, head, wrapped = moved.epoch, moved.pack, moved.head, moved.wrap
        with self._lock:
            cipher = self._ciphers.get((name, wrapped))
        if cipher is None:
            epoch = self._repository.keys.epoch(number, what)
            cipher = Cipher(wraps.unwrap(wrapped, epoch, self._repository.id, name, head, Purpose.CONTENT))
            with self._lock:
                self._ciphers[name, wrapped] = cipher
                if len(self._ciphers) > _CIPHERS:
                    self._ciphers.popitem(last=False)
        return cipher


def _neighbours(bundles: Sequence[Bundle], most: int) -> Iterator[list[Bundle]]:
    """The bundles of a pack, as many at a time as ``most`` bytes hold, but one at least."""
    some: list[Bundle] = []
    for bundle in bundles:
        if some and bundle.offset + bundle.sealed - some[0].offset > most:
            yield some
            some = []
        some.append(bundle)
    if some:
        yield some


class _Opened:
    """The bundles that were used last, ``most`` bytes of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._bundles: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int]) -> bytes | None:
        with self._lock:
            plain = self._bundles.get(key)
            if plain is not None:
                self._bundles.move_to_end(key)
            return plain

    def put(self, key: tuple[str, int], plain: bytes) -> None:
        with self._lock:
            if key in self._bundles:
                return
            self._bundles[key] = plain
            self._size += len(plain)
            while self._size > self._most and len(self._bundles) > 1:
                self._size -= len(self._bundles.popitem(last=False)[1])
