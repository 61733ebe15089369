"""``--consistency-check``: one sum over a whole tree, so that what was restored can be compared with what was saved.

There are three kinds, told apart by how they look:

``freezer-tree-sha256:<hex>``
    Ours, of a directory. SHA-256 over one record for each entry: a letter for its type (``d`` directory, ``f`` file,
    ``l`` symbolic link, ``p`` FIFO, ``c`` and ``b`` devices), the path relative to the root, a zero byte, the payload,
    a zero byte. The payload is the SHA-256 of the content in hex for a file, the target for a link, ``MAJOR:MINOR`` for
    a device and nothing for the rest. A directory comes before its entries, which follow in the order of their bytes;
    the root's path is empty. So the sum does not depend on the order in which a file system lists a directory, nor on
    owners, modes and times. Sockets and mount points below the root do not count: no backup holds them.
``freezer-file-sha256:<hex>:<name>``
    Ours, of a single file: SHA-256 over its record as above, with its name for a path, and that name, percent-encoded.
64 hexadecimal digits, and perhaps a file name
    The original's (19.0.0). It follows the order in which the file system lists directories, so that two equal trees
    may have two sums; equal sums still prove equal contents.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes, unquote_to_bytes

from freezer.errors import SourceError, UsageError
from freezer.model.failures import Failures
from freezer.model.items import ItemFailure, printable

TREE_PREFIX = "freezer-tree-sha256:"
FILE_PREFIX = "freezer-file-sha256:"

_OURS = re.compile(r"freezer-tree-sha256:([0-9a-f]{64})|freezer-file-sha256:([0-9a-f]{64}):([^\s/]+)")
_UPSTREAM = re.compile(r"([0-9a-f]{64})([^/\0]*)", re.DOTALL)
_LETTERS = {
    stat.S_IFDIR: b"d",
    stat.S_IFREG: b"f",
    stat.S_IFLNK: b"l",
    stat.S_IFIFO: b"p",
    stat.S_IFCHR: b"c",
    stat.S_IFBLK: b"b",
}
# Absent on Windows; without O_NONBLOCK a file that was replaced by a FIFO would be waited for.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Expected:
    """A sum that was given: its hexadecimal part, the name of the single file it is of, and whether it is ours."""

    digest: str
    name: bytes | None
    ours: bool


@dataclass(slots=True)
class _Walk:
    """How to look at a tree, and what could not be read of it."""

    root: bytes
    follow_links: bool = False
    one_file_system: bool = True
    excluded: Callable[[bytes], bool] | None = None
    failures: Failures = field(default_factory=Failures)

    def fail(self, relative: bytes, error: OSError) -> None:
        self.failures.append(ItemFailure.of(relative, error))


def compute(
    path: bytes,
    *,
    follow_links: bool = False,
    excluded: Callable[[bytes], bool] | None = None,
    failures: Failures | None = None,
) -> str:
    """Our sum of the directory or file at ``path``, over what a backup of it holds.

    ``excluded`` is asked with paths relative to the root. Links are followed only with ``follow_links`` (for backups
    that do). What cannot be read does not count and is added to ``failures``.
    """
    walk = _Walk(path, follow_links, excluded=excluded)
    try:
        if os.path.isdir(path):
            return TREE_PREFIX + _tree_digest(walk)
        return f"{FILE_PREFIX}{_file_digest(walk)}:{quote_from_bytes(os.path.basename(path), safe='')}"
    except OSError as error:
        raise SourceError(f"consistency check: cannot read {printable(path)}: {error.strerror}") from error
    finally:
        if failures is not None:
            failures.extend(walk.failures)


def parse(text: str) -> Expected:
    """The sum meant by ``text``; :class:`UsageError` if that is none."""
    stripped = text.strip()
    expected = None
    if match := _OURS.fullmatch(stripped):
        name = None if match[3] is None else unquote_to_bytes(match[3])
        expected = Expected(match[1] or match[2], name, ours=True)
    elif match := _UPSTREAM.fullmatch(stripped):
        expected = Expected(match[1], os.fsencode(match[2]) or None, ours=False)
    # the name leads to the file to look at, which must not be anywhere else
    if expected is None or expected.name in (b".", b"..") or b"/" in (expected.name or b""):
        raise UsageError(
            f"consistency_checksum: {text!r} is no checksum",
            hint=f"it begins with {TREE_PREFIX}, {FILE_PREFIX} or, from the original, 64 hexadecimal digits",
        )
    return expected


def verify(path: bytes, wanted: Expected) -> str | None:
    """None if what was restored into the directory ``path`` has the sum that is ``wanted``, otherwise the reason why
    not. No link is followed."""
    single = None if wanted.name is None else os.path.join(path, wanted.name)
    # the original also adds a name to the sum of an empty directory
    target = single if single is not None and (wanted.ours or os.path.lexists(single)) else path
    walk = _Walk(target, one_file_system=False)
    try:
        if not wanted.ours:
            got = _upstream_digest(walk)
        else:
            got = _tree_digest(walk) if wanted.name is None else _file_digest(walk)
    except OSError as error:
        return f"consistency check: cannot read {printable(target)}: {error.strerror}"
    if walk.failures:
        first, more = walk.failures[0], walk.failures.total - 1
        return f"consistency check: cannot read {first.path}{f' and {more} more' if more else ''}: {first.reason}"
    if got == wanted.digest:
        return None
    reason = f"consistency check: the checksum of {printable(target)} is {got} and not {wanted.digest}"
    if not wanted.ours:
        reason += "; such a checksum depends on the order of directory entries and may differ for equal trees"
    return reason


def upstream_checksum(path: bytes) -> str:
    """The original's sum of the directory or file at ``path``, links not followed."""
    digest = _upstream_digest(_Walk(path))
    return digest if os.path.isdir(path) else digest + os.fsdecode(os.path.basename(path))


def _tree_digest(walk: _Walk) -> str:
    total = hashlib.sha256()
    for relative, state in _entries(walk):
        path = os.path.join(walk.root, relative) if relative else walk.root
        try:
            total.update(_record(path, relative, state, walk.follow_links))
        except OSError as error:
            walk.fail(relative, error)
    return total.hexdigest()


def _file_digest(walk: _Walk) -> str:
    state = _status(walk.root, follow=walk.follow_links)
    return hashlib.sha256(_record(walk.root, os.path.basename(walk.root), state, walk.follow_links)).hexdigest()


def _record(path: bytes, relative: bytes, state: os.stat_result, follow: bool) -> bytes:
    """What counts of one entry; nothing for a socket."""
    kind = stat.S_IFMT(state.st_mode)
    payload = b""
    if kind not in _LETTERS:
        return b""
    if kind == stat.S_IFREG:
        payload = _read_into(hashlib.sha256(), path, follow=follow).hexdigest().encode()
    elif kind == stat.S_IFLNK:
        payload = os.readlink(path)
    elif sys.platform != "win32" and kind in (stat.S_IFCHR, stat.S_IFBLK):
        payload = b"%d:%d" % (os.major(state.st_rdev), os.minor(state.st_rdev))
    return _LETTERS[kind] + relative + b"\0" + payload + b"\0"


def _entries(walk: _Walk) -> Iterator[tuple[bytes, os.stat_result]]:
    """All entries with their paths relative to the root: a directory, then its entries in the order of their bytes."""
    root = _status(walk.root, follow=True)
    pending = [(b"", root, frozenset({(root.st_dev, root.st_ino)}))]
    while pending:
        relative, state, above = pending.pop()
        yield relative, state
        if not stat.S_ISDIR(state.st_mode):
            continue
        below = []
        for name in _names(walk, relative):
            path = relative + b"/" + name if relative else name
            if walk.excluded is not None and walk.excluded(path):
                continue
            try:
                child = _status(os.path.join(walk.root, path), follow=walk.follow_links)
            except OSError as error:
                walk.fail(path, error)
                continue
            if not stat.S_ISDIR(child.st_mode):
                below.append((path, child, above))
            elif (child.st_dev, child.st_ino) in above:
                walk.fail(path, OSError(0, "a link to a directory above it"))
            elif child.st_dev == root.st_dev or not walk.one_file_system:
                below.append((path, child, above | {(child.st_dev, child.st_ino)}))
        pending += reversed(below)


def _names(walk: _Walk, relative: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(os.path.join(walk.root, relative) if relative else walk.root))
    except OSError as error:
        walk.fail(relative, error)
        return []


def _status(path: bytes, *, follow: bool) -> os.stat_result:
    """As ``os.stat``; a link that leads nowhere is itself even if links are followed."""
    if not follow:
        return os.lstat(path)
    try:
        return os.stat(path)
    except FileNotFoundError:
        return os.lstat(path)


def _read_into(digest: hashlib._Hash, path: bytes, *, follow: bool) -> hashlib._Hash:
    """Feed the content of a file to ``digest``."""
    descriptor = os.open(path, _OPEN_FLAGS | (0 if follow else _NO_FOLLOW))
    with open(descriptor, "rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest


def _upstream_digest(walk: _Walk) -> str:
    """One hash that is never begun anew: the hash of an entry is that of everything hashed so far. Each entry's hash is
    joined to the result so far, as text, and that text is hashed in turn."""
    running = hashlib.sha256()
    result = ""
    for relative, path in _upstream_entries(walk):
        try:
            if stat.S_ISREG(os.lstat(path).st_mode):
                _read_into(running, path, follow=False)
            else:
                running.update(os.fsdecode(relative).encode("unicode-escape"))
        except OSError as error:
            walk.fail(relative, error)
        if result:
            running.update((result + running.hexdigest()).encode("ascii"))
        result = running.hexdigest()
    return result


def _upstream_entries(walk: _Walk) -> Iterator[tuple[bytes, bytes]]:
    """The original's text for each path, and the path, in its order. The first link to a directory ends it all."""
    if not os.path.isdir(walk.root):
        yield os.path.basename(walk.root), walk.root
        return

    def fail(error: OSError) -> None:
        walk.fail(os.fsencode(error.filename or b""), error)

    for folder, _, files in os.walk(walk.root, onerror=fail, followlinks=True):
        text = b"." if folder == walk.root else b"./" + os.path.relpath(folder, walk.root)
        yield text, folder
        if text != b"." and os.path.islink(folder):
            return
        for name in files:
            yield text + b"/" + name, os.path.join(folder, name)
