"""A line between clients and a server, which carries bytes and knows nothing of them."""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from freezer.testing.network.loop import HOST, PIECE, Loop, for_ever, reset
from freezer.testing.network.when import When, first

_FLYING = 16 * 1024 * 1024  # bytes on their way in one direction at most: with a round trip of 50 ms, 640 MB/s


class Harm(enum.Enum):
    """What befalls a connection: reset as soon as it is made; reset, or ended in good order, in mid-stream; nothing
    more gets through; one byte a second gets through."""

    REFUSE = "refuse"
    RESET = "reset"
    CUT = "cut"
    STALL = "stall"
    DRIBBLE = "dribble"


@dataclass(frozen=True)
class LineFault:
    """Strikes connections by their number, once ``after`` bytes went through: from the client (``up``) or to it."""

    harm: Harm
    when: When = first
    after: int = 0
    up: bool = True


class Line:
    """Forwards connections, each byte ``round_trip / 2`` seconds late and each connection ``round_trip`` late.

    ``faults`` may be changed at any time and hold for connections made from then on. ``connections`` counts those,
    refused ones too, ``carried_by`` the bytes of each so far, by its number from 1. Whoever has it listening on another
    address of this machine (127.0.0.2) but the server's own ports can carry protocols whose servers name further ports,
    as FTP's do.
    """

    def __init__(self, *, round_trip: float = 0.0, faults: Iterable[LineFault] = ()) -> None:
        self.faults = list(faults)
        self.connections = 0
        self.carried_by: Counter[int] = Counter()
        self._delay = round_trip / 2
        self._loop = Loop()
        self._doors: dict[tuple[str, int], tuple[int, asyncio.Server | None]] = {}
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def carry(self, target: int, *, host: str = HOST, port: int = 0) -> int:
        """Forward what comes to ``host`` and ``port`` (0: any that is free) to this machine's port ``target``; the
        port."""
        return self._loop.run(self._listen(target, host, port))

    @property
    def carried(self) -> int:
        """Bytes of all connections so far, both ways."""
        return self.carried_by.total()

    def go_down(self) -> None:
        """End all connections and refuse new ones until ``come_up``."""
        self._loop.run(self._go_down())

    def come_up(self) -> None:
        self._loop.run(self._come_up())

    def close(self) -> None:
        with suppress(RuntimeError):
            self._loop.run(self._go_down())
        self._loop.close()

    async def _listen(self, target: int, host: str, port: int) -> int:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.CancelledError):
                await self._carry(reader, writer, target)

        server = await asyncio.start_server(carry, host, port, limit=4 * PIECE)
        port = int(server.sockets[0].getsockname()[1])
        self._doors[host, port] = target, server
        return port

    async def _go_down(self) -> None:
        for door, (target, server) in self._doors.items():
            if server is not None:
                server.close()
            self._doors[door] = target, None
        for writer in tuple(self._open):
            reset(writer)
        await asyncio.sleep(0)

    async def _come_up(self) -> None:
        for (host, port), (target, server) in tuple(self._doors.items()):
            if server is None:
                await self._listen(target, host, port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        self.connections += 1
        number = self.connections
        struck = [fault for fault in self.faults if fault.when(number)]
        if any(fault.harm is Harm.REFUSE for fault in struck):
            reset(writer)
            return
        await asyncio.sleep(2 * self._delay)
        back, there = await asyncio.open_connection(HOST, target, limit=4 * PIECE)
        ends = (writer, there)
        count = partial(self._count, number)
        up, down = ([each for each in struck if each.up is way] for way in (True, False))
        self._open.update(ends)
        pumps = [
            asyncio.ensure_future(_Pump(reader, there, self._delay, up, count).run()),
            asyncio.ensure_future(_Pump(back, writer, self._delay, down, count).run()),
        ]
        try:
            await _settled(pumps, ends)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in ends:
                self._open.discard(end)
                end.close()

    def _count(self, number: int, size: int) -> None:
        self.carried_by[number] += size


async def _settled(pumps: Sequence[asyncio.Future[None]], ends: Sequence[asyncio.StreamWriter]) -> None:
    """Return when both directions have ended, or one of them in a way that ends the other."""
    pending = set(pumps)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for pump in done:
            error = pump.exception()
            if isinstance(error, _Cut):
                return
            if error is not None:
                for end in ends:
                    reset(end)
                return


class _Cut(Exception):
    """The connection is to end in good order, both ways."""


class _Pump:
    """One direction of one connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        delay: float,
        faults: Sequence[LineFault],
        count: Callable[[int], None],
    ) -> None:
        self._count = count
        self._reader = reader
        self._writer = writer
        self._delay = delay
        self._faults = sorted(faults, key=lambda fault: fault.after)
        self._passed = 0
        self._flying = 0
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self) -> None:
        """Until the sender has ended; errors are those of either end, or the fault's."""
        taking = asyncio.ensure_future(self._take())
        try:
            await self._give()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while piece := await self._reader.read(PIECE):
                self._flying += len(piece)
                self._pieces.append((loop.time() + self._delay, piece))
                self._changed.set()
                if self._flying >= _FLYING:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._pieces.append((loop.time() + self._delay, b""))
            self._changed.set()

    async def _give(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._pieces:
                self._changed.clear()
                await self._changed.wait()
            due, piece = self._pieces.popleft()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not piece:
                break
            await self._pass(piece)
            self._flying -= len(piece)
            self._room.set()
        if self._reader.exception() is not None:
            raise ConnectionResetError
        if self._writer.can_write_eof():
            self._writer.write_eof()

    async def _pass(self, piece: bytes) -> None:
        while self._faults and self._faults[0].after <= self._passed + len(piece):
            fault = self._faults.pop(0)
            before = max(0, fault.after - self._passed)
            await self._write(piece[:before])
            piece = piece[before:]
            if fault.harm is Harm.DRIBBLE:
                for byte in piece:
                    await asyncio.sleep(1.0)
                    await self._write(bytes([byte]))
                self._faults.insert(0, LineFault(Harm.DRIBBLE))
                return
            if fault.harm is Harm.STALL:
                await for_ever()
            raise _Cut if fault.harm is Harm.CUT else ConnectionResetError
        await self._write(piece)

    async def _write(self, piece: bytes) -> None:
        self._passed += len(piece)
        self._count(len(piece))
        self._writer.write(piece)
        await self._writer.drain()
