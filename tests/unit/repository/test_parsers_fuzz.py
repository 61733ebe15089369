"""Whatever the bytes of a repository are, parsers answer with what is in them or with one of our errors, soon, and
without taking much memory.

Here each parser is given what it gets after an object was authenticated: the worst that somebody can do who has a key.
Two thousand mutants of each by default; 375,000 with ``-m slow``, which makes ten millions in all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from random import Random

import msgspec
import pytest

from freezer.errors import DamagedError
from freezer.repository import config, documents, envelope, states, trees
from freezer.repository.config import Config, Decider
from freezer.repository.documents import (
    Attempt,
    Bundle,
    Certificate,
    Check,
    Codec,
    Condemned,
    Decision,
    Document,
    Drill,
    Epoch,
    Footer,
    Hold,
    IndexPart,
    MovedKey,
    Owners,
    PackKind,
    PackRecord,
    Process,
    Ring,
    Root,
    Signed,
    Source,
    State,
    Summary,
    Tomb,
    Verdict,
)
from freezer.repository.ids import Ids
from freezer.repository.index import Index
from freezer.repository.index.parts import check_part
from freezer.repository.keys import agents, slots
from freezer.repository.keys.ring import Access, Keys, check_ring
from freezer.repository.keys.slots import Cost, Purpose
from freezer.repository.local import LocalState
from freezer.repository.names import Kind, number_of, numbered, owner_of
from freezer.repository.packs import layout, wraps
from freezer.repository.states import Known
from freezer.repository.trees import Entry, More
from freezer.secret import Secret
from freezer.stream.zstandard import zstd
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage
from support.mutants import Make, bounded_memory, bytes_like, feed, messages_like, texts_like
from support.sweeps import Trials

ID = "0123456789abcdefghijklmnop"
PACK, META, INDEX = f"packs/{ID}-0", f"meta/{ID}-1", f"index/{ID}-2"
CHANCE = Random(5)
FEW, MANY = 2000, 375_000

random = CHANCE.randbytes
epoch = Epoch(1, random(32), random(32))
ring = Ring("owner", random(32), False, random(32), [epoch, Epoch(2, random(32), random(32))], random(32), random(32))
summary = Summary("h", "web", 1 << 60, 1 << 60, ["daily"], [b"/srv"], 3, 2, 999, 99, 0, True)


def bundles(chunks: int, first: int = layout.HEADER_SIZE) -> list[Bundle]:
    """Some that follow one another."""
    lengths = [[100 + number] * chunks for number in range(3)]
    sizes = [sum(each) for each in lengths]
    offsets = accumulate(sizes, initial=first)
    return [
        Bundle(random(16), offset, size, size, Codec.ZSTD, 0, number, random(16), each, random(20 * chunks))
        for number, (offset, size, each) in enumerate(zip(offsets, sizes, lengths, strict=False))
    ]


def record(name: str, kind: PackKind, keys: int) -> PackRecord:
    moved = [MovedKey(1, f"packs/{ID}-{number}", random(16), random(92)) for number in range(keys)]
    found = bundles(4)
    size = found[-1].offset + found[-1].sealed + 100
    return PackRecord(name, kind, size, random(32), 1, random(92), random(16), moved, found)


footers = [Footer([], bundles(3)), Footer([MovedKey(1, PACK, random(16), random(92))], bundles(1)), Footer([], [])]
ends = [layout.HEADER_SIZE + sum(bundle.sealed for bundle in footer.bundles) for footer in footers]
parts = [
    IndexPart([record(PACK, PackKind.DATA, 0), record(META, PackKind.META, 2)], bytes(20), b"\xff" * 20),
    IndexPart([], b"", b"", [INDEX]),
]
entries = [
    Entry(b"a", 1, 0o644, 0, 0, 1 << 60, 300, random(40)),
    Entry(b"b", 1, 0o644, 0, 0, -1, 300, [random(20), 100, random(20)], More(changed=1)),
    Entry(b"c", 1, 0o644, 0, 0, 0, 300, [0, random(60)], More(first=b"a/b")),
    Entry(b"d", 2, 0o755, 0, 0, 0, 0, random(20)),
    Entry(b"e", 3, 0o777, 0, 0, 0, 0, b"", More(link=b"x", xattrs=((b"user.a", b"v"),))),
    Entry(b"f", 5, 0o644, 0, 0, 0, 0, b"", More(device=(1, 3))),
]
known = [Known(b"", random(20), random(16), random(16), random(16)), Known(b"a/b", random(20), b"", b"", b"")]

DOCUMENTS: dict[str, Document] = {
    "ring": ring,
    "certificate": Certificate(ID, random(32), ["h", "*"], "owner", 1 << 60),
    "attempt": Attempt(ID, "h", "web", 1 << 60, "run", Process("boot", 77, 5), [ID]),
    "root": Root(
        ID,
        "h",
        "web",
        1 << 60,
        [Source(b"/srv", random(20), top=trees.encode_entry(entries[3])), Source(b"/x", b"")],
        [PACK, META],
        [INDEX],
        [random(20)],
        Owners({0: "root"}, {0: "root"}),
        {"a": [1, {"b": b"c"}]},
    ),
    "decision": Decision(Verdict.COMMIT, ID, 1 << 60, random(32), b"commits/x" + random(32), 7, summary),
    "abort": Decision(Verdict.ABORT, ID, 1 << 60, reason="given up"),
    "condemned": Condemned([PACK, META]),
    "tomb": Tomb(ID, 1 << 60, "a rule"),
    "hold": Hold(ID, 0, "court"),
    "check": Check(1, 2, [(PACK, State.INTACT), (META, State.DAMAGED)], True, [ID]),
    "drill": Drill(ID, 1, 2, 3, 4, True, "probe", "note", True),
    "signed": Signed(random(100), ID, random(64)),
}


def document(kind: type[Document], data: bytes) -> None:
    documents.decode(data, kind, "it")


def opened_ring(data: bytes) -> None:
    """As who opens a repository looks at it, and then writes."""
    found = documents.decode(data, Ring, "it")
    check_ring(found, "it")
    keys = Keys.of(bytes(16), found, Access(ID, ID, Secret(bytes(32))))
    envelope.seal(keys.newest.metadata, keys.repository, Kind.TOMB, "x", DOCUMENTS["tomb"], epoch=keys.newest.number)
    Ids(found.identity)


def certificate(data: bytes) -> None:
    found = documents.decode(data, Certificate, "it")
    signed = Signed(b"x", found.agent, bytes(64))
    with pytest.raises(DamagedError):
        agents.check_signature(found, bytes(16), Kind.TOMB, "x", signed)


def footer(data: bytes) -> None:
    """As it is after it was unsealed; and then in an index."""
    for name, kind in ((PACK, PackKind.DATA), (META, PackKind.META)):
        for end in ends:
            try:
                found = layout.read_footer(data, name, end)
            except DamagedError:
                continue
            used(PackRecord(name, kind, end, b"", 1, bytes(92), bytes(16), found.keys, found.bundles))


def part(data: bytes) -> None:
    for each in check_part(documents.decode(data, IndexPart, "it"), "it").packs:
        used(each)


def used(record: PackRecord) -> None:
    """What an index does with what it was told."""
    index = Index()
    index.add(record)
    for pack in index.packs.values():
        ids = index.ids(pack.copies)
        assert len(index.many(ids)) == len(pack.copies)
        for number in pack.copies:
            place = index.place(number)
            assert 0 <= place.offset <= place.offset + place.length <= place.entry.plain
        assert index.record(pack.name).bundles == record.bundles
        for moved in record.keys:
            with pytest.raises(DamagedError):
                wraps.unwrap(moved.wrap, epoch, bytes(16), moved.pack, moved.head, wraps.Purpose.CONTENT)


def tree(data: bytes) -> None:
    """As whoever walks trees uses it."""
    node = trees.parse(data, "it")
    if isinstance(node, trees.Divided):
        trees.check_parts(node, node.depth, set(), "it")
        return
    for entry in node.entries:
        content(entry.content)


def content(found: trees.Content) -> None:
    trees.split(trees.list_ids(found))
    for piece in trees.pieces(found, lambda _id: trees.encode_content([bytes(20), 5])):
        assert piece > 0 if isinstance(piece, int) else trees.split(piece) is not None


def list_chunk(data: bytes) -> None:
    trees.pieces([0, bytes(20)], lambda _id: data)


def state(data: bytes) -> None:
    from freezer.engine.dedup.backup.earlier import unpacked

    for each in states.parse(data):
        states.group_of(each.path, 4)
        unpacked(each.ctimes)
        unpacked(each.inodes)


def slot(data: bytes) -> None:
    """As far as it costs nothing."""
    found = slots.parse(data, "it")
    if found.derivation.name != "argon2id":
        slots.open_(found, Secret(bytes(32)), repository=bytes(16), name="keys/x")


def header(data: bytes) -> None:
    found = layout.read_header(data, PACK)
    with pytest.raises(DamagedError):
        wraps.unwrap(found.footer, epoch, bytes(16), PACK, found.head, wraps.Purpose.FOOTER)


def names(data: bytes) -> None:
    name = data.decode("latin-1")
    assert numbered(owner_of(name), number_of(name)) == name.rpartition("/")[2]


def remembered(name: str, data: bytes) -> None:
    storage = MemoryStorage(FakeClock())
    storage.put(name, data)
    state = LocalState(storage, lambda _line: None)
    state.heads()
    state.remember({})


def purpose(name: str) -> Purpose:
    return Purpose(bytes(16), name, "owner", ID, "laptop", "2026-11-21T21:00:00Z")


SLOTS = [
    slots.write(slots.for_machine(Secret(bytes(32)), bytes(32), purpose("keys/a"))),
    slots.write(slots.in_clear(bytes(32), purpose("keys/b"))),
    slots.write(slots.for_passphrase(Secret(b"x"), bytes(32), purpose("keys/c"), Cost(64, 1, 1))),
]
CONFIG = config.write(Config(bytes(16).hex(), bytes(16).hex(), Decider.CREATE_ONCE, "2026-11-21T21:00:00Z"))
FRAMES = [zstd.compress(plain) for plain in (b"", b"x" * 5000, random(300), documents.encode(ring))]
HEADERS = [layout.write_header(layout.head(PackKind.DATA, 1), random(92), random(92))]
HEADS = b'{"0123456789abcdefghijklmnop": {"name": "commits/x", "counter": 5, "digest": "00ff"}}'
encoded = {name: documents.encode(each) for name, each in DOCUMENTS.items()}

PARSERS: dict[str, tuple[Callable[[bytes], object], Make]] = {
    **{
        name: (partial(document, type(each)), messages_like([encoded[name]]))
        for name, each in DOCUMENTS.items()
        if name not in ("ring", "certificate")
    },
    "ring": (opened_ring, messages_like([encoded["ring"]])),
    "certificate": (certificate, messages_like([encoded["certificate"]])),
    "config": (lambda data: config.parse(data, "it"), texts_like([CONFIG])),
    "slot": (slot, texts_like(SLOTS)),
    "index part": (part, messages_like([documents.encode(each) for each in parts])),
    "footer": (
        lambda data: footer(zstd.compress(data, 1)),
        messages_like([documents.encode(each) for each in footers]),
    ),
    "footer frame": (footer, bytes_like([layout.write_footer(each) for each in footers])),
    "header": (header, bytes_like(HEADERS)),
    "trailer": (lambda data: layout.read_trailer(data, PACK, 5000), bytes_like([layout.write_trailer(300)])),
    "tree": (
        tree,
        messages_like(
            [
                msgspec.msgpack.encode(trees.Leaf(entries)),
                msgspec.msgpack.encode(trees.Divided(0, [random(20), *[b""] * 14, random(20)])),
            ]
        ),
    ),
    "entry": (
        lambda data: content(trees.decode_entry(data, "it").content),
        messages_like([trees.encode_entry(each) for each in entries]),
    ),
    "list": (
        list_chunk,
        messages_like([trees.encode_content([random(20), 5, random(40)]), trees.encode_content(random(60))]),
    ),
    "state": (state, messages_like([states.write(known)])),
    "frame": (lambda data: envelope.expand(data, 1 << 20, "it"), bytes_like(FRAMES)),
    "envelope": (
        lambda data: envelope.open_(bytes(32), bytes(16), Kind.TOMB, "tombs/x", data, Tomb),
        bytes_like([envelope.seal(bytes(32), bytes(16), Kind.TOMB, "tombs/x", DOCUMENTS["tomb"], epoch=1)]),
    ),
    "name": (names, bytes_like([PACK.encode(), META.encode(), INDEX.encode(), b"gc/" + ID.encode()])),
    "heads": (partial(remembered, "heads.json"), texts_like([HEADS])),
}


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with bounded_memory():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_answers_whatever_it_is_given(
    name: str, trials: Trials, chance: Random, counted: Counter[str]
) -> None:
    parse, make = PARSERS[name]
    count = trials(FEW, MANY)
    counted["mutants"] = count
    counted["taken"], slowest = feed(parse, make, chance, count)
    counted["slowest, microseconds"] = round(slowest * 1e6)


@pytest.mark.parametrize("name", PARSERS)
def test_what_the_mutants_are_made_of_is_understood(name: str) -> None:
    """Otherwise they would all be refused for one and the same reason."""
    parse, make = PARSERS[name]
    chance = Random(3)
    made = [make(chance) for _ in range(400)]
    taken = 0
    for data in made:
        try:
            parse(data)
        except Exception:
            continue
        taken += 1
    rigid = {"header", "envelope"}  # whose every bit counts
    assert taken > 0 or name in rigid
    assert len(set(made)) > 50


def test_a_frame_that_is_followed_by_another_is_none() -> None:
    """Or a short claim would be followed by as much as anybody likes."""
    bomb = zstd.compress(b"x" * 10) + zeros(1 << 29)
    with pytest.raises(DamagedError):
        envelope.expand(bomb, 1 << 20, "it")


def test_a_frame_that_claims_too_much_is_not_expanded() -> None:
    with pytest.raises(DamagedError, match="claims a content of 536870912 bytes"):
        envelope.expand(zeros(1 << 29), 1 << 20, "it")


def zeros(size: int) -> bytes:
    """A frame of so many zero bytes."""
    packer = zstd.ZstdCompressor()
    packer.set_pledged_input_size(size)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)), packer.flush()])


def test_a_content_bundle_that_claims_too_much_is_not_believed() -> None:
    [one, *_] = bundles(1)
    large = msgspec.structs.replace(one, plain=1 << 27, lengths=[1 << 27])
    with pytest.raises(DamagedError):
        layout.check_bundle(large, PackKind.DATA, 0, "it")
    layout.check_bundle(large, PackKind.META, 0, "it")


@pytest.mark.parametrize("change", [{"wrap": b""}, {"head": b"1"}, {"keys": [MovedKey(1, PACK, b"short", random(92))]}])
def test_what_is_shorter_than_it_can_be_is_refused_before_anybody_looks_into_it(change: dict[str, object]) -> None:
    short = msgspec.structs.replace(record(PACK, PackKind.DATA, 1), **change)
    with pytest.raises(DamagedError):
        documents.decode(documents.encode(IndexPart([short], b"", b"")), IndexPart, "it")


@pytest.mark.parametrize("parse", [lambda raw: config.parse(raw, "it"), lambda raw: slots.parse(raw, "it")])
@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b'{"format": "x", "a": ' + b"[" * 100_000])
def test_json_within_json_without_end_is_one_line(parse: Callable[[bytes], object], raw: bytes) -> None:
    with pytest.raises((DamagedError,)):
        parse(raw)
