"""A repository that has been opened: its objects by name and kind, sealed on the way in, authenticated on the way
out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from freezer.clock import Clock
from freezer.errors import DamagedError, ObjectNotFound, PermissionDenied
from freezer.repository import envelope
from freezer.repository.config import Config
from freezer.repository.documents import Certificate, Document, Signed, decode
from freezer.repository.keys import agents
from freezer.repository.keys.agents import Agent
from freezer.repository.keys.ring import Keys
from freezer.repository.names import PREFIX, Folder, Kind, is_id
from freezer.repository.second_look import second_look
from freezer.storage.contract import ObjectInfo, Storage

T = TypeVar("T")

SIGNED = frozenset(Kind) - {Kind.RING, Kind.CERTIFICATE, Kind.CATALOG}


class Read(msgspec.Struct, Generic[T], frozen=True):
    """A document, the agent that signed it (empty for kinds that are not signed), and the object's bytes."""

    document: T
    agent: str
    raw: bytes


class Repository:
    """``agent`` is who writes here; None for who only reads. Safe for several threads."""

    def __init__(self, storage: Storage, config: Config, keys: Keys, clock: Clock, agent: Agent | None = None) -> None:
        self.storage = storage
        self.config = config
        self.keys = keys
        self.clock = clock
        self.agent = agent
        self._certificates: dict[str, Certificate] = {}
        self._admitting = threading.Lock()

    @property
    def id(self) -> bytes:
        return self.keys.repository

    def describe(self) -> str:
        return f"the repository in {self.storage.describe()}"

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return int(self.clock.now() * 1_000_000_000)

    def pack_object(self, kind: Kind, name: str, document: Document) -> bytes:
        """The bytes that ``document`` is stored as; signed by our agent if its kind is."""
        if kind in SIGNED:
            document = self._writer().sign(self.id, kind, name, document)
        epoch = self.keys.newest
        return envelope.seal(epoch.metadata, self.id, kind, name, document, epoch=epoch.number)

    def put(self, kind: Kind, name: str, document: Document) -> bytes:
        """Store ``document`` under a name of which we are the only owner; the object's bytes."""
        data = self.pack_object(kind, name, document)
        self.storage.put(PREFIX + name, data)
        return data

    def get(self, kind: Kind, name: str, type: type[T]) -> Read[T]:
        """The object ``name``, authenticated. :class:`ObjectNotFound`; :class:`DamagedError` if it is not what it
        should be, or signed by nobody who may."""
        return second_look(lambda: self.open_object(kind, name, self.storage.get(PREFIX + name), type))

    def open_object(self, kind: Kind, name: str, raw: bytes, type: type[T]) -> Read[T]:
        """As :meth:`get`, of bytes that are at hand."""
        epoch = self.keys.epoch(envelope.epoch_of(raw, name), f"{PREFIX}{name}")
        if kind not in SIGNED:
            return Read(envelope.open_(epoch.metadata, self.id, kind, name, raw, type), "", raw)
        signed = envelope.open_(epoch.metadata, self.id, kind, name, raw, Signed)
        plain = agents.check_signature(self.certificate(signed.agent), self.id, kind, name, signed)
        return Read(decode(plain, type, f"{PREFIX}{name}"), signed.agent, raw)

    def names(self, folder: Folder) -> Sequence[str]:
        """The names in ``folder``, with it, sorted; complete, or an error."""
        return [info.name for info in self.list(folder)]

    def list(self, folder: Folder) -> Sequence[ObjectInfo]:
        """The same with sizes and times. Names that are not ASCII are none of ours, and may not even be text."""
        return [
            msgspec.structs.replace(info, name=info.name.removeprefix(PREFIX))
            for info in self.storage.list(PREFIX + folder)
            if info.name.isascii()
        ]

    def exists(self, name: str) -> bool:
        try:
            self.storage.stat(PREFIX + name)
        except ObjectNotFound:
            return False
        return True

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object as they are stored."""
        return self.storage.get(PREFIX + name, offset, length)

    def delete(self, name: str) -> None:
        self.storage.delete(PREFIX + name)

    def certificate(self, agent: str) -> Certificate:
        """Of an agent that the authority admitted; :class:`DamagedError` if it did not."""
        with self._admitting:  # many records are read at once, and one look for each agent is enough
            found = self._certificates.get(agent)
            if found is None:
                found = self._certificates[agent] = second_look(lambda: self._admitted(agent))
            return found

    def _admitted(self, agent: str) -> Certificate:
        name = f"{Folder.AGENTS}{agent}"
        try:
            raw = self.storage.get(PREFIX + name) if is_id(agent) else b""
        except ObjectNotFound:
            raw = b""
        if not raw:
            raise DamagedError(f"{self.describe()} has something signed by {agent!r}, whom nobody admitted")
        epoch = self.keys.epoch(envelope.epoch_of(raw, name), f"{PREFIX}{name}")
        signed = envelope.open_(epoch.metadata, self.id, Kind.CERTIFICATE, name, raw, Signed)
        return agents.check_certificate(self.keys.ring.authority, self.id, name, signed)

    def admit(self, agent: Agent, hosts: Sequence[str]) -> None:
        """Store a certificate for ``agent``; :class:`PermissionDenied` if our key may not do that."""
        name = f"{Folder.AGENTS}{agent.id}"
        ring = self.keys.ring
        signed = agents.certify(
            ring.authority_seed, self.id, name, agent, hosts=list(hosts), role=ring.role, created=self.now()
        )
        self.put(Kind.CERTIFICATE, name, signed)

    def _writer(self) -> Agent:
        if self.agent is None:
            raise PermissionDenied(f"{self.describe()} is open for reading only")
        return self.agent
