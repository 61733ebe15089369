"""What every storage promises.

Names are relative, ``/``-separated, without empty, ``.`` or ``..`` parts (:func:`check_name`). Bytes of a name that are
not UTF-8 travel as surrogate escapes. Errors are those below :class:`freezer.errors.StorageError`; an operation that
raises has either had its whole effect or none, and never leaves an object that is visible but not durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from freezer.errors import PermanentError

Buffer = bytes | bytearray | memoryview


class Capabilities(msgspec.Struct, frozen=True):
    """What a storage can do beyond the contract, or how strong its promises are.

    ``create_once``: of several ``put_new`` of one name at once exactly one succeeds. ``durable_bytes`` and
    ``durable_names``: content, and the fact that a name exists, survive a power cut after the call returned.
    ``holds``: ``hold`` really excludes other processes. ``list_delay``: seconds that a listing may lag behind.
    ``server_time``: when an object was stored is said by a clock that nobody who writes can set.
    ``max_object_size`` in bytes, None without limit. ``call_size``: bytes beyond which one call for more does not make
    anything faster, only the buffers larger. ``read_ahead``: calls of ``get`` at once that a reader of a large object
    gains from.
    """

    create_once: bool
    durable_bytes: bool
    durable_names: bool
    holds: bool = False
    list_delay: float = 0.0
    server_time: bool = False
    versioning: bool = False
    object_lock: bool = False
    protects_from_deletion: bool = False
    max_object_size: int | None = None
    call_size: int = 32 * 1024 * 1024
    multipart: bool = False
    read_ahead: int = 1


class ObjectInfo(msgspec.Struct, frozen=True):
    """Name, size in bytes, and time of last change (seconds since 1970) of a stored object."""

    name: str
    size: int
    modified: float


class Upload(Protocol):
    """An object being written in segments; invisible until ``commit`` returned."""

    def write(self, offset: int, segment: Buffer) -> None:
        """Store ``segment`` at ``offset``; segments come in order, without gaps. After a transient error the same
        segment may be written again at the same offset. The buffer belongs to the caller again on return."""
        ...

    def commit(self) -> None:
        """Make the object durable and visible under its name, replacing what was there.

        Of two writers of one name one keeps it, whole: the later one, or, where the service can tell (S3 with
        ``create_once``) and the name was free at ``open_write``, the earlier one; then the other gets
        :class:`ObjectExists`. After a transient error it may be called again."""
        ...

    def abort(self) -> None:
        """Throw everything written so far away; harmless after ``commit`` or a second time."""
        ...


class Storage(Protocol):
    """One container of one storage."""

    @property
    def capabilities(self) -> Capabilities: ...

    def describe(self) -> str:
        """The location as messages show it, e.g. ``local:/srv/backups``."""
        ...

    def exists(self) -> bool:
        """Whether the container is there."""
        ...

    def prepare(self) -> None:
        """Create the container if it is missing; fail if it cannot be written."""
        ...

    def put(self, name: str, data: Buffer) -> None:
        """Store ``data`` under ``name`` atomically and durably, replacing what was there."""
        ...

    def put_new(self, name: str, data: Buffer) -> None:
        """As ``put``, but :class:`ObjectExists` if the name is taken: after a transient error and a second call perhaps
        by the bytes of the first, so whoever calls again has to look."""
        ...

    def open_write(self, name: str) -> Upload:
        """Begin an object that is written in segments."""
        ...

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """``length`` bytes (or all) from ``offset``; short only at the end of the object. :class:`ObjectNotFound`."""
        ...

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        """All objects below ``prefix`` (empty, or ending in ``/``), sorted by name: complete, or an error."""
        ...

    def stat(self, name: str) -> ObjectInfo:
        """:class:`ObjectNotFound` if there is no such object."""
        ...

    def delete(self, name: str) -> None:
        """Remove the object; no error if it is not there."""
        ...

    def hold(self, name: str, *, shared: bool = False) -> AbstractContextManager[None]:
        """Keep others from working on ``name`` (a backup set) until the context ends; :class:`BusyError` if somebody
        does. Shared holders exclude only exclusive ones. The holder's death releases it. Storages that cannot do this
        let everybody in and say so in their capabilities."""
        ...

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        """Remove what died writers left (temporary objects last touched before ``older_than``, seconds since 1970;
        empty folders); returns what was, or would be, removed."""
        ...

    def close(self) -> None:
        """Release connections; the storage is not used afterwards."""
        ...


def check_name(name: str) -> str:
    """``name`` if it is a legal object name, otherwise :class:`PermanentError`."""
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise PermanentError(f"{name!r} is not a legal object name")
    return name


def check_range(offset: int, length: int | None, place: str) -> None:
    """:class:`PermanentError` if no object in ``place`` can have ``length`` bytes from ``offset``."""
    if offset < 0 or (length is not None and length < 0):
        raise PermanentError(f"{place}: no object has {length} bytes from {offset}")


def check_next(offset: int, written: int, upload: str) -> None:
    """:class:`PermanentError` unless a segment at ``offset`` follows what is ``written`` (bytes) of the ``upload``."""
    if offset != written:
        raise PermanentError(f"{upload}: segment at {offset}, but {written} bytes are written")


def check_prefix(prefix: str) -> str:
    """``prefix`` if it is empty or a legal name followed by ``/``, otherwise :class:`PermanentError`."""
    if prefix:
        if not prefix.endswith("/"):
            raise PermanentError(f"{prefix!r} is not a legal prefix: it must end in '/'")
        check_name(prefix[:-1])
    return prefix
