"""What there is in a container, and taking away what dead writers left of it."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.clock import Clock
from freezer.storage.files.sweep import Found, Goes
from freezer.storage.ftp.files import Files
from freezer.storage.ftp.listing import Kind
from freezer.storage.ftp.walk import Walked, with_times


def everything(files: Files, walked: Walked, clock: Clock) -> Iterator[Found]:
    """What was ``walked``, with the time of everything."""
    for path, entry in with_times(files, walked, clock):
        yield Found(path, entry.kind is Kind.FILE, entry.kind is Kind.FOLDER, entry.modified)


def carry_out(files: Files, goes: Goes) -> bool:
    """Remove it; whether it went."""
    if goes.is_folder:
        return files.remove_folder(goes.path)
    try:
        files.remove(goes.path)
    except FileNotFoundError:
        return False
    return True
