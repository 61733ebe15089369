"""The file operations of one connection. Paths are absolute bytes; errors are OSError, or StorageError if the
connection ends.

A refusal that may mean several things is resolved by looking at the folder: FileNotFoundError if there is nothing of
that name, PermissionError if there is or if the folder cannot be looked at.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from freezer.clock import Clock
from freezer.errors import PermanentError, StorageError, TransientError
from freezer.model.items import printable
from freezer.storage.contract import Buffer
from freezer.storage.ftp.connection import Connection
from freezer.storage.ftp.failures import Refused
from freezer.storage.ftp.listing import Entry, Kind, ls_entries, machine_entries, machine_entry, parse_time

_LINE_ENDS = (b"\r", b"\n")
_QUARTER = 900.0  # seconds: time zones differ by multiples of it


class Files:
    """What can be done with files over ``connection``; relative paths are below the login folder."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._exact = "MLST" in connection.features  # which stands for MLSD too

    @property
    def round_trip(self) -> float:
        """Seconds that a reply takes."""
        return self._connection.round_trip

    @property
    def is_far(self) -> bool:
        """Whether waiting for replies takes up a good part of the time."""
        return self._connection.is_far

    def absolute(self, path: bytes) -> bytes:
        """``path`` from the top; the top itself is ``/.``, so that ``/`` and a name may always follow."""
        if any(end in path for end in _LINE_ENDS):
            raise PermanentError(f"{path!r} has a line break in it, which FTP cannot carry")
        return posixpath.join(self._connection.home, path).rstrip(b"/") or b"/."

    def entries(self, folder: bytes) -> Sequence[Entry]:
        """Everything directly in ``folder``; links are as they are."""
        try:
            if self._exact:
                return list(machine_entries(self._connection.fetch(b"MLSD " + folder)))
            # Servers list a folder that they cannot open as an empty one; but going there they do refuse.
            self._connection.ask(b"CWD " + folder)
            listing = self._connection.fetch(b"LIST -al")
        except Refused as error:
            raise self._why_folder(folder, error) from error
        found = list(ls_entries(listing, self._clock.now()))
        if all(entry.name != b"." for entry in found):
            raise PermissionError(errno.EACCES, "the server does not list the folder, or not all of it", folder)
        return [entry for entry in found if entry.name not in (b".", b"..")]

    def stat(self, path: bytes) -> Entry:
        """What ``path`` is; a link is what it leads to. IsADirectoryError for a folder if the server has no MLST."""
        try:
            if self._exact:
                lines = self._connection.ask(b"MLST " + path)[1].encode("utf-8", "backslashreplace").split(b"\n")
                told = next((line[1:] for line in lines if line.startswith(b" ")), b"")
                return machine_entry(told) or Entry(path, Kind.FOLDER, 0, None)
            size = _number(self._connection.ask(b"SIZE " + path)[1])
            return Entry(path, Kind.FILE, size, parse_time(self._connection.ask(b"MDTM " + path)[1].encode()))
        except Refused as error:
            raise self.why(path, error) from error

    def size(self, path: bytes) -> int:
        """Bytes of the file ``path``."""
        try:
            return _number(self._connection.ask(b"SIZE " + path)[1])
        except Refused as error:
            raise self.why(path, error) from error

    def ask_size(self, path: bytes) -> None:
        """As :meth:`size`, but the answer is left for :meth:`told_size`: several questions may be on their way."""
        self._connection.say(b"SIZE " + path)

    def told_size(self) -> int:
        """The answer to the earliest question that has none yet; OSError, without an explanation, if it is refused."""
        return _number(self._connection.hear()[1])

    def read(self, path: bytes, offset: int, length: int | None) -> bytes:
        """``length`` bytes (or all) of the file ``path`` from ``offset``, fewer only at its end.

        The download goes on where the last one of this connection stopped, if that is ``offset``.
        """
        stream = self._connection.stream
        try:
            if stream is None or (stream.path, stream.position) != (path, offset):
                self._connection.cut()
                self._connection.open_stream(path, offset)
            data = self._connection.read(length)
            # Where nothing is encrypted, a connection that was cut looks like the end.
            if (length is None or len(data) < length) and offset + len(data) < self.size(path):
                raise TransientError(f"{printable(path)}: the download ended before its end")
            return data
        except Refused as error:
            if offset and self.size(path) <= offset:
                return b""  # which some servers refuse
            raise self.why(path, error) from error

    def exists(self, path: bytes) -> bool:
        """Whether anything is called ``path``."""
        return self.find(path) is not None

    def is_folder(self, path: bytes) -> bool:
        """Whether ``path`` is a folder, or a symbolic link to one, that can be entered."""
        try:
            self._connection.ask(b"CWD " + path)
        except Refused as error:
            if error.errno is None and error.code >= 500:
                return False
            raise
        return True

    def find(self, path: bytes) -> Entry | None:
        """The entry of ``path`` in its folder's listing, None if there is none."""
        folder, name = posixpath.split(path)
        return next((entry for entry in self.entries(folder) if entry.name == name), None)

    def store(self, path: bytes, data: Buffer) -> None:
        """Write ``data`` as the content of ``path``, new or not."""
        with self.storing(path) as send:
            send(data)

    def storing(self, path: bytes) -> AbstractContextManager[Callable[[Buffer], None]]:
        """What writes the file ``path`` anew, as :meth:`appending`."""
        return self._sending(b"STOR ", path)

    def append(self, path: bytes, data: Buffer) -> None:
        """Add ``data`` to the file ``path``."""
        with self.appending(path) as send:
            send(data)

    def appending(self, path: bytes) -> AbstractContextManager[Callable[[Buffer], None]]:
        """What adds to the file ``path``; the server has acknowledged everything when the context ends."""
        return self._sending(b"APPE ", path)

    def make_folder(self, path: bytes) -> None:
        """FileExistsError if anything is called ``path``."""
        try:
            self._connection.ask(b"MKD " + path)
        except Refused as error:
            if error.unclear and self.exists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
            raise self.why_new(path, error) from error

    def close_to_others(self, path: bytes) -> None:
        """Take all rights from others, if the server lets us."""
        with suppress(Refused):
            self._connection.ask(b"SITE CHMOD 700 " + path)

    def remove(self, path: bytes) -> None:
        """Remove the file ``path``."""
        try:
            self._connection.ask(b"DELE " + path)
        except Refused as error:
            raise self.why(path, error) from error

    def remove_folder(self, path: bytes) -> bool:
        """Remove the folder ``path`` if it is empty; whether it went."""
        try:
            self._connection.ask(b"RMD " + path)
        except Refused:
            return False
        return True

    def discard(self, path: bytes) -> None:
        """Remove the file ``path`` if that is possible; what stays is collected by ``sweep``."""
        with suppress(OSError, StorageError):
            self._connection.ask(b"DELE " + path)

    def rename(self, old: bytes, new: bytes) -> None:
        """Give ``old`` the name ``new``. A file may replace a file; a folder never replaces one that is not empty."""
        found, renamed = self._connection.ask_all(b"RNFR " + old, b"RNTO " + new)
        if isinstance(found, Refused):
            raise self.why(old, found) from found
        if isinstance(renamed, Refused):
            if renamed.unclear and self.exists(new):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from renamed
            raise self.why_new(new, renamed) from renamed

    def zone(self, path: bytes, listed: float) -> float:
        """Seconds by which ``listed``, the rough time of ``path``, is ahead of UTC; 0 if the server does not tell."""
        try:
            exact = parse_time(self._connection.ask(b"MDTM " + path)[1].encode())
        except Refused:
            return 0.0
        return round((listed - exact) / _QUARTER) * _QUARTER

    def why(self, path: bytes, error: Refused) -> OSError:
        """Why something about ``path`` was refused, which should exist."""
        if not error.unclear:
            return error
        try:
            found = self.find(path)
        except OSError as reason:
            return reason
        if found is None:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if found.kind is Kind.FOLDER:
            return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return PermissionError(errno.EACCES, str(error), path)

    def why_new(self, path: bytes, error: Refused) -> OSError:
        """Why ``path`` could not come into being."""
        if not error.unclear:
            return error
        try:
            self.entries(posixpath.dirname(path))
        except OSError as reason:
            return reason
        return PermissionError(errno.EACCES, str(error), path)

    @contextmanager
    def _sending(self, command: bytes, path: bytes) -> Iterator[Callable[[Buffer], None]]:
        try:
            channel = self._connection.begin(command + path)
            try:
                yield partial(self._connection.send, channel)
            except BaseException:
                channel.close()
                raise
            self._connection.end(channel)
        except Refused as error:
            raise self.why_new(path, error) from error

    def _why_folder(self, folder: bytes, error: Refused) -> OSError:
        """Why ``folder`` could not be looked at."""
        if not error.unclear:
            return error
        if folder == b"/":
            return PermissionError(errno.EACCES, str(error), folder)
        try:
            found = self.find(folder)
        except OSError as reason:
            return reason
        if found is None or found.kind is Kind.FILE:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        return PermissionError(errno.EACCES, str(error), folder)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise PermanentError(f"the server tells the size {text!r}, which is no number")
    return int(text)
