"""Many small signed objects at once: decisions, tombs, holds, checks.

They never change, so what was read and verified once is kept in the cache as one sealed object for a whole folder: then
ten thousand of them take a listing and some milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from freezer.errors import DataError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository import envelope
from freezer.repository.cache import Cache
from freezer.repository.documents import Document, decode
from freezer.repository.ids import digest
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.store import Repository

T = TypeVar("T", bound=Document)
S = TypeVar("S")
R = TypeVar("R")

_AT_ONCE = 8  # objects that are fetched together,
_MANY = 16  # if there are more than so many


class Record(msgspec.Struct, Generic[T], frozen=True):
    """A document, the agent that signed it, H of the object's bytes, and when the storage got it (seconds since 1970,
    by the storage's clock)."""

    document: T
    agent: str
    digest: bytes
    modified: float


class _Verified(Document, frozen=True):
    """An object as the cache knows it: ``document`` as it was signed."""

    name: str
    agent: str
    digest: bytes
    document: bytes


class _Folder(Document, frozen=True):
    """What the cache holds of a folder."""

    objects: list[_Verified]


def read_all(
    repository: Repository, cache: Cache | None, folder: Folder, kind: Kind, type: type[T], notice: Notice
) -> dict[str, Record[T]]:
    """Everything in ``folder`` by the name behind it. What cannot be read, is signed by nobody who may, or is something
    else than ``type``, is a notice and left out; what vanishes meanwhile is left out."""
    listed = {info.name: info.modified for info in repository.list(folder)}
    known = _recall(repository, cache, folder)
    missing = [name for name in listed if name not in known]
    fresh = {each.name: each for each in _fetch(repository, kind, missing, notice)}
    found = [known.get(name) or fresh[name] for name in listed if name in known or name in fresh]
    if cache is not None and (fresh or len(found) < len(known)):
        _remember(repository, cache, folder, found)
    records: dict[str, Record[T]] = {}
    for each in found:
        try:
            document = decode(each.document, type, PREFIX + each.name)
        except DataError as error:
            notice(error.message)
            continue
        records[each.name.removeprefix(folder)] = Record(document, each.agent, each.digest, listed[each.name])
    return records


def at_once(act: Callable[[S], R], things: Sequence[S]) -> Iterator[R]:
    """``act`` of each thing, in their order; if they are many, a few of them at the same time, so that one waits for
    the storage while others are read. No more than a few results wait to be taken."""
    if len(things) <= _MANY:
        yield from map(act, things)
        return
    from concurrent.futures import ThreadPoolExecutor  # not before it is needed: a start of the program takes time

    rest = iter(things)
    with ThreadPoolExecutor(_AT_ONCE, "records") as pool:
        try:
            running = deque(pool.submit(act, each) for each in islice(rest, 2 * _AT_ONCE))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(act, each) for each in islice(rest, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(repository: Repository, kind: Kind, names: Sequence[str], notice: Notice) -> Iterable[_Verified]:
    def fetch(name: str) -> _Verified | DataError | None:
        try:
            read = repository.get(kind, name, msgspec.Raw)
        except DataError as error:
            return error
        except ObjectNotFound:
            return None
        return _Verified(name, read.agent, digest(read.raw), bytes(read.document))

    for each in at_once(fetch, names):
        if isinstance(each, DataError):
            notice(each.message)
        elif each is not None:
            yield each


def _recall(repository: Repository, cache: Cache | None, folder: Folder) -> Mapping[str, _Verified]:
    """What the cache knows, if that is authentic: nobody can have made it who has no key of the repository."""
    name = _name(folder)
    raw = None if cache is None else cache.get(name)
    if raw is not None:
        with suppress(DataError):
            epoch = repository.keys.epoch(envelope.epoch_of(raw, name), name)
            known = envelope.open_(epoch.metadata, repository.id, Kind.CATALOG, name, raw, _Folder)
            return {each.name: each for each in known.objects}
    return {}


def _remember(repository: Repository, cache: Cache, folder: Folder, objects: list[_Verified]) -> None:
    name, epoch = _name(folder), repository.keys.newest
    cache.put(
        name,
        envelope.seal(epoch.metadata, repository.id, Kind.CATALOG, name, _Folder(objects), epoch=epoch.number),
    )


def _name(folder: Folder) -> str:
    return f"catalog/{folder.removesuffix('/')}"
