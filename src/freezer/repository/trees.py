"""Directories as chunks, and where the content of a file is (``docs/formats/repository.md``, section Trees).

The same directory always gives the same bytes, so what did not change is stored once and known by its id. Everything
that was read is checked here: whoever gets an :class:`Entry` need not ask whether its name is one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import msgspec

from freezer.errors import DamagedError
from freezer.repository.documents import ID_SIZE, decode
from freezer.repository.ids import Identify

MOST_ENTRIES = 4096
"""Entries of one chunk; a directory with more is divided."""

PARTS = 16  # of a divided directory
_DEEPEST = 64  # digits of a hash: a directory is divided no more often
_LONGEST = 4096  # bytes of a name: more than any system takes
_NO_NAMES = frozenset({b"", b".", b".."})

Content = bytes | list[bytes | int]
"""Where the content of a file is: ids of chunks, joined; or a list of such and of lengths of holes; or ``[0, ids]`` of
list chunks, whose plaintexts joined are the MessagePack of one of the former. Of a directory: the id of its tree."""

Load = Callable[[bytes], bytes]
Store = Callable[[bytes], bytes]


class Type(enum.IntEnum):
    """What an entry is."""

    FILE = 1
    DIRECTORY = 2
    LINK = 3
    FIFO = 4
    CHARACTER_DEVICE = 5
    BLOCK_DEVICE = 6


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """What few entries have. ``link``: target of a symbolic link; ``xattrs``: name and value, sorted; ``device``: major
    and minor; ``first``: path of the file's first name, if this is another; ``changed``: 1 if it changed while it was
    read."""

    link: bytes = msgspec.field(name="l", default=b"")
    xattrs: tuple[tuple[bytes, bytes], ...] = msgspec.field(name="x", default=())
    device: tuple[int, int] | None = msgspec.field(name="d", default=None)
    first: bytes = msgspec.field(name="h", default=b"")
    changed: int = msgspec.field(name="c", default=0)


NOTHING_MORE = More()


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One name in a directory. ``modified``: nanoseconds since 1970; ``content`` of a directory that was not read (a
    mount point, or one that failed) is empty."""

    name: bytes
    type: Annotated[int, msgspec.Meta(ge=1, le=6)]
    mode: Annotated[int, msgspec.Meta(ge=0, le=0o7777)]
    user: Annotated[int, msgspec.Meta(ge=0)]
    group: Annotated[int, msgspec.Meta(ge=0)]
    modified: int
    size: Annotated[int, msgspec.Meta(ge=0)] = 0
    content: Content = b""
    more: More | None = None

    @property
    def extra(self) -> More:
        """``more``, with nothing in it if there is none."""
        return self.more or NOTHING_MORE


class Leaf(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A directory, or a part of one, with its entries sorted by name."""

    entries: list[Entry]


class Divided(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """A directory, or a part of one, in :data:`PARTS` parts, of which some may be empty."""

    depth: int
    parts: list[bytes]


Node = Leaf | Divided

_encoder = msgspec.msgpack.Encoder()


def write(entries: Sequence[Entry], name_hash: Identify, store: Store) -> bytes:
    """Store a directory whose entries come sorted by name; the id of its tree."""
    if len(entries) <= MOST_ENTRIES:
        return store(_encoder.encode(Leaf(list(entries))))
    return _divide([(name_hash(entry.name), entry) for entry in entries], 0, store)


def _divide(entries: list[tuple[bytes, Entry]], depth: int, store: Store) -> bytes:
    if len(entries) <= MOST_ENTRIES:
        return store(_encoder.encode(Leaf([entry for _, entry in entries])))
    parts: list[list[tuple[bytes, Entry]]] = [[] for _ in range(PARTS)]
    for each in entries:
        parts[_digit(each[0], depth)].append(each)
    ids = [_divide(part, depth + 1, store) if part else b"" for part in parts]
    return store(_encoder.encode(Divided(depth, ids)))


def _digit(hashed: bytes, depth: int) -> int:
    byte = hashed[depth // 2]
    return byte & 15 if depth % 2 else byte >> 4


def parse(raw: bytes, what: str) -> Node:
    """The tree in a chunk; :class:`DamagedError`, naming ``what``, if it is none."""
    node: Node = decode(raw, Node, what)  # type: ignore[arg-type]  # a union is a type for msgspec
    if isinstance(node, Divided):
        if len(node.parts) != PARTS or {len(part) for part in node.parts} - {0, ID_SIZE}:
            raise DamagedError(f"{what} is not what it should be: it is divided into no {PARTS} parts")
        return node
    names = [entry.name for entry in node.entries]
    joined = b"\0".join(names)
    too_long = len(joined) > _LONGEST and max(map(len, names)) > _LONGEST
    impossible = b"/" in joined or joined.count(b"\0") >= max(len(names), 1) or not _NO_NAMES.isdisjoint(names)
    if too_long or impossible:
        raise DamagedError(f"{what} is not what it should be: it has an entry with an impossible name")
    if sorted(set(names)) != names:
        raise DamagedError(f"{what} is not what it should be: its entries are out of order")
    return node


def read(id: bytes, load: Load, path: bytes = b"") -> list[Entry]:
    """All entries of a directory, sorted by name; ``path`` is for messages. An empty id is an empty directory."""
    node = parse(load(id), describe(path)) if id else Leaf([])
    if isinstance(node, Leaf):
        return node.entries
    entries = [entry for leaf in _leaves(node, load, path, 0, set()) for entry in leaf.entries]
    entries.sort(key=lambda entry: entry.name)
    return entries


def _leaves(node: Node, load: Load, path: bytes, depth: int, seen: set[bytes]) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
        return
    check_parts(node, depth, seen, describe(path))
    for part in filter(None, node.parts):
        yield from _leaves(parse(load(part), describe(path)), load, path, depth + 1, seen)


def check_parts(node: Divided, depth: int, seen: set[bytes], what: str) -> None:
    """:class:`DamagedError`, naming ``what``, unless ``node`` divides the directory for the ``depth``-th time into
    parts that are not among those ``seen`` in it, and now are: parts that come again would have no end."""
    parts = [part for part in node.parts if part]
    if node.depth != depth or depth >= _DEEPEST:
        raise DamagedError(f"{what} is not what it should be: a part of it is in the wrong place")
    before = len(seen)
    seen.update(parts)
    if len(seen) != before + len(parts):
        raise DamagedError(f"{what} is not what it should be: a part of it comes twice")


def describe(path: bytes) -> str:
    """What messages call the tree of a directory."""
    return f"the tree of {path.decode('utf-8', 'backslashreplace') or 'the top directory'!r}"


def encode_entry(entry: Entry) -> bytes:
    """One entry on its own, as a source has for its top directory."""
    return _encoder.encode(entry)


def decode_entry(raw: bytes, what: str) -> Entry:
    return decode(raw, Entry, what)


def list_ids(content: Content) -> bytes:
    """The ids of the list chunks that stand for the content of a file; empty if it is there itself."""
    if isinstance(content, list) and content and content[0] == 0:
        if len(content) != 2 or not isinstance(content[1], bytes) or len(content[1]) % ID_SIZE:
            raise DamagedError("the content of a file is not what it should be")
        return content[1]
    return b""


def encode_content(content: Content) -> bytes:
    """What list chunks hold, joined."""
    return _encoder.encode(content)


def pieces(content: Content, load_list: Load) -> list[bytes | int]:
    """The content of a file in order: ids of chunks, joined, and lengths of holes. ``load_list`` gives list chunks."""
    lists = list_ids(content)
    if lists:
        raw = b"".join(load_list(id) for id in split(lists))
        content = decode(raw, Content, "a list of chunks")  # type: ignore[arg-type]
        if list_ids(content):
            raise DamagedError("a list of chunks is not what it should be: it is a list of lists")
    found: list[bytes | int] = [content] if isinstance(content, bytes) else content
    for piece in found:
        if (len(piece) % ID_SIZE) if isinstance(piece, bytes) else piece <= 0:
            raise DamagedError("the content of a file is not what it should be")
    return found


def split(ids: bytes) -> list[bytes]:
    """Joined ids, one by one; :class:`DamagedError` if there is half of one."""
    if len(ids) % ID_SIZE:
        raise DamagedError(f"{len(ids)} bytes are no ids of chunks")
    return [ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)]
