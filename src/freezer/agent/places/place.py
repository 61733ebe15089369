"""The storages of a run, each with what has become of it.

A run may have several, and one that fails is no reason for the others not to finish: what is done for each is done by
:func:`each`, which notes the failure and leaves that storage out from then on. A run with a single one fails with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from freezer.errors import FreezerError, PassphraseError, StorageError, UsageError
from freezer.model.backups import composed
from freezer.options.resolve import StorageSection
from freezer.storage.contract import Storage

T = TypeVar("T")


class Place:
    """One storage of a run. ``alone``: the run has no other. ``error``: why nothing more is done with it."""

    def __init__(self, section: StorageSection, *, alone: bool) -> None:
        self.section = section
        self.alone = alone
        self.error: FreezerError | None = None
        self._storage: Storage | None = None

    @property
    def storage(self) -> Storage:
        """The storage, once it could be opened."""
        assert self._storage is not None
        return self._storage

    @property
    def name(self) -> str:
        """That of its section; empty for the storage of the main options."""
        return self.section.name

    @property
    def shown(self) -> str:
        """What messages call it."""
        where = self.section.container if self._storage is None else self._storage.describe()
        return f"{self.name} ({where})" if self.name else where

    def composed(self, name: str, time: int, level: int = 0) -> str:
        """The id by which an API knows the backup of the set ``name`` here."""
        return composed(self.section.container, name, time, level)

    def use(self, storage: Storage) -> None:
        """Set what has been opened."""
        self._storage = storage

    def close(self) -> None:
        """Release connections; a place that has failed need not be able to."""
        if self._storage is None:
            return
        with suppress(FreezerError) if self.error is not None else self.trouble():
            self._storage.close()

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """An error inside is this place's alone, unless it is the only one. What is wrong with the options or the
        passphrase is no fault of a storage and ends the run."""
        try:
            yield
        except (UsageError, PassphraseError):
            raise
        except FreezerError as error:
            if self.alone:
                raise
            self.error = self.error or error


def working(places: Iterable[Place]) -> list[Place]:
    """Those that have not failed."""
    return [place for place in places if place.error is None]


def each(places: Iterable[Place], work: Callable[[Place], T]) -> list[tuple[Place, T]]:
    """``work`` for every place that has not failed; those for which it succeeded, with what it returned."""
    done: list[tuple[Place, T]] = []
    for place in working(places):
        with place.trouble():
            done.append((place, work(place)))
    return done


@contextmanager
def held(places: Sequence[Place], name: str) -> Iterator[None]:
    """Keep others from working on ``name`` in every place, as far as they can."""
    with ExitStack() as stack:

        def hold(place: Place) -> None:
            entered = place.storage.hold(name)
            entered.__enter__()
            stack.callback(release, place, lambda: entered.__exit__(None, None, None))

        def release(place: Place, leave: Callable[[], object]) -> None:
            with place.trouble():
                leave()

        each(places, hold)
        yield


def failure_of(places: Sequence[Place]) -> FreezerError | None:
    """One error for all that have failed; None if none has."""
    failed = [(place, place.error) for place in places if place.error is not None]
    if not failed:
        return None
    reasons = "; ".join(f"{place.name}: {error.message}" if place.name else error.message for place, error in failed)
    hints = dict.fromkeys(error.hint for _, error in failed if error.hint)
    return StorageError(f"{len(failed)} of {len(places)} storages failed: {reasons}", hint="; ".join(hints) or None)
