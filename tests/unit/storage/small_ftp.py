"""An FTP server of a thread per connection, which can be any appliance and errs when told to.

It serves the real file system. vsftpd and its like can neither be made to answer wrongly nor to end between an effect
and its answer.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from freezer.clock import SystemClock
from freezer.secret import Secret
from freezer.storage.ftp import FtpStorage, Server

PASSWORD = "canary-of-ftp"
WHOLE = frozenset({"MLST", "EPSV", "REST", "replace", "dots", "grows"})


@dataclass
class Fault:
    """What happens to the next ``times`` commands ``on`` (its first word) whose path ends with ``path``.

    ``then`` is one of: ``do`` it as ever, ``say`` the ``text`` instead, ``cut`` the connection before it has an effect,
    ``lose`` the answer (and the connection), move ``half`` of the data and say ``text``, or go ``away`` then.
    ``meanwhile`` runs before, as if another process came in between.
    """

    on: str
    path: str = ""
    then: str = "do"
    text: str = "550 No."
    times: int = 1
    meanwhile: Callable[[], object] = lambda: None


class SmallFtp:
    """Its files lie in ``folder``. ``can`` is what it has of :data:`WHOLE`: the commands MLST with MLSD, EPSV and REST,
    whether it can replace files by RNTO, whether LIST shows ``.`` and ``..`` and the like, and whether files grow while
    they are being sent (or else in the end). ``most`` connections
    are served at a time; times in LIST are ``zone`` hours ahead; ``/`` is the folder ``top``.
    """

    def __init__(
        self, folder: Path, can: frozenset[str] = WHOLE, most: int = 100, zone: int = 0, top: str = ""
    ) -> None:
        self.can, self.most, self.zone, self.top = can, most, zone, top
        self.container = folder / "container"
        self.container.mkdir(parents=True)
        self.greeting = "220 Hello"
        self.seen: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._storages: list[FtpStorage] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def storage(self, container: str = "") -> FtpStorage:
        """One more user of the container (or of another one), until ``close``."""
        server = Server("127.0.0.1", "web", Secret.from_text(PASSWORD), self.port)
        self._storages.append(FtpStorage(server, container or str(self.container), clock=SystemClock()))
        return self._storages[-1]

    def faults(self, *faults: Fault) -> None:
        """From now on only these."""
        self._faults = list(faults)

    def left(self) -> list[str]:
        """Everything in the container, as paths in it."""
        return sorted(str(path.relative_to(self.container)) for path in self.container.rglob("*"))

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for storage in self._storages:
            storage.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def find_fault(self, word: str, path: str) -> Fault:
        with self._lock:
            for fault in self._faults:
                if fault.on == word and path.endswith(fault.path) and fault.times:
                    fault.times -= 1
                    return fault
        return Fault(word)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, _Ended):
            _Talk(self, connection).run(crowded=len(self._open) > self.most)
        with self._lock:
            self._open.discard(connection)


class _Ended(Exception):
    pass


class _Talk:
    """One conversation."""

    def __init__(self, server: SmallFtp, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._folder = "/"
        self._offset = 0
        self._renamed = ""
        self._passive: socket.socket | None = None

    def run(self, *, crowded: bool) -> None:
        if crowded:
            return self._say("421 There are too many connections")
        self._say(self._server.greeting)
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    self._answer(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
        finally:
            self._close_passive()

    def _say(self, text: str) -> None:
        self._connection.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def _answer(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        asked = os.path.normpath(os.path.join(self._folder, rest)) if rest else self._folder
        path = self._server.top + asked
        self._server.seen.append(line if word != "PASS" else "PASS")
        fault = self._server.find_fault(word, rest)
        fault.meanwhile()
        if fault.then == "cut":
            raise _Ended
        if fault.then == "say":
            return self._say(fault.text)
        try:
            text = self._do(word, rest, path, fault)
        except OSError as error:
            text = f"550 {error.strerror}"
        if fault.then == "lose":
            raise _Ended
        self._say(text)
        return None

    def _do(self, word: str, rest: str, path: str, fault: Fault) -> str:
        can = self._server.can
        if word in ("USER", "PASS"):
            return "331 Password?" if word == "USER" else "230 Welcome" if rest == PASSWORD else "530 Wrong"
        if word == "FEAT":
            return "211-Features\r\n SIZE\r\n" + (" MLST type*;size*;modify*;\r\n" if "MLST" in can else "") + "211 End"
        if word == "PWD":
            return f'257 "{self._folder}"'
        if word in ("EPSV", "PASV"):
            return self._listen() if word == "PASV" or "EPSV" in can else "500 What?"
        if word == "REST":
            self._offset = int(rest)
            return "350 Go on" if "REST" in can else "502 Not here"
        if word in ("STOR", "APPE", "RETR", "LIST", "MLSD"):
            return self._transfer(word, path, fault)
        if word == "RNFR":
            os.lstat(path)
            self._renamed = path
            return "350 To?"
        simple = getattr(self, f"_{word.lower()}", None)
        return simple(path) if simple else "200 Yes" if word in ("TYPE", "NOOP") else "500 What?"

    def _cwd(self, path: str) -> str:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            return "550 Not a folder"
        self._folder = path.removeprefix(self._server.top)
        return "250 There"

    def _size(self, path: str) -> str:
        found = os.stat(path)
        return "550 Not a file" if stat.S_ISDIR(found.st_mode) else f"213 {found.st_size}"

    def _mdtm(self, path: str) -> str:
        return "213 " + time.strftime("%Y%m%d%H%M%S", time.gmtime(os.stat(path).st_mtime))

    def _mlst(self, path: str) -> str:
        return f"250-Here\r\n {_facts(path, path)}\r\n250 End" if "MLST" in self._server.can else "500 What?"

    def _mkd(self, path: str) -> str:
        os.mkdir(path)
        return f'257 "{path}"'

    def _rmd(self, path: str) -> str:
        os.rmdir(path)
        return "250 Gone"

    def _dele(self, path: str) -> str:
        os.remove(path)
        return "250 Gone"

    def _rnto(self, path: str) -> str:
        if "replace" not in self._server.can and os.path.lexists(path):
            return "550 It exists"
        os.rename(self._renamed, path)
        return "250 Renamed"

    def _listen(self) -> str:
        self._close_passive()
        self._passive = socket.create_server(("127.0.0.1", 0))
        self._passive.settimeout(5)
        port = self._passive.getsockname()[1]
        # The address is a private one, as a server behind a router tells it.
        return f"229 (|||{port}|)" if "EPSV" in self._server.can else f"227 (10,9,8,7,{port >> 8},{port & 255})"

    def _close_passive(self) -> None:
        if self._passive is not None:
            self._passive.close()
            self._passive = None

    def _transfer(self, word: str, path: str, fault: Fault) -> str:
        offset, self._offset = self._offset, 0
        assert self._passive is not None
        if word in ("STOR", "APPE"):
            with open(path, "ab" if word == "APPE" else "wb", buffering=0) as file:
                return self._receive(file.write, fault)
        if word == "RETR":
            with open(path, "rb") as file:
                file.seek(offset)
                return self._send(file.read(), fault)
        data = self._machine_list(path) if word == "MLSD" else self._ls(self._server.top + self._folder)
        return self._send(data, fault)

    def _receive(self, write: Callable[[bytes], object], fault: Fault) -> str:
        self._say("150 Send")
        assert self._passive is not None
        with self._passive.accept()[0] as data:
            pieces = iter(lambda: data.recv(1 << 16), b"")
            if fault.then not in ("half", "away") and "grows" in self._server.can:
                for piece in pieces:
                    write(piece)
                return "226 Got it"
            received = b"".join(pieces)
        if fault.then in ("half", "away"):
            write(received[: len(received) // 2])
            if fault.then == "away":
                raise _Ended
            return fault.text
        write(received)
        return "226 Got it"

    def _send(self, content: bytes, fault: Fault) -> str:
        self._say("150 Take")
        assert self._passive is not None
        with self._passive.accept()[0] as data:
            try:
                data.sendall(content[: len(content) // 2] if fault.then in ("half", "away") else content)
            except OSError:
                return fault.text if fault.then == "half" else "426 You do not want it"
        if fault.then == "away":
            raise _Ended
        return fault.text if fault.then == "half" else "226 That is all"

    def _machine_list(self, path: str) -> bytes:
        rows = [_facts(os.path.join(path, name), name) for name in os.listdir(path)]
        return "".join(f"{row}\r\n" for row in rows).encode("utf-8", "surrogateescape")

    def _ls(self, path: str) -> bytes:
        dots = [".", ".."] if "dots" in self._server.can else []
        try:
            names = dots + os.listdir(path)
        except OSError:
            names = []  # as vsftpd has it
        rows = ["total 0", *(self._ls_row(os.path.join(path, name), name) for name in names)]
        return "".join(f"{row}\r\n" for row in rows).encode("utf-8", "surrogateescape")

    def _ls_row(self, path: str, name: str) -> str:
        found = os.lstat(path)
        local = time.gmtime(found.st_mtime + 3600 * self._server.zone)
        recent = time.time() - found.st_mtime < 180 * 86400
        shown = time.strftime("%b %d %H:%M" if recent else "%b %d  %Y", local)
        target = f" -> {os.readlink(path)}" if stat.S_ISLNK(found.st_mode) else ""
        return f"{stat.filemode(found.st_mode)} 1 web users {found.st_size:>8} {shown} {name}{target}"


def _facts(path: str, name: str) -> str:
    found = os.stat(path)
    kind = "dir" if stat.S_ISDIR(found.st_mode) else "file"
    modified = time.strftime("%Y%m%d%H%M%S", time.gmtime(found.st_mtime))
    return f"Type={kind};Size={found.st_size};Modify={modified}; {name}"
