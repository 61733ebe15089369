"""A writer that has a key of a repository and means harm: what it stores is sealed and signed as it must be, and says
whatever it wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from freezer.clock import SystemClock
from freezer.crypto.primitives import TAG_SIZE
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.documents import Codec, Decision, Summary, Verdict
from freezer.repository.ids import digest
from freezer.repository.index import Index
from freezer.repository.index.parts import part_of
from freezer.repository.keys.agents import Agent
from freezer.repository.names import PREFIX, Folder, Kind, new_id, numbered
from freezer.repository.packs.filling import Contents, NewPack
from freezer.repository.packs.use import Use, folder, identifiers
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol.deciding import decider_of
from freezer.secret import Secret
from freezer.storage.local import LocalStorage

FILE, DIRECTORY, LINK, FIFO, CHARACTERS, BLOCKS = range(1, 7)

Item = list[object]
"""An entry of a tree as the format has it."""

pack = msgspec.msgpack.encode


def item(name: bytes, type: int = FILE, *, mode: int = 0o644, content: object = b"", **more: object) -> Item:
    """``size``, ``user``, ``group`` and ``modified`` have their places; the rest of ``more`` stands in the map."""
    numbers = [more.pop(key, default) for key, default in (("user", 0), ("group", 0), ("modified", 0), ("size", 0))]
    found: Item = [name, type, mode, *numbers, content]
    return [*found, more] if more else found


def link(name: bytes, target: bytes) -> Item:
    return item(name, LINK, mode=0o777, l=target)


def source(path: bytes, tree: bytes, kind: int = 0, top: bytes = b"") -> list[object]:
    return [path, tree, kind, top]


class Forger:
    """Makes one backup of the host ``h`` with the name ``web``."""

    def __init__(self, container: Path, secret: bytes) -> None:
        clock = SystemClock()
        storage = LocalStorage(str(container), clock=clock)
        storage.prepare()
        self.repository = founding.open_(storage, clock, Opener(Secret(secret), machine=True), print)
        self.repository.agent = Agent.new(new_id(clock))
        self.repository.admit(self.repository.agent, ["*"])
        self.attempt = new_id(clock)
        self._writer = ChunkWriter(self.repository, self.attempt, Index())
        self._numbers = iter(range(1000, 2000))

    def chunk(self, use: Use, data: bytes) -> bytes:
        return self._writer.store(use, data)

    def tree(self, *items: Item) -> bytes:
        """A directory with these items, in this order."""
        return self.chunk(Use.TREE, pack([1, list(items)]))

    def divided(self, depth: int, parts: Sequence[bytes]) -> bytes:
        return self.chunk(Use.TREE, pack([2, depth, [*parts, *[b""] * (16 - len(parts))]]))

    def file(self, name: bytes, data: bytes = b"evil", **more: object) -> Item:
        return item(name, content=self.chunk(Use.CONTENT, data), size=len(data), **more)

    def folder(self, name: bytes, *items: Item, mode: int = 0o755) -> Item:
        return item(name, DIRECTORY, mode=mode, content=self.tree(*items))

    def bundle(self, use: Use, body: bytes, claims: int, ids: bytes, lengths: list[int], codec: Codec) -> None:
        """A pack of one bundle with this body, which is said to be ``claims`` bytes of plaintext."""
        space = memoryview(bytearray(len(body) + (1 << 16)))
        name = folder(use.kind) + numbered(self.attempt, next(self._numbers))
        made = NewPack(self.repository.keys, use.kind, name, space)
        slot = made.reserve(len(body) + TAG_SIZE, len(lengths))
        made.add(made.seal(slot, body, codec, claims, Contents(ids, lengths)))
        made.closed = True
        data, record = made.finish()
        self.repository.storage.put(PREFIX + name, data)
        self.put(Kind.INDEX, Folder.INDEX + numbered(self.attempt, next(self._numbers)), part_of([record]))

    def identify(self, use: Use, data: bytes) -> bytes:
        return identifiers(self.repository.keys.ids)[use](data)

    def put(self, kind: Kind, name: str, document: object) -> bytes:
        """Any document, as any object, signed."""
        return self.repository.put(kind, name, document)  # type: ignore[arg-type]  # whatever it is

    def commit(self, sources: Sequence[object], /, **told: object) -> str:
        """The backup with these sources; ``told``: other fields of the root."""
        written = self._writer.finish()
        fields = {
            "attempt": self.attempt,
            "host": "h",
            "backup_name": "web",
            "started": 1_700_000_000_000_000_000,
            "sources": list(sources),
            "needs": sorted(written.needs),
            "parts": written.parts,
            "states": [],
            "owners": [{}, {}],
            "options": {},
        }
        raw = self.put(Kind.ROOT, Folder.ROOTS + self.attempt, list((fields | told).values()))
        self.decide(digest(raw))
        return self.attempt

    def decide(self, root: bytes, *, host: str = "h", name: str = "web", tags: Sequence[str] = ()) -> None:
        now = 1_700_000_000_000_000_000
        summary = Summary(host, name, now, now, list(tags), [b"/evil"], 1, 1, 4, 4, 0, True)
        decider_of(self.repository).commit(Decision(Verdict.COMMIT, self.attempt, now, root, summary=summary))
