"""Looking through a tree, several folders at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import replace

from freezer.clock import Clock
from freezer.storage.ftp.files import Files
from freezer.storage.ftp.listing import Entry, Kind

_FOLDERS = 4  # looked into at the same time
_MINUTE = 60.0
_DATED = 150 * 86400.0  # seconds after which ls may tell the day only

Walked = Sequence[tuple[bytes, Entry]]


def walk(files: Callable[[], AbstractContextManager[Files]], top: bytes, skip: Callable[[bytes], bool]) -> Walked:
    """Path and entry of everything in and below ``top``, but for folders that ``skip`` names (by their path).

    Symbolic links to folders are followed, others are as they are. What vanishes while we look is left out.
    """

    def look(folder: bytes) -> list[tuple[bytes, Entry]]:
        with files() as opened:
            try:
                paths = ((folder + b"/" + entry.name, entry) for entry in opened.entries(folder))
                return [(path, _resolved(opened, path, entry)) for path, entry in paths]
            except FileNotFoundError:
                return []

    found: list[tuple[bytes, Entry]] = []
    with ThreadPoolExecutor(_FOLDERS, "ftp-list") as pool:
        looking: set[Future[list[tuple[bytes, Entry]]]] = {pool.submit(look, top)}
        try:
            while looking:
                done, looking = wait(looking, return_when=FIRST_COMPLETED)
                for path, entry in (each for ready in done for each in ready.result()):
                    found.append((path, entry))
                    if entry.kind is Kind.FOLDER and not skip(path):
                        looking.add(pool.submit(look, path))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return found


def with_times(files: Files, found: Walked, clock: Clock) -> Walked:
    """``found`` with a time for everything: rough ones as UTC, no older than they are, and now for unknown ones."""
    now = clock.now()
    rough = [
        (entry.modified, path) for path, entry in found
        if entry.rough and entry.modified is not None and entry.kind is Kind.FILE
    ]  # fmt: skip
    newest = max(rough, default=(0.0, b""))
    zone = files.zone(newest[1], newest[0]) if newest[0] > now - _DATED else 0.0

    def exact(entry: Entry) -> Entry:
        if entry.modified is None:
            return replace(entry, modified=now)
        return replace(entry, modified=min(entry.modified - zone + _MINUTE, now)) if entry.rough else entry

    return [(path, exact(entry)) for path, entry in found]


def _resolved(files: Files, path: bytes, entry: Entry) -> Entry:
    return replace(entry, kind=Kind.FOLDER) if entry.kind is Kind.LINK and files.is_folder(path) else entry
