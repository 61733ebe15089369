"""A tree on disk as plain data: one entry per path, comparable and storable as JSON.

A manifest maps each path (relative, ``.`` for the root, decoded with surrogate escapes) to its entry:
``type`` (file dir symlink fifo socket dev), ``mode`` (``0o644``), ``uid``, ``gid``, ``mtime_ns``, and where they apply
``size``, ``alloc`` (bytes on disk), ``sha256``, ``nlink`` and ``hardgroup`` (first path of the same inode, when it has
several), ``target``, ``rdev`` ([major, minor]) and ``xattrs`` (values as Latin-1 text).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Collection
from pathlib import Path

Entry = dict[str, object]
Manifest = dict[str, Entry]

SECOND = 1_000_000_000
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def make_manifest(root: bytes | str | os.PathLike[str]) -> Manifest:
    """The manifest of what is below ``root`` now; links are not followed, mount points are."""
    top = os.fsencode(root)
    found: Manifest = {}
    inodes: dict[tuple[int, int], list[str]] = {}

    def add(path: bytes) -> None:
        relative = os.fsdecode(os.path.relpath(path, top))
        state = os.lstat(path)
        found[relative] = _entry(path, state)
        if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
            inodes.setdefault((state.st_dev, state.st_ino), []).append(relative)

    add(top)
    for folder, directories, files in os.walk(top, onerror=_raise):
        for name in (*directories, *files):
            add(os.path.join(folder, name))
    for group in inodes.values():
        for relative in group:
            found[relative]["hardgroup"] = min(group)
    return dict(sorted(found.items()))


def load_manifest(path: str | os.PathLike[str]) -> Manifest:
    """A manifest stored as JSON."""
    loaded: Manifest = json.loads(Path(path).read_text(encoding="ascii"))
    return loaded


def compare(
    expected: Manifest,
    got: Manifest,
    *,
    ignore: Collection[str] = ("alloc",),
    whole_seconds: bool = False,
) -> list[str]:
    """The differences as sentences, empty if there are none.

    ``ignore`` names the keys that do not count (``alloc`` only, unless told); with ``whole_seconds`` times are compared
    after rounding down to seconds.
    """
    differences = []
    for path in sorted(expected.keys() | got.keys()):
        if path not in got:
            differences.append(f"{path!r} ({expected[path]['type']}) is missing")
        elif path not in expected:
            differences.append(f"{path!r} ({got[path]['type']}) should not be there")
        else:
            differences += _entry_differences(path, expected[path], got[path], ignore, whole_seconds)
    return differences


def _entry_differences(
    path: str, expected: Entry, got: Entry, ignore: Collection[str], whole_seconds: bool
) -> list[str]:
    differences = []
    for key in sorted((expected.keys() | got.keys()) - set(ignore)):
        wanted, seen = expected.get(key), got.get(key)
        if key == "mtime_ns" and whole_seconds and isinstance(wanted, int) and isinstance(seen, int):
            wanted, seen = wanted // SECOND, seen // SECOND
        if wanted != seen:
            differences.append(f"{path!r}: {key} should be {wanted!r} and is {seen!r}")
    return differences


def _entry(path: bytes, state: os.stat_result) -> Entry:
    kind = _TYPES.get(stat.S_IFMT(state.st_mode), "dev")
    entry: Entry = {
        "type": kind,
        "mode": oct(stat.S_IMODE(state.st_mode)),
        "uid": state.st_uid,
        "gid": state.st_gid,
        "mtime_ns": state.st_mtime_ns,
    }
    if kind == "file":
        entry |= {"size": state.st_size, "alloc": state.st_blocks * 512, "sha256": _sha256(path)}
        if state.st_nlink > 1:
            entry["nlink"] = state.st_nlink
    elif kind == "symlink":
        entry["target"] = os.fsdecode(os.readlink(path))
    elif kind == "dev":
        entry["rdev"] = [os.major(state.st_rdev), os.minor(state.st_rdev)]
    if kind != "symlink" and (xattrs := _xattrs(path)):
        entry["xattrs"] = xattrs
    return entry


def _sha256(path: bytes) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _xattrs(path: bytes) -> dict[str, str]:
    try:
        return {name: os.getxattr(path, name).decode("latin-1") for name in sorted(os.listxattr(path))}
    except OSError:
        return {}


def _raise(error: OSError) -> None:
    raise error
