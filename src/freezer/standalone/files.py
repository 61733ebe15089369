"""Files of a home: whole or not at all, and for their owner alone."""

from __future__ import annotations

import os
import tempfile

from freezer.durable import sync_folder
from freezer.errors import FreezerError


def read(path: str) -> str | None:
    """The text of a file; None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FreezerError(f"{path} cannot be read: {error.strerror}") from None


def write(path: str, text: str) -> None:
    """Put ``text`` into a file in place of whatever was in it; durable when this returns, and never half there."""
    folder = os.path.dirname(path)
    try:
        descriptor, new = tempfile.mkstemp(prefix=".", dir=folder)  # of mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
        sync_folder(folder)
    except OSError as error:
        raise FreezerError(f"{path} cannot be written: {error.strerror}") from None


def make_folder(path: str) -> None:
    """A folder for its owner alone; :class:`FreezerError` if it cannot be."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise FreezerError(f"{path} cannot be made: {error.strerror}", hint="choose another with --home") from None
