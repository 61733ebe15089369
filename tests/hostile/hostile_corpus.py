"""About two hundred archives that want to do harm, by family; ``{out}`` in a name is a directory beside the target."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hostile_tarball import (
    BLOCK,
    END,
    POSIX,
    base256,
    directory,
    extended,
    file,
    hard_link,
    head,
    listed,
    long_link,
    long_name,
    node,
    octal,
    padded,
    pax,
    record,
    symlink,
)

Levels = list[bytes]
"""Archives from level 0 on, not compressed."""


@dataclass(frozen=True)
class Case:
    """``build`` is given the absolute path of a directory beside the target; ``harmless``: restoring all of it is
    right, as nothing in it is outside."""

    name: str
    build: Callable[[bytes], Levels]
    harmless: bool = False


def one(*parts: bytes) -> Levels:
    return [b"".join(parts) + END]


def tree(*names: bytes, parts: bytes = b"") -> Levels:
    """An incremental archive whose root lists ``names``."""
    return one(listed(b".", *names), parts)


def _fixed(prefix: str, cases: dict[str, Levels], *, harmless: bool = False) -> Iterator[Case]:
    for name, levels in cases.items():
        yield Case(f"{prefix}-{name}", lambda _out, levels=levels: levels, harmless)  # type: ignore[misc]


def _outside() -> Iterator[Case]:
    """Names that lead out, for every kind of entry."""
    makers: dict[str, Callable[[bytes], bytes]] = {
        "file": file,
        "directory": directory,
        "symlink": lambda name: symlink(name, b"x"),
        "fifo": lambda name: node(name, b"6"),
        "device": lambda name: node(name, b"3"),
        "link": lambda name: file(b"inside") + hard_link(name, b"inside"),
        "pax": lambda name: pax((b"path", name)) + file(b"harmless"),
        "long": lambda name: long_name(name) + file(b"harmless"),
        "posix": lambda name: file(name, magic=POSIX),
        "global": lambda name: pax((b"path", name), kind=b"g") + file(b"harmless"),
        "list": lambda name: listed(name, b"Yfile") + file(name + b"/file"),
        "sparse": lambda name: (
            pax((b"GNU.sparse.name", name), (b"GNU.sparse.map", b"0,4"), (b"GNU.sparse.size", b"4")) + file(b"harmless")
        ),
    }
    paths: dict[str, Callable[[bytes], bytes]] = {
        "above": lambda _out: b"../beside/new",
        "existing": lambda _out: b"../beside/file",
        "inner": lambda _out: b"sub/../../beside/new",
        "absolute": lambda out: out + b"/new",
        "slashes": lambda out: b"//" + out + b"//new",
        "dots": lambda _out: b"./.././beside/new",
    }
    for (kind, make), (way, path) in itertools.product(makers.items(), paths.items()):
        yield Case(f"outside-{kind}-{way}", lambda out, make=make, path=path: one(make(path(out))))  # type: ignore[misc]


def _planted() -> Iterator[Case]:
    """A link first, then something through it."""
    through: dict[str, bytes] = {
        "file": file(b"way/new"),
        "existing": file(b"way/file"),
        "directory": directory(b"way/new"),
        "symlink": symlink(b"way/new", b"x"),
        "fifo": node(b"way/new", b"6"),
        "list": listed(b"way", b"Ynew") + file(b"way/new"),
        "again": directory(b"way", mode=0o777) + file(b"way/new"),
        "deeper": file(b"way/deep/er/new"),
    }
    for (name, parts), kind in itertools.product(through.items(), ("relative", "absolute", "twice")):

        def build(out: bytes, parts: bytes = parts, kind: str = kind) -> Levels:
            target = b"../beside" if kind == "relative" else out
            if kind == "twice":
                return one(symlink(b"first", out), symlink(b"way", b"first"), parts)
            return one(symlink(b"way", target), parts)

        # A list makes the directory anew, where the link was.
        yield Case(f"planted-{name}-{kind}", build, name == "list")
    yield Case("planted-then-file", lambda out: one(symlink(b"way", out + b"/file"), file(b"way", mode=0o666)), True)
    yield Case(
        "planted-then-written",
        lambda _out: tree(b"Yway", b"Yway", parts=symlink(b"way", b"../beside/file") + file(b"way")),
    )
    yield Case(
        "planted-in-list",
        lambda out: one(
            listed(b".", b"Yway", b"Dway"), symlink(b"way", out), listed(b"way", b"Ynew"), file(b"way/new")
        ),
        True,
    )
    yield Case(
        "planted-by-older-level",
        lambda out: [
            b"".join((listed(b".", b"Yway"), symlink(b"way", out), END)),
            b"".join((listed(b".", b"Dway"), listed(b"way", b"Nnew"), END)),
            b"".join((listed(b".", b"Dway"), listed(b"way", b"Ynew"), file(b"way/new"), END)),
        ],
        True,
    )


def _links() -> Iterator[Case]:
    targets: dict[str, Callable[[bytes], bytes]] = {
        "relative": lambda _out: b"../beside/file",
        "absolute": lambda out: out + b"/file",
        "system": lambda _out: b"/etc/passwd",
        "root": lambda _out: b".",
        "nothing": lambda _out: b"missing",
        "itself": lambda _out: b"link",
        "directory": lambda _out: b"..",
        "empty": lambda _out: b"",
    }
    for name, target in targets.items():
        yield Case(f"link-{name}", lambda out, target=target: one(hard_link(b"link", target(out))))  # type: ignore[misc]
        yield Case(
            f"link-listed-{name}",
            lambda out, target=target: tree(
                b"Ylink", b"Yaway", parts=hard_link(b"link", target(out)) + hard_link(b"away", b"link")
            ),  # type: ignore[misc]
        )
    yield Case(
        "link-through-symlink", lambda out: one(symlink(b"way", out), hard_link(b"link", b"way/file"), file(b"link"))
    )
    yield Case(
        "link-to-symlink-then-write",
        lambda out: one(symlink(b"way", out + b"/file"), hard_link(b"link", b"way"), file(b"link")),
        True,
    )
    yield Case("link-pax", lambda out: one(pax((b"linkpath", out + b"/file")) + hard_link(b"link", b"x")))
    yield Case("link-long", lambda out: one(long_link(out + b"/file") + hard_link(b"link", b"x")))
    yield Case("link-to-directory", lambda _out: one(directory(b"dir"), hard_link(b"link", b"dir")))


def _duplicates() -> Iterator[Case]:
    kinds = {
        "file": lambda _out: file(b"it"),
        "directory": lambda _out: directory(b"it") + file(b"it/file"),
        "symlink": lambda out: symlink(b"it", out),
        "link": lambda _out: hard_link(b"it", b"it"),
    }
    for order in itertools.permutations(kinds, 3):
        yield Case(
            f"twice-{'-'.join(order)}",
            lambda out, order=order: tree(b"Yit", b"Dit", parts=b"".join(kinds[kind](out) for kind in order)),
        )  # type: ignore[misc]


def _sizes() -> Iterator[Case]:
    fields = {
        "octal": b"7" * 11 + b"\0",
        "all-octal": b"7" * 12,
        "largest": base256(2**63 - 1, 12),
        "beyond": base256(2**80, 12),
        "negative": base256(-1, 12),
        "text": b"notanumber\0\0",
        "sign": b"-0000000001\0",
        "underscore": b"0000_000001\0",
    }
    kinds = (b"0", b"5", b"D", b"L", b"K", b"x", b"g", b"S", b"1", b"3", b"7", b"V", b"Q")
    for (name, size), kind in itertools.product(fields.items(), kinds):
        if name in ("octal", "largest", "negative") or kind in (b"0", b"x"):
            # A directory's size means nothing, as to GNU tar.
            harmless = kind == b"5" and name != "negative"
            levels = one(head(b"big", kind, size), file(b"after"))
            yield from _fixed("size", {f"{name}-{kind.decode()}": levels}, harmless=harmless)
    for text in (b"99999999999999999999", b"-1", b"1e9", b"9" * 5000, b"0x10", b"", b"1_0", b" 5"):
        yield from _fixed("pax-size", {repr(text[:24])[2:-1] or "empty": one(pax((b"size", text)), file(b"a"))})


def _pax() -> Iterator[Case]:
    bodies = {
        "no-length": b"path=x\n",
        "length-0": b"0 path=x\n",
        "length-short": b"5 path=x\n",
        "length-long": b"99 path=x\n",
        "length-endless": b"9" * 5000 + b" path=x\n",
        "length-negative": b"-9 path=x\n",
        "no-equals": b"8 pathx\n",
        "no-newline": b"9 path=xy",
        "superscript": "²9 path=x\n".encode(),
        "blank": b" " * 600,
        "binary": bytes(range(256)) * 8,
    }
    yield from _fixed("pax-body", {name: one(extended(b"x", body), file(b"a")) for name, body in bodies.items()})
    yield from _fixed("pax-global-body", {name: one(extended(b"g", body), file(b"a")) for name, body in bodies.items()})
    values = {
        "path-nul": (b"path", b"a\0b"),
        "linkpath-nul": (b"linkpath", b"a\0b"),
        "mtime-huge": (b"mtime", b"1e999999"),
        "mtime-nan": (b"mtime", b"NaN"),
        "mtime-infinite": (b"mtime", b"-Infinity"),
        "mtime-endless": (b"mtime", b"1" * 100_000),
        "uid-text": (b"uid", b"root"),
        "uid-huge": (b"uid", b"9" * 4000),
        "acl": (b"SCHILY.acl.access", b"user:nobody-knows:rwx"),
        "acl-binary": (b"SCHILY.acl.access", bytes(range(256))),
        "times": (b"FREEZER.mtime_ns", b"!!!!"),
        "times-odd": (b"FREEZER.mtime_ns", b"AAAA" * 3 + b"A"),
        "links": (b"FREEZER.links", b"many"),
        "sparse-major": (b"GNU.sparse.major", b"1"),
        "sparse-odd": (b"GNU.sparse.map", b"0,1,2"),
        "sparse-text": (b"GNU.sparse.map", b"a,b"),
        "sparse-negative": (b"GNU.sparse.map", b"-1,4"),
        "sparse-overlap": (b"GNU.sparse.map", b"0,2,1,2"),
        "sparse-descending": (b"GNU.sparse.map", b"2,2,0,2"),
        "sparse-huge": (b"GNU.sparse.map", b"99999999999999999999999,4"),
        "sparse-many": (b"GNU.sparse.map", b"0,0," * 200_000 + b"0,4"),
    }
    for name, value in values.items():
        parts = listed(b".", b"Ya") if name.startswith("times") else b""
        entry = (
            symlink(b"a", b"x")
            if name.startswith("linkpath")
            else listed(b"d")
            if name.startswith("times")
            else file(b"a")
        )
        yield from _fixed("pax", {name: one(parts, pax(value), entry)})
    for name in (
        b"user.a",
        b"trusted.a",
        b"security.capability",
        b"system.posix_acl_access",
        b"user." + b"x" * 300,
        b"user.a%00b",
        b"security.ima",
    ):
        yield from _fixed(
            "xattr",
            {name.decode()[:30]: one(pax((b"SCHILY.xattr." + name, b"junk")), file(b"a"))},
            harmless=name in (b"user.a", b"trusted.a", b"security.ima"),
        )
    yield from _fixed(
        "pax",
        {
            "uname-endless": one(pax((b"uname", b"x" * 1_000_000), (b"gname", b"a\0b")), file(b"a")),
            "time-edge": one(pax((b"mtime", b"-9223372036.854775807")), file(b"a")),
        },
        harmless=True,
    )
    yield from _fixed(
        "pax",
        {
            "time-beyond": one(pax((b"mtime", b"99999999999999999999")), file(b"a")),
            "owner-beyond": one(pax((b"uid", b"4294967295"), (b"gid", b"-5")), file(b"a", mode=0o6755)),
            "owner-field": one(file(b"a", owner=(base256(-7, 8), base256(2**40, 8)), mode=0o6755)),
            "capability-without-owner": one(
                pax((b"uid", b"4294967295"), (b"SCHILY.xattr.security.capability", b"x" * 20)), file(b"a")
            ),
        },
    )


def _sparse() -> Iterator[Case]:
    def old(extents: list[tuple[int, int]], real: int, stored: int, more: bool = False) -> bytes:
        slots = b"".join(base256(offset, 12) + base256(length, 12) for offset, length in extents)
        return head(
            b"holes", b"S", stored, tail=bytes(41) + slots.ljust(96, b"\0") + bytes((more,)) + base256(real, 12)
        )

    block = bytes(504) + b"\1" + bytes(7)
    full = (base256(0, 12) + base256(0, 12)) * 21 + b"\1" + bytes(7)
    text = padded(b"999999999999\n")
    yield from _fixed(
        "sparse",
        {
            "overlapping": one(old([(0, 4), (2, 4)], 8, 8), padded(b"x" * 8)),
            "descending": one(old([(8, 4), (0, 4)], 12, 8), padded(b"x" * 8)),
            "beyond-the-end": one(old([(100, 4)], 8, 4), padded(b"x" * 4)),
            "beyond-64-bits": one(old([(2**70, 4)], 2**71, 4), padded(b"x" * 4)),
            "negative": one(old([(-4, 4)], 8, 4), padded(b"x" * 4)),
            "wrong-sum": one(old([(0, 100)], 100, 4), padded(b"x" * 4)),
            "endless-empty": [old([], 0, 0, more=True) + block * 10_000],
            "endless-full": [old([(0, 0)], 0, 0, more=True) + full * 10_000],
            "inline-count": one(
                pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"4")),
                head(b"a", b"0", 512),
                text,
            ),
            "inline-cut": one(
                pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"4")),
                head(b"a", b"0", 512),
                padded(b"1\n0\n"),
            ),
            "inline-endless": one(
                pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"4")),
                head(b"a", b"0", 512 * 2000),
                b"1" * 512 * 2000,
            ),
            "numbers-odd": one(pax((b"GNU.sparse.size", b"4"), (b"GNU.sparse.offset", b"0")), file(b"a")),
            "larger-than-any": one(old([], 2**63, 0)),
        },
    )
    # A hole costs nothing: tmpfs has such files, ext4 has not.
    levels = one(old([(2**50, 4)], 2**62, 4), padded(b"evil"))
    yield from _fixed("sparse", {"larger-than-the-disk": levels}, harmless=True)


def _lists() -> Iterator[Case]:
    yield from _fixed(
        "list",
        {
            "parent": tree(b"D..", b"Y..", b"Y../beside/file"),
            "slash": tree(b"Y/", b"Da/b", b"Y/etc/passwd"),
            "empty-name": tree(b"Y", b"D", b"N"),
            "dot": tree(b"Y.", b"D."),
            "letter": tree(b"Zname"),
            "no-end": one(head(b"./", b"D", 6), padded(b"Yabcde")),
            "unlisted": tree(b"Ya", parts=file(b"a") + file(b"b")),
            "missing-directory": tree(parts=file(b"nowhere/file")),
            "rename-without-source": tree(b"Tx"),
            "twice": one(listed(b".", b"Ya"), listed(b".", b"Yb"), file(b"a"), file(b"b")),
            "body-of-pax": one(pax((b"GNU.dumpdir", b"Yx")), directory(b"."), file(b"x")),
        },
    )
    # What a list of another program promises and no archive holds was never stored by it (sockets).
    yield from _fixed(
        "list",
        {
            "promises": tree(b"Ya", b"Nb", b"Dc"),
            "named-like-a-file": one(
                listed(b".", b"Yfile", b"Dfile"), file(b"file"), listed(b"file", b"Yx"), file(b"file/x")
            ),
        },
        harmless=True,
    )
    for letters in (b"Dsub", b"Ddir"):
        renames = {
            "out": (b"R./dir", b"T../beside"),
            "in": (b"R../beside", b"T./dir"),
            "absolute": (b"R/etc", b"T./dir"),
            "cycle": (b"R./a", b"T./b", b"R./b", b"T./a"),
            "itself": (b"R./dir", b"T./dir/dir"),
            "temporary": (b"X./", b"R", b"T./dir", b"R./dir", b"T"),
            "growing": tuple(itertools.chain.from_iterable((b"R./dir", b"T./dir/dir") for _ in range(3000))),
        }
        for name, steps in renames.items():
            newest = b"".join((listed(b".", letters, *steps), listed(letters[1:], b"Nfile"), END))
            oldest = b"".join((listed(b".", b"Ddir"), listed(b"dir", b"Yfile"), file(b"dir/file"), END))
            yield Case(f"rename-{name}-{letters[1:].decode()}", lambda _out, levels=[oldest, newest]: levels, True)  # type: ignore[misc]


def _modes() -> Iterator[Case]:
    yield from _fixed(
        "mode",
        {
            "set-uid": one(file(b"a", mode=0o6755)),
            "sticky": one(file(b"a", mode=0o1777), directory(b"d", mode=0o3777)),
            "locked": one(directory(b"d", mode=0), file(b"d/a", mode=0)),
            "character": one(node(b"null", b"3")),
            "block": one(node(b"disk", b"4", (8, 0))),
            "fifo": one(node(b"pipe", b"6"), file(b"after")),
            "link-everywhere": one(symlink(b"a", b"/"), symlink(b"b", b"../" * 40), symlink(b"c", b"/dev/sda")),
            "latin": one(file(b"\xff\xfe\xe9"), file(b"a\nb\x1b[2J"), directory(b"\xed\xa0\x80")),
        },
        harmless=True,
    )
    yield from _fixed(
        "mode",
        {
            "device-number": one(head(b"a", b"3", device=(8**7 - 1, 8**7 - 1))),
            "unknown": one(head(b"a", b"Q"), head(b"b", b"N"), head(b"c", b"\xff")),
            "empty-symlink": one(symlink(b"a", b"")),
            "endless-symlink": one(symlink(b"a", b"x" * 5000)),
        },
    )


def _names() -> Iterator[Case]:
    yield from _fixed(
        "name",
        {
            "component": one(file(b"x" * 256)),
            "component-directory": one(directory(b"x" * 90), long_name(b"y" * 300 + b"/"), directory(b"y")),
            "path": one(file(b"/".join([b"x" * 200] * 2500))),
            "million": one(long_name(b"y/" * 500_000), file(b"a")),
            "more-than-a-million": one(long_name(b"y" * (1 << 20)), file(b"a")),
            "empty": one(file(b"")),
            "root-as-file": one(file(b".")),
            "only-slashes": one(file(b"///")),
            "parent": one(file(b"..")),
            "deep-files": one(file(b"/".join([b"d"] * 5000))),
            "deep-directories": one(
                *(
                    directory(b"/".join([b"d"] * depth)) if depth < 50 else long_name(b"d/" * depth) + directory(b"d")
                    for depth in range(1, 5001, 7)
                )
            ),
            "deep-lists": one(
                listed(b".", b"Dd"), *(listed(b"/".join([b"d"] * depth), b"Dd") for depth in range(1, 5001))
            ),
        },
    )
    yield from _fixed("name", {"nul-in-long-name": one(long_name(b"a\0/../../beside/new"), file(b"b"))}, harmless=True)


def _cut() -> Iterator[Case]:
    whole = b"".join(
        (listed(b".", b"Ya", b"Yb"), long_name(b"a"), pax((b"mtime", b"1.5")), file(b"a", b"x" * 1000), file(b"b"))
    )
    for size in (
        0,
        1,
        511,
        512,
        600,
        1024,
        1536,
        2000,
        2560,
        3072,
        3600,
        4096,
        4608,
        5000,
        len(whole),
        len(whole) + 512,
    ):
        yield from _fixed("cut", {str(size): [(whole + END)[:size]]})
    flipped = bytearray(whole + END)
    flipped[3] ^= 1
    yield from _fixed(
        "cut", {"checksum": [bytes(flipped)], "text": [b"no archive " * 100], "after-end": [whole + END + whole]}
    )


def corpus() -> list[Case]:
    families = (_outside, _planted, _links, _duplicates, _sizes, _pax, _sparse, _lists, _modes, _names, _cut)
    return [case for family in families for case in family()]


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
}
__all__ = ["BLOCK", "CODECS", "Case", "corpus", "octal", "record"]
