"""The snapshot file of GNU tar's ``--listed-incremental``, version 2.

``GNU tar-X.Y-2\\n``, ``SEC\\0NSEC\\0``, then for each directory ``NFS\\0MTIME\\0NSEC\\0DEV\\0INO\\0NAME\\0``, its list
(``{letter}{name}\\0`` …) and ``\\0\\0``. Names begin with ``./``. GNU tar finds directories by binary search, so
they are written sorted by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from freezer.errors import DamagedError, UnknownFormat

_PROGRAM = b"GNU tar-1.34-2\n"
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class KnownDirectory:
    """A directory as the level before saw it; ``entries`` is its raw list, ``{letter}{name}`` joined by NULs."""

    path: bytes
    device: int
    inode: int
    mtime_ns: int
    entries: bytes

    def names(self) -> set[bytes]:
        """All listed names, whatever their letter."""
        return {entry[1:] for entry in self.entries.split(b"\0")} if self.entries else set()


@dataclass(slots=True)
class Snapshot:
    """A time (nanoseconds since 1970) and the directories, by path."""

    time_ns: int
    directories: dict[bytes, KnownDirectory] = field(default_factory=dict)


def encode(time_ns: int, directories: Iterable[KnownDirectory]) -> bytes:
    """The snapshot file of these directories, whose paths are relative and without ``./``."""
    parts = [_PROGRAM, b"%d\0%d\0" % divmod(time_ns, SECOND)]
    for known in sorted(directories, key=lambda known: _stored_name(known.path)):
        seconds, fraction = divmod(known.mtime_ns, SECOND)
        parts.append(
            b"0\0%d\0%d\0%d\0%d\0%s\0" % (seconds, fraction, known.device, known.inode, _stored_name(known.path))
        )
        parts.append(known.entries + b"\0\0\0" if known.entries else b"\0\0")
    return b"".join(parts)


def _stored_name(path: bytes) -> bytes:
    return b"./" + path if path else b"."


def decode(data: bytes) -> Snapshot:
    """The snapshot in ``data``; :class:`UnknownFormat` for another version, :class:`DamagedError` if it is cut."""
    line, newline, _ = data.partition(b"\n")
    if not newline or not line.startswith(b"GNU tar-"):
        raise UnknownFormat("this is no snapshot file of GNU tar")
    if not line.endswith(b"-2"):
        raise UnknownFormat(
            f"snapshot files of version {line.rpartition(b'-')[2].decode('ascii', 'replace')} are unknown"
        )
    position = len(line) + 1
    (seconds, fraction), position = _fields(data, position, 2)
    snapshot = Snapshot(_integer(seconds) * SECOND + _integer(fraction))
    while position < len(data):
        (_, seconds, fraction, device, inode, name), position = _fields(data, position, 6)
        if data[position : position + 2] == b"\0\0":
            entries, position = b"", position + 2
        else:
            end = data.find(b"\0\0\0", position)
            if end < 0:
                raise DamagedError("the snapshot file is truncated")
            entries, position = data[position:end], end + 3
        path = name[2:] if name.startswith(b"./") else b"" if name == b"." else name
        mtime = _integer(seconds) * SECOND + _integer(fraction)
        snapshot.directories[path] = KnownDirectory(path, _integer(device), _integer(inode), mtime, entries)
    return snapshot


def _fields(data: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    fields = []
    for _ in range(count):
        end = data.find(b"\0", position)
        if end < 0:
            raise DamagedError("the snapshot file is truncated")
        fields.append(data[position:end])
        position = end + 1
    return fields, position


def _integer(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise DamagedError("the snapshot file is damaged: a field is no number") from None
