"""What this machine remembers of a repository: who it is there, and what it has seen.

Losing it costs an agent's identity, which is made anew, and the memory by which a rollback would be noticed; no
backup depends on it. So what cannot be read or written is a notice. Folders have mode 0700, files 0600.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from freezer.crypto.primitives import KEY_SIZE
from freezer.decoding import json_decoder
from freezer.errors import DamagedError, ObjectExists, ObjectNotFound, StorageError
from freezer.progress import Notice
from freezer.repository.cache import user_directory
from freezer.repository.documents import UNDECODABLE
from freezer.repository.ids import digest
from freezer.repository.keys.agents import ANY_HOST, Agent
from freezer.repository.names import Folder, is_id, new_id
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage

T = TypeVar("T")

_HEADS = "heads.json"
_MACHINE_ID = "/etc/machine-id"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last commit of an agent that was seen: name of the object, how many the agent had made before it, H of its
    bytes in hexadecimal digits."""

    name: str
    counter: int
    digest: str


class _Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are for the backups of a host, and the authority of the repository that admitted us; ``seed`` and
    ``authority`` in hexadecimal digits; ``machine``: of a machine with that mark, empty for any."""

    host: str
    agent: str
    seed: str
    authority: str
    machine: str = ""


class LocalState:
    """Kept in ``storage``, which nobody but this user reads; nothing is made there before something is written.
    ``machine`` tells this machine from a copy of it; empty if that cannot be told."""

    def __init__(self, storage: Storage, notice: Notice, machine: str = "") -> None:
        self._storage = storage
        self._notice = notice
        self._machine = machine

    @classmethod
    def of(cls, repository: Repository, notice: Notice, environment: Mapping[str, str] = os.environ) -> LocalState:
        """This user's state for ``repository``: below ``$XDG_STATE_HOME/freezer/``."""
        directory = user_directory("XDG_STATE_HOME", os.path.join(".local", "state"), repository, environment)
        return cls(LocalStorage(directory, clock=repository.clock), notice, machine_mark())

    def enter(self, repository: Repository, host: str) -> Repository:
        """``repository`` for writing, as the agent that this machine has for ``host``: made at first use, and admitted
        by our own key (:class:`PermissionDenied` if that may not). A copy of another machine becomes an agent of its
        own: two that are one would take each other's backups for dead ones of their own.

        :class:`DamagedError` if the repository's keys are not those that admitted us: somebody has put another one in
        its place."""
        name = f"agent-{digest(host.encode('utf-8', 'surrogateescape')).hex()[:32]}.json"
        agent = self._agent(name, host, repository)
        serves = None if agent is None else not self._is_copied(name) and self._serves(repository, agent, host)
        if agent is None or serves is False:
            agent, serves = self._new_agent(repository, name, host, replace=agent is not None), None
        if serves is None and not repository.exists(Folder.AGENTS + agent.id):
            repository.admit(agent, [host])
        return Repository(repository.storage, repository.config, repository.keys, repository.clock, agent)

    def heads(self) -> dict[str, Head]:
        """The last commit that was seen of each agent, by the agent's id."""
        return self._read(_HEADS, dict[str, Head]) or {}

    def remember(self, heads: Mapping[str, Head]) -> None:
        """These commits were seen, too; of each agent the later one counts."""
        known = self.heads()
        later = {agent: head for agent, head in heads.items() if agent not in known or known[agent] != head}
        later = {agent: head for agent, head in later.items() if head.counter >= _counter(known.get(agent))}
        if later:
            try:
                self._storage.prepare()
                self._storage.put(_HEADS, msgspec.json.encode({**known, **later}))
            except StorageError as error:
                self._notice(f"what was seen of the repository cannot be remembered: {error.message}")

    def _agent(self, name: str, host: str, repository: Repository) -> Agent | None:
        """Who we are, as far as we know."""
        identity = self._read(name, _Identity)
        if identity is None:
            return None
        try:
            seed = bytes.fromhex(identity.seed)
        except ValueError:
            seed = b""
        if len(seed) != KEY_SIZE or not is_id(identity.agent) or identity.host != host:
            self._notice(f"{self._storage.describe()}: {name} is damaged")
            return None
        if identity.authority != repository.keys.ring.authority.hex():
            raise DamagedError(
                f"{repository.describe()} has other keys than when this machine used it last",
                hint=f"somebody may have replaced it; if that is right, remove {name} in {self._storage.describe()}",
            )
        return Agent.from_seed(identity.agent, Secret(seed))

    def _is_copied(self, name: str) -> bool:
        """Whether who we are was decided on another machine, of which this one is a copy."""
        identity = self._read(name, _Identity)
        known = "" if identity is None else identity.machine
        copied = bool(known and self._machine) and known != self._machine
        if copied:
            self._notice("this seems to be a copy of another machine; in the repository it gets an identity of its own")
        return copied

    def _serves(self, repository: Repository, agent: Agent, host: str) -> bool | None:
        """Whether the repository knows ``agent`` as us; None if it does not know it at all."""
        try:
            certificate = repository.certificate(agent.id)
        except DamagedError as error:
            if not repository.exists(Folder.AGENTS + agent.id):
                return None
            self._notice(f"{error.message}; this machine gets another identity")
            return False
        return certificate.public_key == agent.public_key and bool({host, ANY_HOST} & set(certificate.hosts))

    def _new_agent(self, repository: Repository, name: str, host: str, *, replace: bool) -> Agent:
        """An identity that is on the disk before anybody hears of it; if another process has made one at the same
        time, that."""
        agent = Agent.new(new_id(repository.clock))
        authority = repository.keys.ring.authority.hex()
        identity = _Identity(host, agent.id, agent.seed.reveal().hex(), authority, self._machine)
        written = msgspec.json.encode(identity)
        try:
            self._storage.prepare()
            if replace:
                self._storage.put(name, written)
            else:
                self._storage.put_new(name, written)
        except ObjectExists:
            other = self._agent(name, host, repository)
            if other is not None:
                return other
            self._storage.put(name, written)
        except StorageError as error:
            self._notice(f"who this machine is will be forgotten: {error.message}")
        return agent

    def _read(self, name: str, type: type[T]) -> T | None:
        try:
            return json_decoder(type).decode(self._storage.get(name)) if self._storage.exists() else None
        except ObjectNotFound:
            return None
        except StorageError as error:
            self._notice(error.message)
        except UNDECODABLE:
            self._notice(f"{self._storage.describe()}: {name} is damaged")
        return None


def machine_mark(path: str = _MACHINE_ID) -> str:
    """What tells this installation of a system from others: made of its machine id (machine-id(5)), which is not to be
    told itself. Empty if it has none."""
    try:
        with open(path, "rb") as file:
            id = file.read().strip()
    except OSError:
        return ""
    return digest(b"freezer machine" + id).hex()[:32] if id else ""


def _counter(head: Head | None) -> int:
    return -1 if head is None else head.counter
