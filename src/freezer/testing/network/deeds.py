"""What a go-between does instead of passing request and answer on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from freezer.testing.network.messages import Message


@dataclass(frozen=True)
class Reply:
    """It answers itself. ``carried_out``: the server was asked all the same, and what it said is kept back."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    carried_out: bool = False


@dataclass(frozen=True)
class LoseRequest:
    """The connection is reset when ``share`` of the request's body has come; the server gets no more either."""

    share: float = 0.5


@dataclass(frozen=True)
class LoseAnswer:
    """The server carries the request out, but nobody hears of it: the connection is reset."""


@dataclass(frozen=True)
class CutAnswer:
    """Half of the answer's body. ``told``: with a Content-Length that says so; otherwise the connection ends early."""

    told: bool


@dataclass(frozen=True)
class Twice:
    """The server gets the request twice; its second answer counts."""


@dataclass(frozen=True)
class Rewrite:
    """The answer as ``change`` makes it."""

    change: Callable[[Message], Message]


@dataclass(frozen=True)
class Outdated:
    """The answer that the server gave when it was asked this for the first time."""


@dataclass(frozen=True)
class Dribble:
    """One byte of the answer a second."""


@dataclass(frozen=True)
class Stall:
    """No answer at all."""


Deed = Reply | LoseRequest | LoseAnswer | CutAnswer | Twice | Rewrite | Outdated | Dribble | Stall


def wrong_etag(answer: Message) -> Message:
    """``answer`` with the MD5 of something else."""
    return answer if answer.header("ETag") is None else answer.with_header("ETag", f'"{"0" * 32}"')
