"""Ids of chunks: what is stored once is found by them."""

from __future__ import annotations

from collections.abc import Callable

import blake3

from freezer.crypto import primitives
from freezer.crypto.contract import Buffer
from freezer.repository.documents import ID_SIZE

Identify = Callable[[Buffer], bytes]


def digest(data: Buffer) -> bytes:
    """H of the format page: 32 bytes of BLAKE3."""
    return blake3.blake3(data).digest()


class Ids:
    """How chunks of each use are named in the repositories of one group. Each of ``content``, ``tree``, ``list`` and
    ``state`` gives the :data:`~freezer.repository.documents.ID_SIZE` bytes of a plaintext's id; ``seed`` is the
    chunker's; ``name_hash`` says where an entry goes in a divided tree."""

    def __init__(self, identity: bytes) -> None:
        self.content = _identify(identity, b"content")
        self.tree = _identify(identity, b"tree")
        self.list = _identify(identity, b"list")
        self.state = _identify(identity, b"state")
        self.seed = int.from_bytes(primitives.expand(identity, b"freezer chunker")[:8], "big")
        names = primitives.expand(identity, b"freezer id tree")
        self.name_hash: Identify = lambda name: blake3.blake3(name, key=names).digest()


def _identify(identity: bytes, use: bytes) -> Identify:
    keyed = blake3.blake3(key=primitives.expand(identity, b"freezer id " + use))
    begin, size = keyed.copy, ID_SIZE  # a copy costs a third less than a new one, which counts for tiny chunks
    return lambda data: begin().update(data).digest(size)
