"""Backups put into a storage as upstream or Freezer leaves them: right names and records, a few bytes of data."""

from __future__ import annotations

import hashlib
from pathlib import Path

from freezer.clock import SystemClock
from freezer.container.document import CFB, Base, Details, Names, Record, StoredData, StoredState, Summary, encode
from freezer.container.layout import BackupKey, SetId, data_name, record_name, state_name
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage

ZERO = 1_700_000_000
"""2023-11-14T22:13:20Z, the chain that tests build on unless they say otherwise."""
UPSTREAM_RECORD = b'{"engine_name": "tar", "compression": "gzip", "encryption": false}'


def local(path: Path) -> LocalStorage:
    """A local storage in a new or existing directory."""
    path.mkdir(parents=True, exist_ok=True)
    return LocalStorage(str(path), clock=SystemClock())


def key(level: int, time: int, *, zero: int = ZERO, name: str = "h_n", engine: str = "tar") -> BackupKey:
    return BackupKey(SetId(engine, name), zero, level, time)


def put(
    storage: Storage,
    key: BackupKey,
    *,
    record: bytes | Record | None = UPSTREAM_RECORD,
    data: bytes | None = b"data",
    state: bytes | None = b"state",
) -> BackupKey:
    """Store a backup, or (with None) one of which a part is missing."""
    if data is not None:
        storage.put(data_name(key), data)
    if state is not None:
        storage.put(state_name(key), state)
    if record is not None:
        storage.put(record_name(key), record if isinstance(record, bytes) else encode(record))
    return key


def record_of(
    key: BackupKey,
    *,
    base: BackupKey | None = None,
    cipher: str | None = None,
    failed: int = 0,
    started: float | None = None,
    state: bytes = b"state",
    base_state: bytes = b"state",
    backup_id: str = "",
) -> Record:
    """A record of our own for ``key``."""
    hostname, _, backup_name = key.set.name.partition("_")
    details = Details(
        format=1,
        program="0.1",
        hostname=hostname,
        backup_name=backup_name,
        level=key.level,
        time=key.time,
        zero=key.zero,
        started=float(key.time) if started is None else started,
        finished=key.time + 1.5,
        cipher=cipher,
        data=StoredData(size=4, sha256=digest(b"data"), plain_size=10240),
        state=StoredState(size=len(state), sha256=digest(state)),
        base=base and Base(level=base.level, time=base.time, state_sha256=digest(base_state)),
        summary=Summary(files=3, bytes=30, failed=failed),
        backup_id=backup_id,
        names=None if cipher not in (None, CFB) else Names(source="/srv/data"),
    )
    return Record(engine_name=key.set.engine, compression="gzip", encryption=cipher is not None, freezer=details)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
