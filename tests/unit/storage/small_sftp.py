"""An SFTP server of one process per connection, which stands in for ``ssh`` and errs when told to.

It serves the real file system with the extensions it is told to have, so it can be any appliance; OpenSSH's own server
can neither be made to answer wrongly nor to end between an effect and its answer.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from freezer.clock import SystemClock
from freezer.storage.ssh import Server, SshStorage

OPENSSH = ("posix-rename@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "statvfs@openssh.com")


@dataclass(frozen=True)
class Fault:
    """What happens to the next ``times`` requests of the kind ``on`` whose path ends with ``path``.

    ``then`` is one of: ``do`` it as ever, answer with the ``status`` instead, ``cut`` the connection before it has an
    effect, ``lose`` the answer (and the connection), leave ``bare`` the attributes in the answer, answer with ``more``
    bytes than were asked for. ``meanwhile`` is Python that runs before, as if another process came in between.
    """

    on: str
    path: str = ""
    then: str = "do"
    status: int = 4
    times: int = 1
    meanwhile: str = ""


class SmallSftp:
    """Its files lie in ``folder``, which has the ``ssh`` that serves. ``free`` is what statvfs tells: bytes, inodes."""

    def __init__(
        self, folder: Path, extensions: tuple[str, ...] = OPENSSH, free: tuple[int, int] = (1 << 40, 9)
    ) -> None:
        self.folder = folder
        self.container = folder / "container"
        self.container.mkdir(parents=True)
        self._opened: list[SshStorage] = []
        self.faults()
        (folder / "told.json").write_text(json.dumps({"extensions": extensions, "free": free}))
        self.program.write_text(f"#!{sys.executable} -IS\nHERE = {str(folder)!r}\n{_SERVER}")
        self.program.chmod(0o755)

    @property
    def program(self) -> Path:
        return self.folder / "ssh"

    def storage(self) -> SshStorage:
        """One more connection to the container, until ``close``."""
        made = SshStorage(Server("host"), str(self.container), clock=SystemClock(), environment=self.environment)
        self._opened.append(made)
        return made

    def close(self) -> None:
        for storage in self._opened:
            storage.close()

    def left(self) -> list[str]:
        """Everything in the container, as paths in it."""
        return sorted(str(path.relative_to(self.container)) for path in self.container.rglob("*"))

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": str(self.folder)}

    def faults(self, *faults: Fault) -> None:
        """From now on only these."""
        new = self.folder / "faults.new"
        new.write_text(json.dumps([asdict(fault) for fault in faults]))
        os.replace(new, self.folder / "faults.json")

    def seen(self) -> list[str]:
        """Every request, as kind and path."""
        return (self.folder / "seen").read_text().splitlines()


_SERVER = r"""
import json, os, stat, struct, sys
KINDS = {3: "open", 4: "close", 5: "read", 6: "write", 7: "lstat", 8: "fstat", 10: "fsetstat", 11: "opendir",
         12: "readdir", 13: "remove", 14: "mkdir", 15: "rmdir", 17: "stat", 18: "rename", 200: "extended"}
put, get = sys.stdout.buffer, sys.stdin.buffer
told = json.load(open(HERE + "/told.json"))
handles = {}

def send(kind, body):
    put.write(struct.pack(">IB", len(body) + 1, kind) + body)
    put.flush()

def string(value):
    return struct.pack(">I", len(value)) + value

def status(code):
    return 101, struct.pack(">III", code, 0, 0)

def attributes(found, bare):
    if bare:
        return struct.pack(">I", 0)
    times = struct.pack(">II", int(found.st_atime), int(found.st_mtime))
    return struct.pack(">IQI", 13, found.st_size, found.st_mode) + times

class Fields:
    def __init__(self, data):
        self.data = data
    def uint(self):
        return struct.unpack(">I", self.take(4))[0]
    def ulong(self):
        return struct.unpack(">Q", self.take(8))[0]
    def take(self, size):
        taken, self.data = self.data[:size], self.data[size:]
        return taken
    def string(self):
        return self.take(self.uint())

def find_fault(kind, path):
    faults = json.load(open(HERE + "/faults.json"))
    for fault in faults:
        if fault["on"] == kind and path.endswith(fault["path"]) and fault["times"]:
            fault["times"] -= 1
            with open(HERE + "/faults.tmp", "w") as file:
                json.dump(faults, file)
            os.replace(HERE + "/faults.tmp", HERE + "/faults.json")
            return fault
    return {"then": "do", "meanwhile": ""}

def new_handle(path, thing):
    name = str(len(handles)).encode()
    handles[name] = (path, thing)
    return 102, string(name)

def carry_out(kind, path, thing, fields, then):
    bare = then == "bare"
    if kind == "open":
        wanted, has_mode = fields.uint(), fields.uint()
        flags = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}[wanted & 3]
        flags |= (os.O_CREAT if wanted & 8 else 0) | (os.O_EXCL if wanted & 32 else 0)
        return new_handle(path, os.open(path, flags, fields.uint() if has_mode else 0o666))
    if kind == "opendir":
        return new_handle(path, os.listdir(path))
    if kind == "readdir":
        if not thing:
            return status(1)
        names, thing[:] = thing[:], []
        rows = b""
        for name in names:
            rows += string(name) + string(b"") + attributes(os.lstat(os.path.join(path, name)), bare)
        return 104, struct.pack(">I", len(names)) + rows
    if kind == "close":
        if isinstance(thing, int):
            os.close(thing)
    elif kind == "read":
        offset, size = fields.ulong(), fields.uint()
        data = os.pread(thing, size, offset) + (b"more" if then == "more" else b"")
        return (103, string(data)) if data else status(1)
    elif kind == "write":
        offset = fields.ulong()
        os.pwrite(thing, fields.string(), offset)
    elif kind in ("lstat", "stat", "fstat"):
        return 105, attributes(getattr(os, kind)(thing if kind == "fstat" else path), bare)
    elif kind == "fsetstat":
        fields.uint()
        os.ftruncate(thing, fields.ulong())
    elif kind == "mkdir":
        os.mkdir(path)
    elif kind in ("remove", "rmdir"):
        getattr(os, kind)(path)
    elif kind == "fsync":
        os.fsync(thing)
    elif kind == "statvfs":
        size, inodes = told["free"]
        return 201, struct.pack(">11Q", 1, 1, size, size, size, inodes, inodes, inodes, 0, 0, 255)
    elif kind == "posix-rename":
        os.rename(path, fields.string())
    elif kind == "hardlink":
        os.link(path, fields.string())
    elif kind == "rename":
        target = fields.string()
        if os.path.lexists(target):
            return status(4)
        os.rename(path, target)
    else:
        return status(8)
    return status(0)

def serve(kind, fields):
    kind = KINDS[kind]
    if kind == "extended":
        kind = fields.string().decode().partition("@")[0]
    path, thing = fields.string(), None
    if kind in ("close", "read", "write", "fstat", "fsetstat", "readdir", "fsync"):
        path, thing = handles.pop(path) if kind == "close" else handles[path]
    shown = os.fsdecode(path)
    with open(HERE + "/seen", "a") as log:
        print(kind, shown, file=log)
    fault = find_fault(kind, shown)
    exec(fault["meanwhile"])
    if fault["then"] == "cut":
        os._exit(1)
    if fault["then"] == "status":
        return status(fault["status"])
    try:
        answer = carry_out(kind, path, thing, fields, fault["then"])
    except FileNotFoundError:
        answer = status(2)
    except PermissionError:
        answer = status(3)
    except OSError:
        answer = status(4)
    if fault["then"] == "lose":
        os._exit(1)
    return answer

def receive():
    head = get.read(4)
    if len(head) < 4:
        os._exit(0)
    return get.read(struct.unpack(">I", head)[0])

receive()
send(2, struct.pack(">I", 3) + b"".join(string(name.encode()) + string(b"1") for name in told["extensions"]))
while True:
    packet = receive()
    kind, body = serve(packet[0], Fields(packet[5:]))
    send(kind, packet[1:5] + body)
"""
