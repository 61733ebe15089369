"""Backups in a repository that want to do harm, made by somebody who has a key of it; by family."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hostile_repository import BLOCKS, CHARACTERS, DIRECTORY, FIFO, FILE, LINK, Forger, Item, item, link, pack, source

from freezer.repository.packs.use import Use

MIB = 1024 * 1024
HUGE = (1 << 64) - 1

Build = Callable[[Forger, bytes], None]
"""Makes the backup; the bytes are the absolute path of a directory beside the target."""


@dataclass(frozen=True)
class Case:
    """``harmless``: restoring all of it is right, as nothing in it is outside. ``words``: options of the restore."""

    name: str
    build: Build
    harmless: bool = False
    words: Sequence[str] = ()


def top(*items: Item) -> Build:
    """One source with these items."""
    return lambda forger, _out: _commit(forger, forger.tree(*items))


def made(*makers: Callable[[Forger, bytes], Item]) -> Build:
    """The same of items that need the forger."""
    return lambda forger, out: _commit(forger, forger.tree(*(make(forger, out) for make in makers)))


def _commit(forger: Forger, tree: bytes) -> None:
    forger.commit([source(b"/source", tree)])


def _names() -> Iterator[Case]:
    """Names that are none, and names that only look dangerous, of every type."""
    types: dict[str, Callable[[Forger, bytes], Item]] = {
        "file": lambda forger, name: forger.file(name),
        "empty": lambda _forger, name: item(name),
        "directory": lambda forger, name: forger.folder(name, forger.file(b"file")),
        "symlink": lambda _forger, name: link(name, b"x"),
        "fifo": lambda _forger, name: item(name, FIFO),
        "device": lambda _forger, name: item(name, CHARACTERS, d=[1, 3]),
        "hard-link": lambda forger, name: forger.file(name, h=b"file"),
    }
    names = {
        "above": b"..",
        "here": b".",
        "none": b"",
        "path-above": b"../beside/new",
        "absolute": b"/new",
        "path": b"inside/new",
        "nul": b"new\0",
        "long": b"x" * 256,
        "very-long": b"x" * 70_000,
    }
    for kind, of_type in types.items():
        for name, text in names.items():

            def build(forger: Forger, _out: bytes, text: bytes = text, of_type: object = of_type) -> None:
                assert callable(of_type)
                _commit(forger, forger.tree(of_type(forger, text)))

            yield Case(f"name-{name}-{kind}", build)
    odd = {
        "not-utf8": b"\xff\xfe",
        "backslashes": b"..\\..\\beside\\new",
        "drive": b"C:",
        "stream": b"a:b",
        "newline": b"a\nfreezer-agent: error: b",
        "escape": b"\x1b[2J",
        "dash": b"--delete",
        "temporary": b".freezer-tmp-0123456789abcdef",
        "composed": b"\xc3\xa9",
        "decomposed": b"e\xcc\x81",
    }
    for name, text in odd.items():
        yield Case(f"odd-{name}", made(lambda forger, _out, text=text: forger.file(text)), harmless=True)  # type: ignore[misc]


def _twice() -> Iterator[Case]:
    """What is there twice: a link at first, then something that would go through it."""
    through: dict[str, Callable[[Forger, bytes], Item]] = {
        "directory": lambda forger, _out: forger.folder(b"it", forger.file(b"file"), forger.file(b"new")),
        "file": lambda forger, _out: forger.file(b"it"),
        "fifo": lambda _forger, _out: item(b"it", FIFO),
        "link": lambda _forger, out: link(b"it", out + b"/deep"),
    }
    for kind, second in through.items():
        for order in (1, -1):

            def together(forger: Forger, out: bytes, second: object = second, order: int = order) -> None:
                assert callable(second)
                _commit(forger, forger.tree(*[link(b"it", out), second(forger, out)][::order]))

            def apart(forger: Forger, out: bytes, second: object = second, order: int = order) -> None:
                assert callable(second)
                parts = [forger.tree(each) for each in (link(b"it", out), second(forger, out))][::order]
                _commit(forger, forger.divided(0, parts))

            def sources(forger: Forger, out: bytes, second: object = second, order: int = order) -> None:
                assert callable(second)
                trees = [forger.tree(each) for each in (link(b"it", out), second(forger, out))][::order]
                forger.commit([source(b"/a", tree) for tree in trees])

            yield Case(f"twice-{kind}-{order}", together)
            yield Case(f"parts-{kind}-{order}", apart, harmless=True)
            yield Case(f"sources-{kind}-{order}", sources, harmless=True)
    for name, below in {"source": b"/a/it", "deeper": b"/a/it/deep", "again": b"/a/it/../it"}.items():

        def within(forger: Forger, out: bytes, below: bytes = below) -> None:
            first, second = forger.tree(link(b"it", out)), forger.tree(forger.file(b"file"), forger.file(b"new"))
            forger.commit([source(b"/a", first), source(below, second)])

        yield Case(f"link-above-{name}", within, harmless=name != "again")


def _sources() -> Iterator[Case]:
    """Where sources say that they were."""
    paths = {
        "above": b"../beside",
        "above-inside": b"a/../../beside",
        "absolute": b"/../beside",
        "nul": b"a\0b",
        "empty": b"",
        "root": b"/",
        "long": b"/" + b"x" * 300,
        "slashes": b"//a//b//",
    }
    for name, path in paths.items():

        def build(forger: Forger, _out: bytes, path: bytes = path) -> None:
            tree = forger.tree(forger.file(b"new"))
            forger.commit([source(path, tree), source(b"/other", tree)])

        yield Case(f"source-{name}", build, harmless=name in ("empty", "root"))
    tops: dict[str, bytes] = {
        "rubbish": b"\xc1",
        "nested": b"\x91" * 100_000,
        "file": pack(item(b"", FILE, mode=0o644)),
        "name": pack(item(b"../beside", DIRECTORY, mode=0o755)),
        "setuid": pack(item(b"", DIRECTORY, mode=0o7777)),
        "owner": pack(item(b"", DIRECTORY, mode=0o755, user=HUGE, group=HUGE)),
        "time": pack(item(b"", DIRECTORY, mode=0o755, modified=HUGE)),
    }
    for name, entry in tops.items():

        def with_top(forger: Forger, _out: bytes, entry: bytes = entry) -> None:
            forger.commit([source(b"/a", forger.tree(forger.file(b"new")), 0, entry)])

        yield Case(f"top-{name}", with_top, harmless=name in ("file", "name", "setuid"))
    yield Case("no-source", lambda forger, _out: _sourceless(forger), harmless=True)
    yield Case("source-kind", lambda forger, _out: _nothing(forger.commit([source(b"/a", forger.tree(), 9)])))
    yield Case("source-id", lambda forger, _out: _nothing(forger.commit([source(b"/a", b"short")])))


def _nothing(_made: object) -> None:
    """The case needs no result."""


def _sourceless(forger: Forger) -> None:
    forger.commit([])


def _hard_links() -> Iterator[Case]:
    firsts: dict[str, Callable[[bytes], bytes]] = {
        "above": lambda _out: b"../beside/file",
        "absolute": lambda out: out + b"/file",
        "through-link": lambda _out: b"link/file",
        "link": lambda _out: b"link",
        "directory": lambda _out: b"folder",
        "itself": lambda _out: b"z",
        "nowhere": lambda _out: b"nowhere",
        "nul": lambda _out: b"a\0",
        "empty-part": lambda _out: b"folder//x",
        "long": lambda _out: b"x/" * 4000 + b"x",
    }
    for name, first in firsts.items():
        for content in (True, False):

            def build(forger: Forger, out: bytes, first: object = first, content: bool = content) -> None:
                assert callable(first)
                other = first(out)
                z = forger.file(b"z", h=other) if content else item(b"z", size=4, h=other)
                _commit(forger, forger.tree(forger.folder(b"folder", forger.file(b"x")), link(b"link", out), z))

            harmless = content or name == "link"
            yield Case(f"hard-link-{name}-{'content' if content else 'nothing'}", build, harmless=harmless)
    yield Case(
        "hard-links-in-a-circle",
        made(lambda forger, _out: forger.file(b"a", h=b"b"), lambda forger, _out: forger.file(b"b", h=b"a")),
        harmless=True,
    )


def _contents() -> Iterator[Case]:
    """What files say that they consist of."""

    def content(make: Callable[[Forger], object], size: int) -> Build:
        return lambda forger, _out: _commit(forger, forger.tree(item(b"a", content=make(forger), size=size)))

    def of(forger: Forger, data: bytes = b"evil") -> bytes:
        return forger.chunk(Use.CONTENT, data)

    cases: dict[str, tuple[Callable[[Forger], object], int]] = {
        "shorter": (of, 3),
        "longer": (of, 5),
        "much-longer": (of, 1 << 62),
        "size-64-bits": (of, HUGE),
        "missing": (lambda _forger: b"\1" * 20, 4),
        "half-an-id": (lambda forger: of(forger)[:10], 4),
        "id-and-a-half": (lambda forger: of(forger) + b"x", 4),
        "nothing": (lambda _forger: b"", 4),
        "a-tree": (lambda forger: forger.tree(), 4),
        "many-times": (lambda forger: of(forger, bytes(MIB)) * 40_000, 10),
        "many-times-as-said": (lambda forger: [of(forger, b"x" * MIB) * 3, 1 << 20, of(forger)], 4 * MIB + 5),
        "list-of-list": (lambda forger: [0, forger.chunk(Use.LIST, pack([0, b"\1" * 20]))], 4),
        "list-of-rubbish": (lambda forger: [0, forger.chunk(Use.LIST, b"\xc1")], 4),
        "list-nested": (lambda forger: [0, forger.chunk(Use.LIST, b"\x91" * 100_000)], 4),
        "list-of-half": (lambda forger: [0, b"\1" * 30], 4),
        "list-missing": (lambda _forger: [0, b"\1" * 20], 4),
        "list-longer": (lambda _forger: [0, b"", 1], 4),
        "hole-negative": (lambda forger: [of(forger), -4], 0),
        "hole-of-nothing": (lambda _forger: [1, 0], 1),
        "hole-too-large": (lambda forger: [HUGE, of(forger)], 4),
        "holes-too-large": (lambda forger: [1 << 62, 1 << 62, of(forger)], (1 << 63) - 1),
        "hole-then-more": (lambda forger: [(1 << 63) - 1, of(forger)], (1 << 63) - 1),
    }
    for name, (make, size) in cases.items():
        yield Case(f"content-{name}", content(make, size))
    yield Case("content-eight-eib", content(lambda _forger: [(1 << 63) - 1], (1 << 63) - 1), harmless=True)
    yield Case("content-sparse", content(lambda _forger: [1 << 40], 1 << 40), harmless=True)
    directories: dict[str, object] = {"list": [1, 2], "short": b"\1" * 19, "long": b"\1" * 40, "missing": b"\1" * 20}
    for name, wrong in directories.items():
        yield Case(f"directory-{name}", top(item(b"a", DIRECTORY, mode=0o755, content=wrong)))
    yield Case("directory-unread", top(item(b"a", DIRECTORY, mode=0o755)), harmless=True)
    yield Case(
        "directory-of-content",
        made(lambda forger, _out: item(b"a", DIRECTORY, mode=0o755, content=of(forger, b"no tree"))),
    )


def _attributes() -> Iterator[Case]:
    file = {
        "setuid": {"mode": 0o6755},
        "setuid-of-another": {"mode": 0o6755, "user": 12345, "group": 12345},
        "no-mode": {"mode": 0},
        "capability": {"x": [[b"security.capability", b"\1\0\0\2" + b"\xff" * 16]]},
        "early": {"modified": -(1 << 63)},
    }
    for name, fields in file.items():
        of_file = made(lambda forger, _out, fields=fields: forger.file(b"a", **fields))  # type: ignore[misc]
        yield Case(f"file-{name}", of_file, harmless=name != "early")
    refused: dict[str, dict[str, object]] = {
        "mode": {"mode": 1 << 16},
        "negative-mode": {"mode": -1},
        "owner": {"user": HUGE, "group": HUGE},
        "no-id": {"user": 0xFFFFFFFF, "group": 0xFFFFFFFF},
        "negative-owner": {"user": -1},
        "late": {"modified": HUGE},
        "attribute-nul": {"x": [[b"user.a\0b", b"v"]]},
        "attribute-empty": {"x": [[b"", b"v"]]},
        "attribute-long": {"x": [[b"user." + b"x" * 1000, b"v"]]},
        "attribute-large": {"x": [[b"user.a", bytes(MIB)]]},
        "attribute-acl": {"x": [[b"system.posix_acl_access", b"rubbish"]]},
        "attribute-shape": {"x": [b"user.a"]},
        "attributes-many": {"x": [[b"user.%d" % number, b"v" * 60_000] for number in range(200)]},
    }
    for name, fields in refused.items():
        yield Case(f"file-{name}", made(lambda forger, _out, fields=fields: forger.file(b"a", **fields)))  # type: ignore[misc]
    for name, number in {"memory": [1, 1], "disk": [8, 0], "huge": [HUGE, HUGE], "negative": [-1, 0]}.items():
        for kind in (CHARACTERS, BLOCKS):
            yield Case(f"device-{name}-{kind}", top(item(b"a", kind, d=number)), harmless=name in ("memory", "disk"))
    yield Case("device-of-nothing", top(item(b"a", CHARACTERS)), harmless=True)
    yield Case("link-to-nothing", top(item(b"a", LINK)))
    yield Case("link-nul", top(link(b"a", b"x\0y")))
    yield Case("link-long", top(link(b"a", b"x" * 100_000)))
    yield Case("link-above", top(link(b"a", b"../../../etc/passwd")), harmless=True)
    for name, types in {"none": 0, "socket": 7, "negative": -1, "format": stat.S_IFREG}.items():
        yield Case(f"type-{name}", top(item(b"a", types)))
    owners = {
        "nul": [{0: "a\0b"}, {0: "\0"}],
        "long": [{0: "x" * 100_000}, {}],
        "huge": [{HUGE: "root"}, {HUGE: "root"}],
        "rubbish": [{"a": 1}, 5],
    }
    for name, maps in owners.items():

        def build(forger: Forger, _out: bytes, maps: object = maps) -> None:
            forger.commit([source(b"/a", forger.tree(forger.file(b"new")))], owners=maps)

        yield Case(f"owners-{name}", build, harmless=name != "rubbish")


def _trees() -> Iterator[Case]:
    """Trees that are none, and trees without end."""
    raw: dict[str, bytes] = {
        "empty": b"",
        "rubbish": b"\xc1",
        "nested": b"\x91" * 100_000,
        "number": pack(1),
        "unknown-form": pack([3, []]),
        "no-entries": pack([1]),
        "entries-number": pack([1, 5]),
        "entry-number": pack([1, [5]]),
        "entry-short": pack([1, [[b"a"]]]),
        "array-claims-much": b"\x92\x01\xdd\xff\xff\xff\xff",
        "bytes-claim-much": b"\x92\x01\x91\x99\xc6\xff\xff\xff\xff",
        "out-of-order": pack([1, [item(b"b"), item(b"a")]]),
        "too-few-parts": pack([2, 0, [b""] * 15]),
        "too-many-parts": pack([2, 0, [b""] * 17]),
        "odd-parts": pack([2, 0, [b"\1"] * 16]),
        "missing-parts": pack([2, 0, [bytes([number]) * 20 for number in range(1, 17)]]),
        "wrong-depth": pack([2, 5, [b"\1" * 20, *[b""] * 15]]),
        "deep-number": pack([2, HUGE, [b""] * 16]),
    }
    for name, data in raw.items():
        yield Case(
            f"tree-{name}",
            lambda forger, _out, data=data: _commit(forger, forger.chunk(Use.TREE, data)),  # type: ignore[misc]
        )
    yield Case("parts-alike", lambda forger, _out: _commit(forger, _alike(forger)))
    yield Case("parts-without-end", lambda forger, _out: _commit(forger, _endless_parts(forger)))
    yield Case("deep", lambda forger, _out: _commit(forger, _deep(forger, 3000)))
    yield Case("deep-long-names", lambda forger, _out: _commit(forger, _deep(forger, 150, b"x" * 250)), harmless=True)
    yield Case(
        "without-end",
        lambda forger, _out: _commit(forger, _endless(forger)),
        words=("--restore-max-entries", "2000"),
    )
    yield Case(
        "many-entries",
        lambda forger, _out: _commit(forger, forger.tree(*(item(b"%06d" % number) for number in range(4000)))),
        words=("--restore-max-entries", "3999"),
    )


def _alike(forger: Forger) -> bytes:
    """A directory of which every part is the same."""
    return forger.divided(0, [forger.tree(forger.file(b"a"))] * 16)


def _endless_parts(forger: Forger) -> bytes:
    """Sixteen parts, each of which has the same sixteen in another order, and so on: 16 to the power of 20."""
    level = [forger.tree(item(b"%02d" % number)) for number in range(16)]
    for depth in range(20, 0, -1):
        level = [forger.divided(depth, level[turn:] + level[:turn]) for turn in range(16)]
    return forger.divided(0, level)


def _endless(forger: Forger) -> bytes:
    """Two directories in each, and the same two: 2 to the power of 60."""
    tree = forger.tree()
    for _ in range(60):
        tree = forger.tree(*(item(name, DIRECTORY, mode=0o755, content=tree) for name in (b"a", b"b")))
    return tree


def _deep(forger: Forger, depth: int, name: bytes = b"d") -> bytes:
    tree = forger.tree(forger.file(b"bottom"))
    for _ in range(depth):
        tree = forger.tree(item(name, DIRECTORY, mode=0o755, content=tree))
    return tree


def _roots() -> Iterator[Case]:
    """Roots that are not what they should be."""
    fields: dict[str, dict[str, object]] = {
        "another-attempt": {"attempt": "0" * 26},
        "needs-above": {"needs": ["../../x", "packs/../../x", "", "packs/" + "0" * 26 + "-0"]},
        "needs-rubbish": {"needs": [1]},
        "parts-above": {"parts": ["../../x"]},
        "states-half": {"states": [b"\1" * 19]},
        "states-missing": {"states": [b"\1" * 20]},
        "started": {"started": -(1 << 63)},
        "options-nested": {"options": {"a": [[[[[[[[[[]]]]]]]]]]}},
        "sources-number": {"sources": 5},
    }
    for name, wrong in fields.items():

        def build(forger: Forger, _out: bytes, wrong: dict[str, object] = wrong) -> None:
            forger.commit([source(b"/a", forger.tree(forger.file(b"new")))], **wrong)

        harmless = name in ("needs-above", "parts-above", "states-missing", "started", "options-nested")
        yield Case(f"root-{name}", build, harmless=harmless)


FAMILIES = (_names, _twice, _sources, _hard_links, _contents, _attributes, _trees, _roots)


def corpus() -> list[Case]:
    return [case for family in FAMILIES for case in family()]
