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
    Ours, of a single file: the SHA-256 of its content and its name, percent-encoded.
64 hexadecimal digits, and perhaps a file name
    The original's (19.0.0). It follows the order in which the file system lists directories, so that two equal trees
    may have two sums; equal sums still prove equal contents.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes, unquote_to_bytes

from freezer.errors import UsageError
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
    failures: list[ItemFailure] = field(default_factory=list)

    def fail(self, relative: bytes, error: OSError) -> None:
        self.failures.append(ItemFailure.of(relative, error))


def compute(
    path: bytes,
    *,
    follow_links: bool = False,
    excluded: Callable[[bytes], bool] | None = None,
    failures: list[ItemFailure] | None = None,
) -> str:
    """Our sum of the directory or file at ``path``, over what a backup of it holds.

    ``excluded`` is asked with paths relative to the root. Links are followed only with ``follow_links`` (for backups
    that do). What cannot be read does not count and is added to ``failures``.
    """
    walk = _Walk(path, follow_links, excluded=excluded)
    state = _status(path, follow=follow_links or os.path.isdir(path))
    try:
        if stat.S_ISDIR(state.st_mode):
            return TREE_PREFIX + _tree_digest(walk)
        return f"{FILE_PREFIX}{_payload(walk, b'', state)[1]}:{quote_from_bytes(os.path.basename(path), safe='')}"
    finally:
        if failures is not None:
            failures += walk.failures


def parse(text: str) -> Expected:
    """The sum meant by ``text``; :class:`UsageError` if that is none."""
    stripped = text.strip()
    if match := _OURS.fullmatch(stripped):
        name = None if match[3] is None else unquote_to_bytes(match[3])
        return Expected(match[1] or match[2], name, ours=True)
    if match := _UPSTREAM.fullmatch(stripped):
        return Expected(match[1], os.fsencode(match[2]) or None, ours=False)
    raise UsageError(
        f"consistency_checksum: {text!r} is no checksum",
        hint=f"it begins with {TREE_PREFIX}, {FILE_PREFIX} or, from the original, 64 hexadecimal digits",
    )


def verify(path: bytes, expected: str) -> str | None:
    """None if what is at ``path`` has the sum ``expected``, otherwise the reason why not. No link is followed."""
    wanted = parse(expected)
    single = None if wanted.name is None else os.path.join(path, os.path.basename(wanted.name))
    target = path if single is None or not os.path.lexists(single) else single
    walk = _Walk(target, one_file_system=False)
    try:
        state = _status(target, follow=os.path.isdir(target) and target is path)
        if not wanted.ours:
            got = _upstream_digest(walk, state)
        elif stat.S_ISDIR(state.st_mode):
            got = _tree_digest(walk)
        else:
            got = _payload(walk, b"", state)[1]
    except OSError as error:
        return f"consistency check: cannot read {printable(target)}: {error.strerror}"
    if walk.failures:
        first, more = walk.failures[0], len(walk.failures) - 1
        others = f" and {more} more" if more else ""
        return f"consistency check: cannot read {first.path}{others}: {first.reason}"
    if got == wanted.digest:
        return None
    reason = f"consistency check: the checksum of {printable(target)} is {got} and not {wanted.digest}"
    if not wanted.ours:
        reason += "; such a checksum depends on the order of directory entries and may differ for equal trees"
    return reason


def upstream_checksum(path: bytes, *, follow_links: bool = False) -> str:
    """The original's sum of the directory or file at ``path``."""
    walk = _Walk(path, follow_links)
    digest = _upstream_digest(walk, _status(path, follow=follow_links or os.path.isdir(path)))
    return digest if os.path.isdir(path) else digest + os.fsdecode(os.path.basename(path))


def _tree_digest(walk: _Walk) -> str:
    total = hashlib.sha256()
    for relative, state in _entries(walk):
        letter = _LETTERS.get(stat.S_IFMT(state.st_mode))
        if letter is None:
            continue
        try:
            letter, payload = _payload(walk, relative, state)
        except OSError as error:
            walk.fail(relative, error)
            continue
        total.update(letter + relative + b"\0" + payload.encode("utf-8", "surrogateescape") + b"\0")
    return total.hexdigest()


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


def _payload(walk: _Walk, relative: bytes, state: os.stat_result) -> tuple[bytes, str]:
    """The letter and what counts of one entry but its name."""
    path = os.path.join(walk.root, relative) if relative else walk.root
    kind = stat.S_IFMT(state.st_mode)
    if kind == stat.S_IFREG:
        return b"f", _content(path, hashlib.sha256(), follow=walk.follow_links).hexdigest()
    if kind == stat.S_IFLNK:
        return b"l", os.fsdecode(os.readlink(path))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return _LETTERS[kind], f"{os.major(state.st_rdev)}:{os.minor(state.st_rdev)}"
    return _LETTERS.get(kind, b"?"), ""


def _content(path: bytes, into: hashlib._Hash, *, follow: bool) -> hashlib._Hash:
    """Feed the content of a file to ``into``."""
    descriptor = os.open(path, _OPEN_FLAGS | (0 if follow else _NO_FOLLOW))
    with open(descriptor, "rb", buffering=0) as file:
        while block := file.read(1 << 20):
            into.update(block)
    return into


def _upstream_digest(walk: _Walk, state: os.stat_result) -> str:
    """One hash that is never begun anew: the hash of an entry is that of everything hashed so far. Each entry's hash is
    joined to the result so far, as text, and that text is hashed in turn."""
    running = hashlib.sha256()
    result = ""
    for relative, is_file in _upstream_entries(walk, state):
        try:
            if is_file:
                path = os.path.join(walk.root, relative) if relative else walk.root
                _content(path, running, follow=walk.follow_links)
            else:
                text = b"./" + relative if relative else b"."
                running.update(os.fsdecode(text).encode("unicode-escape"))
        except OSError as error:
            walk.fail(relative, error)
        entry = running.hexdigest()
        if result:
            running.update((result + entry).encode("ascii"))
        result = running.hexdigest()
    return result


def _upstream_entries(walk: _Walk, state: os.stat_result) -> Iterator[tuple[bytes, bool]]:
    """Paths in the original's order, and whether their content counts. It walks into links to directories, but stops
    altogether at the first one if links do not count."""
    if not stat.S_ISDIR(state.st_mode):
        yield b"", stat.S_ISREG(state.st_mode)
        return
    links = {}
    for folder, _, files in os.walk(walk.root, onerror=lambda error: walk.fail(_named(error), error), followlinks=True):
        relative = b"" if folder == walk.root else os.path.relpath(folder, walk.root)
        yield relative, False
        if relative and os.path.islink(folder):
            if not walk.follow_links:
                return
            identity = os.path.realpath(folder)
            if links.setdefault(identity, folder) != folder and folder.startswith(identity + b"/"):
                return
        for name in files:
            path = os.path.join(folder, name)
            counts = os.path.isfile(path) and (walk.follow_links or not os.path.islink(path))
            yield (os.path.join(relative, name) if relative else name), counts


def _named(error: OSError) -> bytes:
    return os.fsencode(error.filename or b"")
