"""What the objects of a repository hold: the typed documents of version 1, MessagePack arrays with fixed places.

Fields are only ever added at the end, with a default. Ids of chunks are :data:`ID_SIZE` bytes; times are nanoseconds
since 1970. Names of packs and index parts are relative to ``freezer-dedup/`` (``packs/…``, ``meta/…``, ``index/…``).
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, TypeVar

import msgspec

from freezer.decoding import msgpack_decoder
from freezer.errors import DamagedError

ID_SIZE = 20  # bytes of a chunk id
BUNDLE_ID_SIZE = 16
DIGEST_SIZE = 16  # bytes of the digest of a sealed bundle
HEAD_SIZE = 16  # bytes of a pack that everything in it is bound to
WRAP_SIZE = 92  # bytes of a wrapped key
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding ends with that was given something else than it expected."""

T = TypeVar("T")

Raw = bytes
"""Bytes, for documents that have a field of that name: its type would be taken for the field."""

_Id = Annotated[bytes, msgspec.Meta(min_length=ID_SIZE, max_length=ID_SIZE)]
_Head = Annotated[bytes, msgspec.Meta(min_length=HEAD_SIZE, max_length=HEAD_SIZE)]
_Wrap = Annotated[bytes, msgspec.Meta(min_length=WRAP_SIZE, max_length=WRAP_SIZE)]
_EpochNumber = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class Document(msgspec.Struct, array_like=True, frozen=True):
    """What all documents have in common: places instead of names."""


class PackKind(enum.IntEnum):
    """What a pack holds: content of files, or trees, lists and states."""

    DATA = 1
    META = 2


class Epoch(Document, frozen=True):
    """One generation of sealing keys; empty bytes for keys that the role lacks."""

    number: _EpochNumber
    data: bytes
    metadata: bytes
    data_public: bytes = b""
    metadata_public: bytes = b""


class Ring(Document, frozen=True):
    """The secrets of a role. ``config``: H of the bytes of the config; ``open``: whether public slots are
    legitimate."""

    role: str
    config: bytes
    open: bool
    identity: bytes
    epochs: list[Epoch]
    authority: bytes
    authority_seed: bytes = b""


class Certificate(Document, frozen=True):
    """Whose signatures count, and for which host names."""

    agent: str
    public_key: bytes
    hosts: list[str]
    role: str
    created: int


class Process(Document, frozen=True):
    """A process of one machine: it lives if boot id, pid and start time (clock ticks since boot) all agree."""

    boot: str
    pid: int
    started: int


class Attempt(Document, frozen=True):
    """The announcement of a try. ``adopts``: earlier attempts of the same agent and backup name, taken over."""

    agent: str
    host: str
    backup_name: str
    started: int
    run: str = ""
    process: Process | None = None
    adopts: list[str] = []


class SourceKind(enum.IntEnum):
    """What a source of a backup was: a directory with its content, one entry of a directory, a stream of bytes."""

    TREE = 0
    ENTRY = 1
    STREAM = 2


class Source(Document, frozen=True):
    """Where something came from, and the tree that holds it. ``top``: of a directory, its own entry encoded, with an
    empty name and empty content."""

    path: bytes
    tree: bytes
    kind: SourceKind = SourceKind.TREE
    top: bytes = b""

    def __post_init__(self) -> None:
        if len(self.tree) not in (0, ID_SIZE):
            raise ValueError(f"{len(self.tree)} bytes are no id of a tree")


class Owners(Document, frozen=True):
    """Names of users and groups by number, as they were on the machine that was backed up."""

    users: dict[int, str]
    groups: dict[int, str]


class Root(Document, frozen=True):
    """Where a backup begins. ``needs``: all packs that it relies on, perhaps more; ``parts``: its own index parts;
    ``states``: ids of the state chunks; ``options``: what a later run must know to do the same."""

    attempt: str
    host: str
    backup_name: str
    started: int
    sources: list[Source]
    needs: list[str]
    parts: list[str]
    states: list[_Id]
    owners: Owners
    options: dict[str, Any] = {}


class Verdict(enum.IntEnum):
    """How an attempt ended."""

    COMMIT = 1
    ABORT = 2


class Summary(Document, frozen=True):
    """What a list shows of a backup: at most 2 KiB."""

    host: str
    backup_name: str
    started: int
    ended: int
    tags: list[str]
    paths: list[Raw]
    files: int
    directories: int
    bytes: int
    stored_bytes: int
    failures: int
    complete: bool
    mode: str = "fs"
    run: str = ""
    version: str = ""


class Decision(Document, frozen=True):
    """Commit or abort. ``root``: H of the root object's bytes; ``previous``: name ‖ H(bytes) of the same agent's
    commit before this, empty for its first; ``counter``: how many commits it had made before."""

    verdict: Verdict
    attempt: str
    time: int
    root: bytes = b""
    previous: bytes = b""
    counter: int = 0
    summary: Summary | None = None
    reason: str = ""


class Condemned(Document, frozen=True):
    """Packs that are never used again; ``previous``: the list that the same collector put before, or empty."""

    packs: list[str]
    previous: str = ""


class Tomb(Document, frozen=True):
    """A backup is forgotten."""

    attempt: str
    time: int
    reason: str = ""


class Hold(Document, frozen=True):
    """A backup must be kept: until a time, for ever (0), or no longer (``released``)."""

    attempt: str
    until: int
    label: str
    released: bool = False


class State(enum.IntEnum):
    """What a check found of a pack."""

    INTACT = 0
    DAMAGED = 1
    MISSING = 2


class Check(Document, frozen=True):
    """Which packs were read from the first to the last byte, with what result; ``complete``: all there were.
    ``backups``: attempts of which every byte has been read by then, and was intact; ``damaged``: those of which
    something is in no intact pack."""

    started: int
    ended: int
    packs: list[tuple[str, State]]
    complete: bool
    backups: list[str] = []
    damaged: list[str] = []


class Drill(Document, frozen=True):
    """A proof that a backup could be restored. ``verdict`` is True if every item came back as recorded and the probe,
    if there was one, was content; ``whole``: that was the whole backup."""

    attempt: str
    started: int
    ended: int
    items: int
    bytes: int
    verdict: bool
    probe: str = ""
    note: str = ""
    whole: bool = False


class MovedKey(Document, frozen=True):
    """The content key of another pack, for bundles that came from there: its epoch, that pack's name, its first 16
    bytes, the wrap."""

    epoch: int
    pack: str
    head: _Head
    wrap: _Wrap


class Codec(enum.IntEnum):
    """How the body of a bundle stands for its plaintext."""

    PLAIN = 0
    ZSTD = 1


class Bundle(Document, frozen=True):
    """Where a bundle is and what is in it. ``key``: 0 the pack's own, k the (k-1)-th of its moved keys; ``number``:
    the nonce;
    ``digest``: of the sealed bytes; ``lengths`` and ``ids`` (joined): its chunks in their order."""

    id: bytes
    offset: int
    sealed: int
    plain: int
    codec: Codec
    key: int
    number: int
    digest: bytes
    lengths: list[int]
    ids: bytes


class Footer(Document, frozen=True):
    """What a pack says of itself."""

    keys: list[MovedKey]
    bundles: list[Bundle]


class PackRecord(Document, frozen=True):
    """What an index part says of a pack: enough to read any bundle of it with one request. ``digest``: H of all its
    bytes; ``wrap`` and
    ``head``: the wrapped content key and the pack's first 16 bytes."""

    name: str
    kind: PackKind
    size: int
    digest: bytes
    epoch: int
    wrap: _Wrap
    head: _Head
    keys: list[MovedKey]
    bundles: list[Bundle]


class IndexPart(Document, frozen=True):
    """Where chunks are. ``first`` and ``last``: the least and the greatest id in it; ``replaces``: parts that it
    contains."""

    packs: list[PackRecord]
    first: bytes
    last: bytes
    replaces: list[str] = []


class Signed(Document, frozen=True):
    """A document's bytes with the signature of an agent (of the authority, if ``agent`` is empty)."""

    document: bytes
    agent: Annotated[str, msgspec.Meta(max_length=26)]
    signature: bytes


def encode(document: Document) -> bytes:
    return msgspec.msgpack.encode(document)


def decode(data: bytes | memoryview, kind: type[T], what: str) -> T:
    """The document in ``data``; :class:`DamagedError`, naming ``what``, if that is none."""
    try:
        return msgpack_decoder(kind).decode(data)
    except UNDECODABLE as error:
        raise DamagedError(f"{what} is not what it should be: {error}") from None
