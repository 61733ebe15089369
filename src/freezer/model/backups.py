"""Backups: what agents report about each one that they made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import DocumentError
from freezer.model.checking import MAX_NUMBER, an_object, one_of

STATUSES = ("creating", "available", "error", "deleting", "deleted")
"""States that may be reported. Only the comparison with a storage makes one ``gone``."""

GONE = "gone"
_UNFINISHED = frozenset({"creating", "error", "deleting"})
_NAMES = {"container": ("container",), "hostname": ("hostname", "host_name"), "backup_name": ("backup_name",)}
_MAX_DEPTH = 32
_MB = 1024**2
_MOST_BYTES = 2**50


class BackupDraft(msgspec.Struct, frozen=True):
    """A report, or a change of one: the metadata, flat, and the status."""

    metadata: dict[str, object]
    status: str | UnsetType = UNSET


def read_backup(value: object, *, old: bool = False) -> BackupDraft:
    """A report; DocumentError without names, container or host, which only unfinished backups may lack.

    ``old``: by v1, where ``status`` is metadata like any other.
    """
    document = an_object(value, ())
    if "backup_name" not in document and "backup_metadata" in document:
        hint = "metadata stand in the document itself, not inside backup_metadata"
        raise DocumentError("Bad Data Format", ("backup_metadata",), hint=hint)
    _shallow(document, _MAX_DEPTH)
    status: str | UnsetType = UNSET
    if not old and document.get("status") is not None:
        if document["status"] not in STATUSES:
            raise DocumentError("Bad Data Format", ("status",))
        status = str(document["status"])
    metadata = dict(document) if old else {key: each for key, each in document.items() if key != "status"}
    check_complete(metadata, "available" if status is UNSET else status)
    return BackupDraft(metadata, status)


def check_complete(metadata: Mapping[str, object], status: str) -> None:
    """DocumentError if a backup of this status lacks what it must have."""
    for name, keys in _NAMES.items():
        given = [metadata[key] for key in keys if metadata.get(key) is not None]
        if not given and status in _UNFINISHED and name != "backup_name":
            continue
        if not given or not given[0] or not all(isinstance(each, str) for each in given):
            raise DocumentError("Bad Data Format", (name,), hint=f"{name} must be a text that is not empty")


def read_backup_change(value: object) -> BackupDraft:
    """A change: ``status`` and the metadata in ``backup_metadata``; metadata beside it, flat, count as well.

    The original's scheduler sends it flat, and the original drops it.
    """
    document = an_object(value, ())
    if not document:
        raise DocumentError("Missing request body", ())
    _shallow(document, _MAX_DEPTH)
    status = one_of(document["status"], STATUSES, ("status",)) if document.get("status") is not None else UNSET
    inner = an_object(document.get("backup_metadata", {}), ("backup_metadata",))
    flat = {key: each for key, each in document.items() if key not in _SERVER_KEYS}
    return BackupDraft({**flat, **inner}, status)


_SERVER_KEYS = frozenset(
    {"status", "backup_metadata", "backup_id", "backup_uuid", "project_id", "user_id", "user_name"}
)


def read_old_backup_change(value: object) -> BackupDraft:
    """A change by v1: flat metadata and nothing else."""
    document = an_object(value, ())
    if not document:
        raise DocumentError("Missing request body", ())
    if "backup_metadata" in document:
        raise DocumentError("v1 takes the metadata themselves, not inside backup_metadata", ("backup_metadata",))
    _shallow(document, _MAX_DEPTH)
    return BackupDraft(dict(document))


def _shallow(value: object, left: int) -> None:
    if left == 0:
        raise DocumentError(f"the document is nested more than {_MAX_DEPTH} levels deep", ())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        if isinstance(each, dict | list):
            _shallow(each, left - 1)


def composed_id(metadata: Mapping[str, object]) -> str:
    """``container_hostname_backupname_timestamp_level``, the id that the first releases gave to backups."""
    host = metadata.get("hostname") or metadata.get("host_name")
    stamp = metadata.get("time_stamp") if metadata.get("time_stamp") is not None else metadata.get("timestamp")
    level = (
        metadata.get("curr_backup_level") if metadata.get("curr_backup_level") is not None else metadata.get("level")
    )
    return "_".join(str(each) for each in (metadata.get("container"), host, metadata.get("backup_name"), stamp, level))


def composed(container: str, name: str, time: int, level: int = 0) -> str:
    """The composed id of a backup of the set ``name``, ``{hostname}_{backup_name}``; ``time``: seconds since 1970."""
    return f"{container}_{name}_{time}_{level}"


def names_of(metadata: Mapping[str, object]) -> tuple[str, str]:
    """Host and name of the set that a backup belongs to."""
    host = metadata.get("hostname") or metadata.get("host_name") or ""
    return str(host), str(metadata.get("backup_name") or "")


def set_id(host: str, name: str) -> str:
    """The id of a set of backups: those of one name on one host."""
    return _digest(host, name)


def location(storage: str, container: str, host: str, server: str = "") -> str:
    """The id of the place where backups are: the same path of two machines is two places."""
    where = {"local": host, "ssh": server}.get(storage, "")
    return _digest(storage, where, container)


def location_of(metadata: Mapping[str, object]) -> str:
    """The id of the place where a backup is."""
    texts = [str(metadata.get(key) or "") for key in ("storage", "container", "ssh_host")]
    return location(texts[0] or "local", texts[1], names_of(metadata)[0], texts[2])


def _digest(*texts: str) -> str:
    whole = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).hexdigest()


def sizes(metadata: Mapping[str, object]) -> tuple[int, int]:
    """Bytes that were read and bytes that are stored, 0 if nobody says; early reports count whole MB."""
    return (
        _size(metadata, "backup_bytes_read", "backup_size_uncompressed"),
        _size(metadata, "backup_bytes_stored", "backup_size_compressed"),
    )


def _size(metadata: Mapping[str, object], exact: str, rounded: str) -> int:
    for key, unit in ((exact, 1), (rounded, _MB)):
        value = metadata.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_BYTES // unit:
            return value * unit
    return 0


def composed_hash(composed: str) -> str:
    """How a composed id is looked up."""
    return hashlib.sha256(composed.encode("utf-8", "surrogatepass")).hexdigest()


def time_stamp(metadata: Mapping[str, object]) -> int | None:
    """When the backup was made, in seconds since 1970; None if it does not say."""
    value = metadata.get("time_stamp")
    value = metadata.get("timestamp") if value is None else value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
        return value
    return None
