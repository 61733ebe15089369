"""A proxy that understands HTTP and does not always do what it should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from freezer.testing.network.deeds import (
    CutAnswer,
    Deed,
    Dribble,
    LoseAnswer,
    LoseRequest,
    Outdated,
    Reply,
    Rewrite,
    Stall,
    Twice,
)
from freezer.testing.network.loop import HOST, Loop, for_ever, reset
from freezer.testing.network.messages import Message, NotHttp, read_answer, read_head, read_request_body
from freezer.testing.network.when import When, first

_LIMIT = 1 << 20  # bytes of a head


@dataclass(frozen=True)
class WebFault:
    """Strikes requests of ``method`` (a regular expression) whose path and query match ``target`` (another): those
    whose number among them ``when`` picks."""

    deed: Deed
    method: str = ".*"
    target: str = ".*"
    when: When = first

    def matches(self, request: Message) -> bool:
        return bool(re.fullmatch(self.method, request.method) and re.search(self.target, request.target))


class GoBetween:
    """Passes each request to this machine's port ``server``, over a connection of its own, and its answer back.

    Bodies are kept in memory as a whole. ``requests`` are method and target of all that came. Clients address ``port``.
    """

    def __init__(self, server: int, faults: Iterable[WebFault] = ()) -> None:
        self.requests: list[tuple[str, str]] = []
        self._server = server
        self._faults: list[WebFault] = []
        self._seen: list[int] = []
        self._first: dict[tuple[str, str], Message] = {}
        self._loop = Loop()
        self._door = self._loop.run(asyncio.start_server(self._serve, HOST, 0, limit=_LIMIT))
        self.port: int = self._door.sockets[0].getsockname()[1]
        self.set_faults(faults)

    def __enter__(self) -> GoBetween:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set_faults(self, faults: Iterable[WebFault]) -> None:
        """Have these faults from now on, and count anew."""
        self._faults = list(faults)
        self._seen = [0] * len(self._faults)
        self.requests = []

    def close(self) -> None:
        with suppress(RuntimeError):  # closed before
            self._loop.run(self._shut())
        self._loop.close()

    async def _shut(self) -> None:
        self._door.close()  # in the loop's own thread, which may be taking its last connection off at this moment

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await read_head(reader)) is not None:
                deed = self._struck(head)
                self.requests.append((head.method, head.target))
                if (head.header("Expect") or "").lower() == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    head = head.with_header("Expect", None)
                if isinstance(deed, LoseRequest):
                    await self._lose(reader, writer, head, deed)
                    return
                if not await self._do(deed, await read_request_body(reader, head), writer):
                    return
        except (OSError, NotHttp, asyncio.IncompleteReadError):
            reset(writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    def _struck(self, head: Message) -> Deed | None:
        deed = None
        for place, fault in enumerate(self._faults):
            if fault.matches(head):
                self._seen[place] += 1
                if fault.when(self._seen[place]) and deed is None:
                    deed = fault.deed
        return deed

    async def _do(self, deed: Deed | None, request: Message, writer: asyncio.StreamWriter) -> bool:
        """Answer the request; whether the connection can go on."""
        if isinstance(deed, Stall):
            await for_ever()
        if isinstance(deed, Reply) and not deed.carried_out:
            await _send(writer, request, _own(deed))
            return True
        answer = await self._ask(request)
        self._first.setdefault((request.method, request.target), answer)
        match deed:
            case LoseAnswer():
                reset(writer)
                return False
            case Reply():
                answer = _own(deed)
            case Twice():
                answer = await self._ask(request)
            case Rewrite():
                answer = deed.change(answer)
            case Outdated():
                answer = self._first[request.method, request.target]
            case CutAnswer(told=True):
                answer = answer.with_body(answer.body[: len(answer.body) // 2])
            case CutAnswer():
                writer.write(answer.head() + answer.body[: len(answer.body) // 2])
                await writer.drain()
                return False
            case Dribble():
                await _dribble(writer, answer.head() + answer.body)
                return False
        await _send(writer, request, answer)
        return True

    async def _ask(self, request: Message) -> Message:
        reader, writer = await asyncio.open_connection(HOST, self._server, limit=_LIMIT)
        try:
            writer.write(request.with_header("Connection", "close").head() + request.body)
            answer = await read_answer(reader, request.method)
            return answer.with_header("Connection", None)
        finally:
            writer.close()

    async def _lose(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Message, deed: LoseRequest
    ) -> None:
        """Pass a part of the request on, then reset both connections."""
        part = await reader.readexactly(int(int(head.header("Content-Length") or 0) * deed.share))
        _, there = await asyncio.open_connection(HOST, self._server)
        there.write(head.head() + part)
        with suppress(OSError):
            await there.drain()
        reset(there)
        reset(writer)


def _own(reply: Reply) -> Message:
    return Message(f"HTTP/1.1 {reply.status} As scripted", reply.headers).with_body(reply.body)


async def _send(writer: asyncio.StreamWriter, request: Message, answer: Message) -> None:
    writer.write(answer.head() + (b"" if request.method == "HEAD" else answer.body))
    await writer.drain()


async def _dribble(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1.0)
