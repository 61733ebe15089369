"""Small random trees and edits: Hypothesis draws plain data, :func:`build` and :func:`apply` put it on a disk.

An edit names the thing it changes by a number, taken modulo the number of things there are, so every edit can be
applied to every tree (one that makes no sense there does nothing) and a failing example stays readable.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass

from hypothesis import strategies as st

SECOND = 1_000_000_000
_NAMES = st.one_of(
    st.sampled_from([b"a", b"b", b"c", b"d", b"x y", b"\xff\xfe", b"new\nline", b"L" * 120, b"-v", "é".encode()]),
    st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"0")),
).filter(lambda name: name not in (b".", b".."))
_MODES = st.sampled_from([0o600, 0o640, 0o644, 0o755, 0o700, 0o4755])
_TIMES = st.integers(min_value=-2_000_000_000 * SECOND, max_value=4_000_000_000 * SECOND)
_SIZES = st.sampled_from([0, 1, 511, 512, 513, 4096, 20_000])
_INDEX = st.integers(min_value=0, max_value=200)


@dataclass(frozen=True)
class Node:
    """A thing to make at ``path``. ``content`` is what a file holds behind a hole of ``hole`` bytes, or a link's
    target; ``other`` chooses the file that a hard link shares."""

    path: tuple[bytes, ...]
    kind: str
    content: bytes = b""
    hole: int = 0
    mode: int = 0o644
    mtime_ns: int = 0
    other: int = 0


@dataclass(frozen=True)
class Edit:
    """A change of the ``index``-th thing; ``other`` and ``name`` say where to, ``content`` what with."""

    kind: str
    index: int
    other: int = 0
    name: bytes = b"n"
    content: bytes = b""
    mode: int = 0o600


EDITS = (
    "write", "append", "truncate", "delete", "rename", "new-file", "new-directory", "new-link",
    "hard-link", "chmod", "touch", "retype", "swap",
)  # fmt: skip


def nodes() -> st.SearchStrategy[Node]:
    return st.builds(
        Node,
        path=st.lists(_NAMES, min_size=1, max_size=4).map(tuple),
        kind=st.sampled_from(["file", "file", "file", "dir", "symlink", "fifo", "hardlink"]),
        content=st.builds(_content, _SIZES, st.integers(min_value=0, max_value=255)),
        hole=st.sampled_from([0, 0, 0, 8192, 1 << 20]),
        mode=_MODES,
        mtime_ns=_TIMES,
        other=_INDEX,
    )


def trees(max_size: int = 12) -> st.SearchStrategy[list[Node]]:
    """Trees of at most ``max_size`` things, not counting the directories they need."""
    return st.lists(nodes(), max_size=max_size)


def edits(max_size: int = 8) -> st.SearchStrategy[list[Edit]]:
    """Rounds of at most ``max_size`` edits."""
    return st.lists(
        st.builds(
            Edit,
            kind=st.sampled_from(EDITS),
            index=_INDEX,
            other=_INDEX,
            name=_NAMES,
            content=st.builds(_content, _SIZES, st.integers(min_value=0, max_value=255)),
            mode=_MODES,
        ),
        max_size=max_size,
    )


def build(root: str | bytes | os.PathLike[str], tree: list[Node]) -> None:
    """Make ``tree`` below ``root``. A node whose place is taken, or lies below something that is no directory, is left
    out."""
    top = os.fsencode(root)
    os.makedirs(top, exist_ok=True)
    for node in tree:
        parent = os.path.join(top, *node.path[:-1])
        try:
            os.makedirs(parent, exist_ok=True)
        except OSError:
            continue
        path = os.path.join(parent, node.path[-1])
        if not os.path.lexists(path):
            _make(top, path, node)


def apply(root: str | bytes | os.PathLike[str], changes: list[Edit]) -> None:
    """Apply the edits in order to what is below ``root``."""
    top = os.fsencode(root)
    for change in changes:
        things = _things(top)
        if things or change.kind.startswith("new-"):
            _APPLY[change.kind](top, things, change)


def _content(size: int, seed: int) -> bytes:
    """``size`` bytes that differ for each seed and do not repeat within a block."""
    return b"".join(b"%03d-%07d|" % (seed, block) for block in range(size // 12 + 1))[:size]


def _make(top: bytes, path: bytes, node: Node) -> None:
    files = [thing for thing in _things(top) if stat.S_ISREG(os.lstat(thing).st_mode)]
    if node.kind == "dir":
        os.mkdir(path, 0o755)
    elif node.kind == "symlink":
        os.symlink(node.content[:200] or b"nowhere", path)
    elif node.kind == "fifo":
        os.mkfifo(path, 0o600)
    elif node.kind == "hardlink" and files:
        os.link(files[node.other % len(files)], path)
        return
    else:
        with open(path, "wb") as file:
            file.seek(node.hole)
            file.write(node.content)
            file.truncate(node.hole + len(node.content))
    if node.kind != "symlink":
        os.chmod(path, node.mode | (0o700 if node.kind == "dir" else 0))
    os.utime(path, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)


def _things(top: bytes) -> list[bytes]:
    found = []
    for folder, directories, files in os.walk(top):
        found += [os.path.join(folder, name) for name in (*directories, *files)]
    return sorted(found)


def _chosen(things: list[bytes], change: Edit) -> bytes:
    return things[change.index % len(things)]


def _folder(top: bytes, things: list[bytes], change: Edit) -> bytes:
    folders = [top, *(thing for thing in things if _is_directory(thing))]
    return folders[change.other % len(folders)]


def _is_directory(path: bytes) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _is_file(path: bytes) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _remove(path: bytes) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _write(top: bytes, things: list[bytes], change: Edit) -> None:
    path = _chosen(things, change)
    if _is_file(path):
        with open(path, "wb") as file:
            file.write(change.content)


def _append(top: bytes, things: list[bytes], change: Edit) -> None:
    path = _chosen(things, change)
    if _is_file(path):
        with open(path, "ab") as file:
            file.write(change.content)


def _truncate(top: bytes, things: list[bytes], change: Edit) -> None:
    path = _chosen(things, change)
    if _is_file(path):
        os.truncate(path, os.stat(path).st_size // 2)


def _delete(top: bytes, things: list[bytes], change: Edit) -> None:
    _remove(_chosen(things, change))


def _rename(top: bytes, things: list[bytes], change: Edit) -> None:
    path, folder = _chosen(things, change), _folder(top, things, change)
    target = os.path.join(folder, change.name)
    if not os.path.lexists(target) and not (folder + b"/").startswith(path + b"/"):
        os.rename(path, target)


def _swap(top: bytes, things: list[bytes], change: Edit) -> None:
    """Exchange two things' names, neither of which holds the other."""
    one, other = _chosen(things, change), things[change.other % len(things)]
    if not (one + b"/").startswith(other + b"/") and not (other + b"/").startswith(one + b"/"):
        aside = os.path.join(top, b".aside")
        os.rename(one, aside)
        os.rename(other, one)
        os.rename(aside, other)


def _new_file(top: bytes, things: list[bytes], change: Edit) -> None:
    path = os.path.join(_folder(top, things, change), change.name)
    if not os.path.lexists(path):
        with open(path, "wb") as file:
            file.write(change.content)


def _new_directory(top: bytes, things: list[bytes], change: Edit) -> None:
    path = os.path.join(_folder(top, things, change), change.name)
    if not os.path.lexists(path):
        os.mkdir(path)


def _new_link(top: bytes, things: list[bytes], change: Edit) -> None:
    path = os.path.join(_folder(top, things, change), change.name)
    if not os.path.lexists(path):
        os.symlink(change.content[:50] or b"nowhere", path)


def _hard_link(top: bytes, things: list[bytes], change: Edit) -> None:
    source, path = _chosen(things, change), os.path.join(_folder(top, things, change), change.name)
    if _is_file(source) and not os.path.lexists(path):
        os.link(source, path)


def _chmod(top: bytes, things: list[bytes], change: Edit) -> None:
    path = _chosen(things, change)
    if not os.path.islink(path):
        os.chmod(path, change.mode | (0o700 if _is_directory(path) else 0))


def _touch(top: bytes, things: list[bytes], change: Edit) -> None:
    when = change.other * 10_000_000 * SECOND
    os.utime(_chosen(things, change), ns=(when, when), follow_symlinks=False)


def _retype(top: bytes, things: list[bytes], change: Edit) -> None:
    """A file becomes a directory, a directory a link, anything else a file."""
    path = _chosen(things, change)
    was_file, was_directory = _is_file(path), _is_directory(path)
    _remove(path)
    if was_file:
        os.mkdir(path)
    elif was_directory:
        os.symlink(b"elsewhere", path)
    else:
        with open(path, "wb") as file:
            file.write(change.content)


_APPLY = {
    "write": _write,
    "append": _append,
    "truncate": _truncate,
    "delete": _delete,
    "rename": _rename,
    "swap": _swap,
    "new-file": _new_file,
    "new-directory": _new_directory,
    "new-link": _new_link,
    "hard-link": _hard_link,
    "chmod": _chmod,
    "touch": _touch,
    "retype": _retype,
}
