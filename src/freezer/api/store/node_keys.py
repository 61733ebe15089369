"""Keys of nodes: each lets one machine act for one client, and is known here by its hash alone."""

from __future__ import annotations

from typing import Protocol

import msgspec


class NodeKey(msgspec.Struct, frozen=True, kw_only=True):
    """``client``: uuid of the client, ``hash``: SHA-256 of the secret in hexadecimal, ``made_by``: a user's id."""

    id: str
    client: str
    project_id: str
    hash: str
    made_at: int
    made_by: str


class NodeKeys(Protocol):
    """A client has one key or none."""

    def get(self, id: str) -> NodeKey | None:
        """The key of that id."""
        ...

    def of(self, client: str) -> NodeKey | None:
        """The key of a client."""
        ...

    def bound(self, clients: frozenset[str]) -> frozenset[str]:
        """Those of ``clients`` that have a key."""
        ...

    def put(self, key: NodeKey) -> None:
        """Give a client this key instead of any other."""
        ...

    def drop(self, client: str) -> bool:
        """Take its key from a client; whether it had one."""
        ...
