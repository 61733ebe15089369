"""One rich tree, and one rich round of edits, both made from a seed.

The tree holds every kind of thing a file system can: odd, long and non-UTF-8 names, all sorts of modes and times, hard
links, holes, FIFOs, links that dangle, extended attributes, ACLs, empty and deep directories. What only root may make
(owners, devices) is there only for root, what the file system does not know (extended attributes) only where it does.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import stat
import struct

SECOND = 1_000_000_000
ODD_NAMES = (
    b"with space", b"trailing ", b"-dash", b"--option=x", b".hidden", b"new\nline", b"tab\there", b"star*glob?[a]",
    b"quote'single", b'quote"double', b"back\\slash", b"$(touch pwned)", b"semi;colon&amp|pipe", b"latin1-\xe9\xff",
    "café-nfc".encode(), "cafe\u0301-nfd".encode(), "日本語".encode(), "🧊".encode(), b"control-\x01\x7f", b"L" * 255,
)  # fmt: skip
MODES = (0o000, 0o400, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o1644)
TIMES_NS = {
    b"epoch": 0,
    b"before-1970": -1_234_567_890 * SECOND + 5,
    b"nanoseconds": 1_600_000_000 * SECOND + 123_456_789,
    b"almost-a-second": 1_500_000_000 * SECOND + 999_999_999,
    b"far-future": 4_102_444_800 * SECOND + 1,
}
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def make_tree(root: str | bytes | os.PathLike[str], seed: int = 0) -> None:
    """Make the tree below ``root``, which may exist if it is empty. The same seed gives the same tree."""
    top = os.fsencode(root)
    rng = random.Random(seed)
    os.makedirs(top, exist_ok=True)
    _make_contents(top, rng)
    _make_names(top, rng)
    _make_links(top, rng)
    _make_metadata(top, rng)
    _make_directories(top, rng)
    _set_times(top, rng)


def edit_tree(root: str | bytes | os.PathLike[str], seed: int = 0) -> None:
    """Change a tree of :func:`make_tree` in every way that an incremental backup must notice; may be called again with
    another seed."""
    top = os.fsencode(root)
    rng = random.Random(f"edit-{seed}")
    tag = b"%d" % seed
    _edit_files(top, rng, tag)
    _edit_directories(top, rng, tag)
    _edit_types(top, rng, tag)
    _edit_links(top, rng, tag)
    _edit_metadata(top, rng)


def write(path: bytes, data: bytes, mode: int = 0o644) -> None:
    """Write ``data`` into a new or existing file at ``path`` and give it ``mode``."""
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def acl(user: int, permissions: int = 6) -> bytes:
    """A POSIX ACL in the kernel's form (linux/posix_acl_xattr.h): rw-r----- and ``permissions`` for ``user``."""
    none = 0xFFFFFFFF
    entries = ((0x01, 6, none), (0x02, permissions, user), (0x04, 4, none), (0x10, 7, none), (0x20, 0, none))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def set_xattr(path: bytes, name: str, value: bytes) -> bool:
    """Set an extended attribute where the file system has them; says whether it did."""
    try:
        os.setxattr(path, name, value)
    except (OSError, AttributeError):
        return False
    return True


def _make_contents(top: bytes, rng: random.Random) -> None:
    folder = _directory(top, b"data")
    for size in (0, 1, 511, 512, 513, 4096, 10_240, 200_000):
        write(os.path.join(folder, b"random-%d" % size), rng.randbytes(size))
    write(os.path.join(folder, b"zeros"), bytes(65_536))
    write(os.path.join(folder, b"text"), b"the quick brown fox\n" * 3000)
    for name in (b"append", b"truncate", b"modify", b"same-size", b"delete", b"re-add", b"touch-only"):
        write(os.path.join(folder, name), rng.randbytes(6000))
    _write_sparse(os.path.join(folder, b"sparse"), rng)
    with open(os.path.join(folder, b"one-hole"), "wb") as file:
        file.truncate(1 << 20)


def _write_sparse(path: bytes, rng: random.Random) -> None:
    """Data at the start, in the middle and not at the end, with holes of whole pages between."""
    with open(path, "wb") as file:
        file.write(rng.randbytes(4096))
        file.seek(1 << 20)
        file.write(rng.randbytes(5000))
        file.truncate(3 << 20)


def _make_names(top: bytes, rng: random.Random) -> None:
    folder = _directory(top, b"names")
    for name in ODD_NAMES:
        write(os.path.join(folder, name), rng.randbytes(20))
    deep = _directory(top, b"deep")
    for depth in range(20):
        deep = _directory(deep, b"level-%02d-" % depth + b"d" * 50)
    write(os.path.join(deep, b"leaf"), rng.randbytes(30))


def _make_links(top: bytes, rng: random.Random) -> None:
    folder = _directory(top, b"links")
    write(os.path.join(folder, b"target"), rng.randbytes(100))
    for name, target in (
        (b"relative", b"target"), (b"to-directory", b"../data"), (b"dangling", b"no such file"),
        (b"up", b"../links/target"), (b"absolute", b"/etc/hostname"), (b"long", b"x" * 300), (b"odd", b"new\nline\xff"),
        (b"retarget", b"old"),
    ):  # fmt: skip
        os.symlink(target, os.path.join(folder, name))
    hard = _directory(top, b"hard")
    write(os.path.join(hard, b"a"), rng.randbytes(3000))
    os.link(os.path.join(hard, b"a"), os.path.join(hard, b"b"))
    os.link(os.path.join(hard, b"a"), os.path.join(_directory(hard, b"sub"), b"c"))
    write(os.path.join(hard, b"later"), rng.randbytes(300))
    os.mkfifo(os.path.join(top, b"fifo"), 0o640)


def _make_metadata(top: bytes, rng: random.Random) -> None:
    folder = _directory(top, b"modes")
    for mode in MODES:
        if IS_ROOT or mode & 0o400:
            write(os.path.join(folder, b"m%04o" % mode), rng.randbytes(10), mode)
    write(os.path.join(folder, b"chmod-only"), rng.randbytes(10))
    folder = _directory(top, b"attributes")
    write(os.path.join(folder, b"user"), rng.randbytes(10))
    set_xattr(os.path.join(folder, b"user"), "user.freezer.test", b"value \x00\xff")
    set_xattr(os.path.join(folder, b"user"), "user.empty", b"")
    write(os.path.join(folder, b"acl"), rng.randbytes(10), 0o640)
    set_xattr(os.path.join(folder, b"acl"), "system.posix_acl_access", acl(1001))
    with_default = _directory(folder, b"default-acl")
    set_xattr(with_default, "system.posix_acl_default", acl(1002))
    set_xattr(with_default, "user.on-a-directory", b"yes")
    if IS_ROOT:
        _make_what_only_root_may(top, rng)


def _make_what_only_root_may(top: bytes, rng: random.Random) -> None:
    folder = _directory(top, b"owners")
    for name, uid, gid in ((b"daemon", 1, 1), (b"unknown", 54_321, 54_322), (b"huge", 2**31 + 5, 2**31 + 6)):
        write(os.path.join(folder, name), rng.randbytes(10))
        os.chown(os.path.join(folder, name), uid, gid)
    os.symlink(b"daemon", os.path.join(folder, b"link"))
    os.lchown(os.path.join(folder, b"link"), 7, 8)
    with contextlib.suppress(PermissionError):  # root of a user namespace may not
        os.mknod(os.path.join(folder, b"null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))


def _make_directories(top: bytes, rng: random.Random) -> None:
    for name, mode in ((b"empty", 0o755), (b"empty-0700", 0o700), (b"sticky", 0o1777), (b"setgid", 0o2775)):
        os.chmod(_directory(top, name), mode)
    for name in (b"rename-me", b"delete-me", b"move-me"):
        folder = _directory(top, name)
        write(os.path.join(folder, b"one"), rng.randbytes(1000))
        write(os.path.join(_directory(folder, b"inner"), b"two"), rng.randbytes(1000))
    types = _directory(top, b"types")
    for name in (b"file-to-directory", b"file-to-link", b"file-to-fifo"):
        write(os.path.join(types, name), rng.randbytes(100))
    write(os.path.join(_directory(types, b"directory-to-file"), b"inner"), rng.randbytes(100))
    write(os.path.join(_directory(types, b"directory-to-link"), b"inner"), rng.randbytes(100))
    os.symlink(b"../data", os.path.join(types, b"link-to-directory"))
    os.symlink(b"file-to-link", os.path.join(types, b"link-to-file"))


def _set_times(top: bytes, rng: random.Random) -> None:
    """Old, distinct times for everything, deepest first, so that directories keep theirs."""
    folder = _directory(top, b"times")
    for name in TIMES_NS:
        write(os.path.join(folder, name), rng.randbytes(10))
    for path in _paths(top, bottom_up=True):
        when = TIMES_NS.get(os.path.basename(path), rng.randrange(1_000_000_000, 1_700_000_000) * SECOND)
        if path.endswith(b"/data/text"):
            when += rng.randrange(SECOND)
        os.utime(path, ns=(when, when), follow_symlinks=False)


def _edit_files(top: bytes, rng: random.Random, tag: bytes) -> None:
    folder = os.path.join(top, b"data")
    with open(os.path.join(folder, b"append"), "ab") as file:
        file.write(rng.randbytes(500))
    os.truncate(os.path.join(folder, b"truncate"), rng.randrange(1000))
    for name in (b"modify", b"same-size"):
        with open(os.path.join(folder, name), "r+b") as file:
            file.seek(rng.randrange(5000))
            file.write(rng.randbytes(100))
    write(os.path.join(folder, b"modify"), rng.randbytes(rng.randrange(9000)))
    if os.path.lexists(os.path.join(folder, b"delete")):
        os.unlink(os.path.join(folder, b"delete"))
    os.unlink(os.path.join(folder, b"re-add"))
    write(os.path.join(folder, b"re-add"), rng.randbytes(700))
    write(os.path.join(folder, b"new-" + tag), rng.randbytes(1200))
    os.rename(os.path.join(folder, b"random-511"), os.path.join(folder, b"renamed"))
    os.rename(os.path.join(folder, b"renamed"), os.path.join(folder, b"random-511"))
    _write_sparse(os.path.join(folder, b"sparse"), rng)


def _edit_directories(top: bytes, rng: random.Random, tag: bytes) -> None:
    """Rename one directory, move another below it, delete a third and make new ones."""
    for name in (b"rename-me", b"move-me", b"delete-me"):
        if not os.path.isdir(os.path.join(top, name)):
            write(os.path.join(_directory(top, name), b"again-" + tag), rng.randbytes(50))
    os.rename(os.path.join(top, b"rename-me"), os.path.join(top, b"renamed-" + tag))
    os.rename(os.path.join(top, b"move-me"), os.path.join(top, b"renamed-" + tag, b"moved"))
    shutil.rmtree(os.path.join(top, b"delete-me"))
    _directory(top, b"new-empty-" + tag)
    write(os.path.join(_directory(top, b"new-" + tag), b"file"), rng.randbytes(60))


def _edit_types(top: bytes, rng: random.Random, tag: bytes) -> None:
    """Every thing in ``types`` becomes a thing of another type."""
    folder = os.path.join(top, b"types")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        kind = stat.S_IFMT(os.lstat(path).st_mode)
        others = [maker for made, maker in _MAKERS if made != kind]
        _remove(path)
        rng.choice(others)(path, tag + rng.randbytes(40).hex().encode())


def _edit_links(top: bytes, rng: random.Random, tag: bytes) -> None:
    folder = os.path.join(top, b"links")
    os.unlink(os.path.join(folder, b"retarget"))
    os.symlink(b"new-" + tag, os.path.join(folder, b"retarget"))
    hard = os.path.join(top, b"hard")
    # b leaves the group by being written anew, and joins it again the next time
    same = os.path.samefile(os.path.join(hard, b"a"), os.path.join(hard, b"b"))
    os.unlink(os.path.join(hard, b"b"))
    if same:
        write(os.path.join(hard, b"b"), rng.randbytes(900))
    else:
        os.link(os.path.join(hard, b"a"), os.path.join(hard, b"b"))
    os.link(os.path.join(hard, b"later"), os.path.join(hard, b"linked-" + tag))
    with open(os.path.join(hard, b"a"), "r+b") as file:
        file.write(rng.randbytes(10))


def _edit_metadata(top: bytes, rng: random.Random) -> None:
    os.chmod(os.path.join(top, b"modes", b"chmod-only"), rng.choice((0o600, 0o640, 0o751)))
    when = rng.randrange(1_000_000_000, 1_700_000_000) * SECOND
    os.utime(os.path.join(top, b"data", b"touch-only"), ns=(when, when))
    set_xattr(os.path.join(top, b"attributes", b"user"), "user.freezer.test", rng.randbytes(30))


def _make_file(path: bytes, content: bytes) -> None:
    write(path, content)


def _make_link(path: bytes, content: bytes) -> None:
    os.symlink(content, path)


def _make_directory(path: bytes, content: bytes) -> None:
    os.mkdir(path)
    write(os.path.join(path, b"inner"), content)


def _make_fifo(path: bytes, content: bytes) -> None:
    os.mkfifo(path, 0o600)


_MAKERS = (
    (stat.S_IFREG, _make_file),
    (stat.S_IFLNK, _make_link),
    (stat.S_IFDIR, _make_directory),
    (stat.S_IFIFO, _make_fifo),
)


def _directory(*parts: bytes) -> bytes:
    path = os.path.join(*parts)
    os.makedirs(path, exist_ok=True)
    return path


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _paths(top: bytes, *, bottom_up: bool = False) -> list[bytes]:
    found = [top]
    for folder, directories, files in os.walk(top):
        found += [os.path.join(folder, name) for name in sorted((*directories, *files))]
    found.sort()
    return found[::-1] if bottom_up else found
