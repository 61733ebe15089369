"""What there is in a container, and taking away what dead writers left of it."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.storage.files.names import LOST_AND_FOUND
from freezer.storage.files.sweep import Found, Goes
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.walk import Walk


def everything(session: Session, root: bytes) -> Iterator[Found]:
    """All that is below ``root``, but for what file systems have there by themselves."""
    lost_and_found = root + b"/" + LOST_AND_FOUND
    for path, attributes in Walk(session, root, lambda path: path == lost_and_found).entries():
        yield Found(path, attributes.is_file, attributes.is_folder, attributes.modified)


def carry_out(session: Session, goes: Goes) -> bool:
    """Remove it; whether it went."""
    try:
        if goes.is_folder:
            session.rmdir(goes.path)
        else:
            session.remove(goes.path)
    except FileNotFoundError:
        return False
    except OSError:
        if goes.is_folder:
            return False  # somebody filled it meanwhile
        raise
    return True
