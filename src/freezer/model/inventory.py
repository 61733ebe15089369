"""What agents tell about a storage as it is: which backups it holds, which it has lost, what was verified of them.

A backup is named by its *composed id*, ``container_hostname_backupname_timestamp_level``, which both sides can make of
what they know. Two lists are compared by *digests* of their *segments*: a segment is the backups whose hashed composed
ids begin with a prefix of hexadecimal digits, so that only what differs is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from freezer.model.backups import composed, composed_hash, location
from freezer.model.checking import MAX_NUMBER
from freezer.model.forms.words import Count

MOST_ROWS = 1000
Prefix = Annotated[str, Meta(pattern="^[0-9a-f]{0,4}$")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Storage = Annotated[str, Meta(min_length=1, max_length=32)]
Told = Annotated[str, Meta(max_length=4096)]
Moment = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Long = Annotated[str, Meta(min_length=1, max_length=4096)]
Way = Literal["check", "read-data", "drill", "restore"]
Outcome = Literal["passed", "failed"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where backups are, as their reports have it. ``hostname``: whose file system it is if the storage is ``local``;
    ``ssh_host``: the server of an ``ssh`` storage."""

    storage: Storage
    container: Long
    hostname: Told = ""
    ssh_host: Told = ""

    @property
    def location(self) -> str:
        """The id of the place."""
        return location(self.storage, self.container, self.hostname, self.ssh_host)


class StoredBackup(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``freezer-agent list --json``. ``name`` is ``{hostname}_{backup_name}``, ``time`` and ``chain`` are
    seconds since 1970, ``size`` is what is stored, in bytes; ``problem``: why it cannot be restored."""

    name: Long
    time: Count
    level: Count = 0
    chain: Count = 0
    id: Told = ""
    engine: Told = "tar"
    hostname: Told | None = None
    backup_name: Told | None = None
    size: Count = 0
    bytes: Count | None = None
    files: Count | None = None
    layout: Told | None = None
    compression: Told | None = None
    encryption: Told | None = None
    partial: bool = False
    failed: Count = 0
    path: Told | None = None
    problem: Told | None = None

    def composed(self, container: str) -> str:
        """Its composed id."""
        return composed(container, self.name, self.time, self.level)

    def names(self, host: str) -> tuple[str, str]:
        """Host and name of its set. Where no record tells them apart, ``host`` is taken if the name begins with it,
        else what stands before the first ``_``."""
        if self.hostname is not None and self.backup_name is not None:
            return self.hostname, self.backup_name
        if host and self.name.startswith(f"{host}_"):
            return host, self.name[len(host) + 1 :]
        before, _, behind = self.name.partition("_")
        return before, behind


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of a storage's list: which segments does the API know otherwise?"""

    place: Place
    digests: Annotated[dict[Prefix, Digest], Meta(min_length=1, max_length=4096)]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The backups of one segment. ``complete``: these are all, so that the API has lost those that it knows besides;
    but not those begun at ``before`` or later (seconds since 1970), which may have been stored after the list was made.
    """

    place: Place
    prefix: Prefix = ""
    backups: Annotated[list[StoredBackup], Meta(max_length=MOST_ROWS)]
    complete: bool = True
    before: Moment | None = None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """All the backups of a place, as they were ``at`` that time, seconds since 1970."""

    place: Place
    backups: tuple[StoredBackup, ...]
    at: float

    def plus(self, other: Holding) -> Holding:
        """With the backups of another engine in the same place."""
        return Holding(place=self.place, backups=(*self.backups, *other.backups), at=min(self.at, other.at))


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Composed ids of backups that were removed from their storage."""

    backups: Annotated[list[Long], Meta(max_length=MOST_ROWS)]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one backup, named by its composed id."""

    backup: Long
    result: Outcome
    detail: Told = ""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified. ``kind``: the list and the records (``check``), every byte (``read-data``), a restore into a
    scratch directory (``drill``) or a real one (``restore``). ``at``: when, in seconds since 1970; ``by``: the client
    that did it."""

    kind: Way
    at: Moment | None = None
    by: Long | None = None
    backups: Annotated[list[Found], Meta(min_length=1, max_length=MOST_ROWS)]


class OneVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified of one backup."""

    kind: Way
    result: Outcome
    detail: Told = ""
    at: Moment | None = None
    by: Long | None = None


def digest(hashes: Iterable[str]) -> str:
    """The digest of a segment; ``hashes``: those of its backups' composed ids, in any order."""
    return hashlib.sha256("\n".join(sorted(set(hashes))).encode()).hexdigest()


def metadata_of(row: StoredBackup, place: Place) -> dict[str, object]:
    """What a report of the backup would have said, as far as its storage tells."""
    host, name = row.names(place.hostname)
    told: dict[str, object] = {
        "container": place.container,
        "hostname": host,
        "backup_name": name,
        "time_stamp": row.time,
        "curr_backup_level": row.level,
        "chain": row.chain,
        "storage": place.storage,
        "ssh_host": place.ssh_host or None,
        "engine_name": row.engine,
        "mode": "fs",
        "path_to_backup": row.path,
        "backup_bytes_stored": row.size,
        "backup_bytes_read": row.bytes,
        "total_fs_files": row.files,
        "compression": row.compression,
        "encryption": row.encryption or "",
        "partial": row.partial or row.problem is not None,
        "total_failed": row.failed,
        "problem": row.problem,
        "stored_id": row.id or None,
        "adopted": True,
    }
    return {key: value for key, value in told.items() if value is not None}


def hashed(row: StoredBackup, place: Place) -> str:
    """How the API looks the backup up."""
    return composed_hash(row.composed(place.container))
