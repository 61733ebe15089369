"""A program that writes to a local container, for tests that kill it, watch its system calls or make them fail.

``local_writer.py ROOT ACTION``; it says ``ready`` once everything is imported, and one line about an error (exit 1).
Objects carry their own digest, so that anybody can tell whole ones.
"""

from __future__ import annotations

import hashlib
import sys

from freezer.clock import SystemClock
from freezer.errors import FreezerError
from freezer.storage.local import LocalStorage

SEGMENT = 256 * 1024


def whole(size: int, seed: int) -> bytes:
    body = hashlib.shake_128(str(seed).encode()).digest(size)
    return hashlib.sha256(body).digest() + body


def is_whole(data: bytes) -> bool:
    return len(data) >= 32 and hashlib.sha256(data[32:]).digest() == data[:32]


def backup(storage: LocalStorage, zero: int, level: int) -> None:
    """What a backup stores, the commit record last."""
    where = f"tar/h_n/{zero}/{level}_{zero + level}"
    upload = storage.open_write(f"data/{where}/data")
    data = whole(3 * SEGMENT, zero + level)
    for offset in range(0, len(data), SEGMENT):
        upload.write(offset, data[offset : offset + SEGMENT])
    upload.commit()
    storage.put(f"data/{where}/engine_metadata", whole(1000, level))
    storage.put_new(f"metadata/{where}/metadata", whole(100, level))


def remove(storage: LocalStorage, zero: int, level: int) -> None:
    where = f"tar/h_n/{zero}/{level}_{zero + level}"
    for name in (f"metadata/{where}/metadata", f"data/{where}/engine_metadata", f"data/{where}/data"):
        storage.delete(name)


def act(storage: LocalStorage, action: str) -> None:
    if action == "backups":
        for zero in range(1, 10_000):
            for level in range(3):
                backup(storage, zero, level)
            if zero > 2:
                for level in reversed(range(3)):
                    remove(storage, zero - 2, level)
    elif action == "put":
        storage.put("metadata/tar/h_n/1/0_1/metadata", whole(100, 1))
    elif action == "put beside":
        storage.put("object", whole(100, 1))
    elif action == "put_new":
        storage.put_new("object", whole(100, 1))
    elif action == "upload":
        upload = storage.open_write("data/tar/h_n/1/0_1/data")
        try:
            upload.write(0, whole(2 * SEGMENT, 1))
            upload.commit()
        finally:
            upload.abort()
    elif action == "list":
        print(len(storage.list()))
    elif action == "delete":
        storage.delete("metadata/tar/h_n/1/0_1/metadata")
    elif action == "hold":
        with storage.hold("data/tar/h_n"):
            print("held", flush=True)
            sys.stdin.read()
    else:
        raise ValueError(action)


def main() -> int:
    root, action = sys.argv[1:]
    storage = LocalStorage(root, clock=SystemClock())
    print("ready", flush=True)
    try:
        act(storage, action)
    except FreezerError as error:
        print(type(error).__name__, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
