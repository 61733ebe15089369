"""What a repository says of where its chunks are, read.

The cache keeps blocks rather than parts: they were checked when they were made, and taking one in costs a tenth. They
are sealed with the repository's own key, so nobody can have made them who does not have that.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

from freezer.errors import DataError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository import envelope
from freezer.repository.cache import Cache
from freezer.repository.documents import IndexPart, PackRecord
from freezer.repository.index.columns import Block, block_of
from freezer.repository.index.parts import check_part, check_record
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.store import Repository

T = TypeVar("T")

_BLOCKS = f"catalog/blocks.1.{sys.byteorder}/"  # 1: of what they are made
_ROUNDS = 3  # listings after which a part that is listed but not there counts as one that cannot be read


def read_parts(repository: Repository, cache: Cache | None, take: Callable[[str, Block], None]) -> dict[str, str]:
    """Give every index part, authenticated and checked, to ``take``; for those that cannot be read, why.

    A part that vanishes under our hands has been replaced by a newer one: the list is read again."""
    problems: dict[str, str] = {}
    seen: set[str] = set()
    load = partial(_read_part, repository, cache)
    for _ in range(_ROUNDS):
        listed = repository.names(Folder.INDEX)
        problems = {name: problem for name, problem in problems.items() if name in seen}
        for name, result in _in_order(load, [name for name in listed if name not in seen], repository):
            try:
                take(name, result())
            except ObjectNotFound as error:
                problems[name] = error.message
                continue
            except DataError as error:
                problems[name] = error.message
            seen.add(name)
        if problems.keys() <= seen:
            break
    if cache is not None:
        cache.keep(_BLOCKS, set(map(_copy, seen)))
    return problems


def read_missing(
    repository: Repository, unlisted: Callable[[Iterable[str]], Iterable[str]], notice: Notice
) -> Iterator[PackRecord]:
    """What the footers say of the stored packs that are ``unlisted``; a notice for each that cannot be read."""
    from freezer.repository.packs.describing import describe

    sizes = {info.name: info.size for folder in (Folder.PACKS, Folder.META) for info in repository.list(folder)}
    for name in unlisted(sizes):
        try:
            yield check_record(describe(repository, name, sizes[name]), f"{PREFIX}{name}")
        except ObjectNotFound:
            continue  # a collector was quicker
        except DataError as error:
            notice(error.message)


def _read_part(repository: Repository, cache: Cache | None, name: str) -> Block:
    block = None if cache is None else _recall(repository, cache, name)
    if block is None:
        part = check_part(repository.get(Kind.INDEX, name, IndexPart).document, f"{PREFIX}{name}")
        block = block_of(part.packs, part.replaces)
        if cache is not None:
            epoch, copy = repository.keys.newest, _copy(name)
            cached = envelope.seal(epoch.metadata, repository.id, Kind.CATALOG, copy, block, epoch=epoch.number)
            cache.put(copy, cached)
    return block


def _recall(repository: Repository, cache: Cache, name: str) -> Block | None:
    copy = _copy(name)
    raw = cache.get(copy)
    if raw is not None:
        with suppress(DataError):
            epoch = repository.keys.epoch(envelope.epoch_of(raw, copy), copy)
            return envelope.open_(epoch.metadata, repository.id, Kind.CATALOG, copy, raw, Block)
        cache.forget(copy)
    return None


def _copy(part: str) -> str:
    """Where the cache has the block of a part."""
    return _BLOCKS + part.removeprefix(Folder.INDEX)


def _in_order(
    load: Callable[[str], T], names: Iterable[str], repository: Repository
) -> Iterator[tuple[str, Callable[[], T]]]:
    """``load`` of each name, in their order; as many at once as the storage gains from."""
    at_once = repository.storage.capabilities.read_ahead
    if at_once < 2:
        for name in names:
            yield name, partial(load, name)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[tuple[str, Future[T]]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        for name in names:
            waiting.append((name, pool.submit(load, name)))
            if len(waiting) > at_once:
                first, future = waiting.popleft()
                yield first, future.result
        for first, future in waiting:
            yield first, future.result
