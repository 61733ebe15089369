"""One control connection, and the data connections that it opens.

Whatever goes wrong on the line ends the connection and is a :class:`TransientError`; what the server refuses is
:class:`Refused` and leaves the connection as good as before.
"""

# ruff: noqa: S321 (that FTP in clear is insecure is said where it is chosen)
from __future__ import annotations

import ftplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.errors import TransientError
from freezer.storage.contract import Buffer
from freezer.storage.ftp import diagnosis
from freezer.storage.ftp.ending import end_sending
from freezer.storage.ftp.failures import Refused
from freezer.storage.ftp.login import CONNECTING, PATIENCE, log_in
from freezer.storage.ftp.replies import Reply, granted, quoted, readable, whole
from freezer.storage.ftp.server import Server

_CUTTING = 5.0  # seconds for the server to notice that we do not want any more
_FAR = 0.005  # seconds of a round trip
_ABOUT_DATA = (225, 226, 426, 451)
_PIECE = 256 * 1024  # bytes given to a socket at a time: so many must go through within the patience
_LEAST = 16 * 1024  # bytes that come within the patience, or else nothing is to be expected any more
_SMALL = 64 * 1024
_LARGE = 32 * 1024 * 1024


@dataclass(slots=True)
class Stream:
    """A download that is under way: of ``path``, with ``position`` as the next byte."""

    path: bytes
    position: int
    data: socket.socket


class Connection:
    """A conversation, logged in. Commands and paths are bytes; not for two threads at once.

    ``home`` is the folder after login, ``features`` the server's, in capitals (RFC 2389), ``round_trip`` how many
    seconds a reply takes.
    """

    def __init__(self, server: Server, context: ssl.SSLContext | None, clock: Clock, *, known: bool) -> None:
        self._server = server
        self._clock = clock
        self._context = context
        self._ftp, self._socket = log_in(server, context, known=known)
        self._peer = self._socket.getpeername()
        self._awaited = 0  # replies that the server still owes us
        self._said = 0  # the last reply's code
        self._extended = True
        self.stream: Stream | None = None
        self.alive = True
        try:
            since = clock.monotonic()
            self.features = self._ask_features()
            self.round_trip = clock.monotonic() - since
            _, binary, home = self.ask_all(b"OPTS UTF8 ON", b"TYPE I", b"PWD")
            granted(binary)
            self.home = quoted(granted(home)[1])
        except BaseException:
            self.close()
            raise

    @property
    def settled(self) -> bool:
        """Whether another command can be given: nothing was broken off half-way."""
        return self.alive and self._awaited == (0 if self.stream is None else 1)

    @property
    def is_far(self) -> bool:
        """Whether waiting for replies takes up a good part of the time."""
        return self.round_trip > _FAR

    def ask(self, command: bytes) -> Reply:
        """Code and text of the reply to ``command``, before which a stream is given up."""
        self.say(command)
        return self._reply()

    def ask_all(self, *commands: bytes) -> list[Reply | Refused]:
        """The outcome of each of ``commands``, of which none may do harm if an earlier one is refused. Over a long line
        they go at once; RFC 959 section 5.4 would have a client wait for each reply."""
        together = commands if self.is_far else ()
        for command in together:
            self.say(command)
        return [self._outcome(None if together else command) for command in commands]

    def say(self, command: bytes) -> None:
        """As :meth:`ask`, but the reply is left for :meth:`hear`: several commands may be on their way."""
        self.cut()
        if not self.alive:
            raise TransientError(f"{self._server.place}: the connection was lost")
        self._awaited += 1
        try:
            self._ftp.putcmd(command.decode("latin-1"))
        except OSError as error:
            raise self._lost(error) from error

    def hear(self) -> Reply:
        """Code and text of the reply to the earliest command that has none yet."""
        return self._reply()

    def begin(self, command: bytes) -> socket.socket:
        """The data connection for what ``command`` (STOR or APPE) stores: :meth:`send` and :meth:`end` take it."""
        return self._open_data(command)

    def send(self, channel: socket.socket, data: Buffer) -> None:
        """Give ``data`` to the line."""
        view = memoryview(data).cast("B")
        try:
            for start in range(0, len(view), _PIECE):
                channel.sendall(view[start : start + _PIECE])
        except OSError as error:
            channel.close()
            raise self._failed(error) from error

    def end(self, channel: socket.socket) -> None:
        """On return the server has acknowledged all that was sent."""
        with channel:
            end_sending(channel)
            self._reply()

    def fetch(self, command: bytes) -> bytes:
        """All that the server sends after ``command``, a listing."""
        self.stream = Stream(command, 0, self._open_data(command))
        return self.read(None)

    def open_stream(self, path: bytes, offset: int) -> None:
        """Begin to download ``path`` from ``offset``."""
        self.stream = Stream(path, offset, self._open_data(b"RETR " + path, offset))

    def read(self, length: int | None) -> bytes:
        """``length`` more bytes (or all) of the stream; fewer only at its end, with which it is over."""
        stream = self.stream
        assert stream is not None
        buffer = bytearray(_SMALL if length is None else min(length, _LARGE))
        filled = seen = 0
        since = self._clock.monotonic()
        try:
            while length is None or filled < length:
                if filled == len(buffer):
                    buffer += bytes(min(filled, _LARGE) if length is None else min(length - filled, _LARGE))
                with memoryview(buffer) as view:
                    count = stream.data.recv_into(view[filled:])
                if not count:
                    self.stream = None
                    stream.data.close()
                    self._reply()
                    break
                filled += count
                if self._clock.monotonic() - since > PATIENCE:
                    if filled - seen < _LEAST:
                        raise TimeoutError
                    seen, since = filled, self._clock.monotonic()
        except Refused:
            raise
        except OSError as error:
            stream.data.close()
            self.stream = None
            raise self._failed(error) from error
        stream.position += filled
        del buffer[filled:]
        return bytes(buffer)

    def cut(self) -> None:
        """Give a stream up, if there is one. The server may call that a failure, or not have noticed, or say both."""
        stream, self.stream = self.stream, None
        if stream is None or not self.alive:
            return
        stream.data.close()
        self._socket.settimeout(min(_CUTTING, PATIENCE))
        with suppress(Refused):
            self._reply()
        self._ask_politely(b"NOOP")
        while self._said in _ABOUT_DATA:
            self._awaited += 1
            with suppress(Refused):
                self._reply()
        self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        self.alive = False
        if self.stream is not None:
            self.stream.data.close()
            self.stream = None
        self._ftp.close()

    def _outcome(self, command: bytes | None) -> Reply | Refused:
        """The reply to ``command``; None: to the earliest one that has none yet."""
        try:
            return self.hear() if command is None else self.ask(command)
        except Refused as refused:
            return refused

    def _reply(self) -> Reply:
        try:
            reply = self._ftp.getmultiline()
        except (OSError, EOFError, ftplib.Error) as error:
            raise self._lost(error) from error
        code, text = int(reply[:3]), readable(reply)
        self._said = code
        if code == 421:
            raise self._lost(text)
        if code >= 200:
            self._awaited -= 1
        if code >= 400:
            raise Refused(code, text)
        return code, text

    def _open_data(self, command: bytes, offset: int = 0) -> socket.socket:
        """The data connection over which the server does what ``command`` says, from ``offset``, once it has agreed."""
        channel = self._dial()
        try:
            if offset:
                self.ask(b"REST %d" % offset)
            code, text = self.ask(command)
            if code >= 200:
                raise self._lost(f"{code} {text}, where data should come")
            return self._protect(channel)
        except BaseException:
            channel.close()
            raise

    def _dial(self) -> socket.socket:
        """A new data connection."""
        port = self._passive_port()
        try:
            channel = socket.create_connection((self._peer[0], port), CONNECTING)
        except OSError as error:
            raise TransientError(
                f"{self._server.place}: port {port}, for data, cannot be reached: {diagnosis.reason(error)}",
                hint="the firewall must let the server's passive ports through",
            ) from error
        channel.settimeout(PATIENCE)
        return channel

    def _protect(self, channel: socket.socket) -> socket.socket:
        if self._context is None or not isinstance(self._socket, ssl.SSLSocket):
            return channel
        try:
            # A listing that somebody cut short would look complete, so the end must be under TLS too.
            return self._context.wrap_socket(
                channel,
                server_hostname=self._server.host,
                session=self._socket.session,
                suppress_ragged_eofs=False,
            )
        except OSError as error:
            raise self._failed(error) from error

    def _passive_port(self) -> int:
        """Where the server waits for our next data connection; the address it names is ignored (NAT, and worse)."""
        if self._extended:
            try:
                return ftplib.parse229(whole(self.ask(b"EPSV")), self._peer)[1]
            except Refused as error:
                if self._ftp.af != socket.AF_INET or not (error.unknown or error.code == 522):
                    raise
                self._extended = False
            except ftplib.Error as error:
                raise self._lost(error) from error
        try:
            return ftplib.parse227(whole(self.ask(b"PASV")))[1]
        except ftplib.Error as error:
            raise self._lost(error) from error

    def _failed(self, error: OSError) -> OSError | TransientError:
        """Why a data connection broke: the server's own word on it, if it has one."""
        self._socket.settimeout(min(_CUTTING, PATIENCE))
        try:
            self._reply()
        except Refused as refused:
            self._socket.settimeout(PATIENCE)
            return refused
        except TransientError:
            pass
        return self._lost(error)

    def _lost(self, why: object) -> TransientError:
        self.close()
        return TransientError(f"{self._server.place}: the connection was lost: {diagnosis.reason(why)}")

    def _ask_features(self) -> frozenset[str]:
        try:
            lines = self.ask(b"FEAT")[1].splitlines()
        except Refused:
            return frozenset()
        return frozenset(line.split()[0].upper() for line in lines[1:-1] if line.split())

    def _ask_politely(self, command: bytes) -> None:
        with suppress(Refused):
            self.ask(command)
