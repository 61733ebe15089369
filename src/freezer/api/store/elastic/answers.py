"""Answers that are kept under idempotency keys."""

from __future__ import annotations

import msgspec

from freezer.api.store.contract import Remembered
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read

_TYPE = "answer"
_AT_ONCE = 5000


def remembered(buffer: Buffer, identity: str, route: str, key: str) -> Remembered | None:
    """The answer that is kept."""
    found = buffer.get(_TYPE, _key(identity, route, key))
    return None if found is None else read(found, Remembered)


def remember(buffer: Buffer, identity: str, route: str, key: str, answer: Remembered, now: int) -> None:
    """Keep an answer; Exists."""
    buffer.add(Document(type=_TYPE, key=_key(identity, route, key), stamp=now, data=raw(answer)))


def forget_answers(buffer: Buffer, before: int) -> int:
    """Forget answers kept before an instant, as many as one unit can; how many."""
    old = buffer.first(Wanted(type=_TYPE, stamps=(None, before - 1), by="key"), _AT_ONCE)
    return sum(buffer.drop(_TYPE, each.key) for each in old)


def _key(identity: str, route: str, key: str) -> str:
    return msgspec.json.encode([identity, route, key]).decode()
