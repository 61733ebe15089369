"""Whose word counts in a repository: certificates and signatures."""

from __future__ import annotations

import os

import msgspec
import pytest

from freezer.crypto import primitives
from freezer.errors import DamagedError, ObjectNotFound, PermissionDenied, UnknownFormat
from freezer.repository import envelope
from freezer.repository.documents import Certificate, Condemned, Epoch, Signed, Tomb, encode
from freezer.repository.keys import agents
from freezer.repository.keys.agents import Agent
from freezer.repository.keys.ring import Keys
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.store import SIGNED, Repository
from support.indexing import CLOCK, encrypted, writable

TOMB = Tomb("x", 1, "by policy")


@pytest.fixture
def repository() -> Repository:
    return writable(encrypted())


def _name() -> str:
    return Folder.TOMBS + new_id(CLOCK)


def _unsealed(repository: Repository, kind: Kind, name: str) -> Signed:
    raw = repository.read(name)
    return envelope.open_(repository.keys.newest.metadata, repository.id, kind, name, raw, Signed)


def _seal(repository: Repository, kind: Kind, name: str, signed: Signed) -> None:
    """What somebody could put who has the metadata key but is no agent."""
    data = envelope.seal(repository.keys.newest.metadata, repository.id, kind, name, signed, epoch=1)
    repository.storage.put(PREFIX + name, data)


def _with(repository: Repository, **change: object) -> Repository:
    """The same repository with another ring."""
    ring = msgspec.structs.replace(repository.keys.ring, **change)
    keys = Keys.of(repository.id, ring, repository.keys.access)
    return Repository(repository.storage, repository.config, keys, CLOCK, repository.agent)


def _agent(repository: Repository) -> Agent:
    assert repository.agent is not None
    return repository.agent


def test_what_an_admitted_agent_puts_is_read_as_its_word(repository: Repository) -> None:
    name = _name()
    raw = repository.put(Kind.TOMB, name, TOMB)
    read = repository.get(Kind.TOMB, name, Tomb)
    assert (read.document, read.agent, read.raw) == (TOMB, _agent(repository).id, raw)
    assert repository.open_object(Kind.TOMB, name, raw, Tomb) == read


def test_everything_is_signed_that_others_rely_on() -> None:
    assert set(Kind) - SIGNED == {Kind.RING, Kind.CERTIFICATE, Kind.CATALOG}


def test_who_only_reads_puts_nothing() -> None:
    repository = encrypted()
    with pytest.raises(PermissionDenied, match="open for reading only"):
        repository.put(Kind.TOMB, _name(), TOMB)


def test_the_word_of_an_agent_whom_nobody_admitted_does_not_count() -> None:
    repository = encrypted()
    stranger = Repository(repository.storage, repository.config, repository.keys, CLOCK, Agent.new(new_id(CLOCK)))
    name = _name()
    stranger.put(Kind.TOMB, name, TOMB)
    with pytest.raises(DamagedError, match="whom nobody admitted"):
        repository.get(Kind.TOMB, name, Tomb)


def test_an_agent_cannot_speak_for_another(repository: Repository) -> None:
    other, name = Agent.new(new_id(CLOCK)), _name()
    repository.admit(other, ["*"])
    signed = other.sign(repository.id, Kind.TOMB, name, TOMB)
    for forged in (
        msgspec.structs.replace(signed, agent=_agent(repository).id),
        msgspec.structs.replace(signed, document=encode(Tomb("y", 1))),
        msgspec.structs.replace(signed, signature=bytes(64)),
        msgspec.structs.replace(signed, signature=b""),
    ):
        _seal(repository, Kind.TOMB, name, forged)
        with pytest.raises(DamagedError, match="is not signed by the agent that it names"):
            repository.get(Kind.TOMB, name, Tomb)
    _seal(repository, Kind.TOMB, name, signed)
    assert repository.get(Kind.TOMB, name, Tomb).agent == other.id


def test_what_was_said_of_one_thing_is_not_said_of_another(repository: Repository) -> None:
    name, other = _name(), _name()
    repository.put(Kind.TOMB, name, TOMB)
    signed = _unsealed(repository, Kind.TOMB, name)
    _seal(repository, Kind.TOMB, other, signed)
    with pytest.raises(DamagedError, match="is not signed"):
        repository.get(Kind.TOMB, other, Tomb)
    _seal(repository, Kind.HOLD, name, signed)
    with pytest.raises(DamagedError, match="is not signed"):
        repository.get(Kind.HOLD, name, Tomb)


def test_what_was_said_in_another_repository_is_not_said_here(repository: Repository) -> None:
    other = encrypted()
    other.admit(_agent(repository), ["*"])
    name = _name()
    repository.put(Kind.TOMB, name, TOMB)
    other.storage.put(PREFIX + name, repository.read(name))
    with pytest.raises(DamagedError):
        other.get(Kind.TOMB, name, Tomb)
    _seal(other, Kind.TOMB, name, _unsealed(repository, Kind.TOMB, name))
    with pytest.raises(DamagedError, match="is not signed"):
        other.get(Kind.TOMB, name, Tomb)


def _certificates(repository: Repository, agent: Agent) -> list[Signed]:
    """Certificates for ``agent`` that are none."""
    name, other = Folder.AGENTS + agent.id, Agent.new(new_id(CLOCK))
    seed = repository.keys.ring.authority_seed

    def certify(seed: bytes, name: str, agent: Agent, repository: bytes = repository.id) -> Signed:
        return agents.certify(seed, repository, name, agent, hosts=["*"], role="owner", created=1)

    good = certify(seed, name, agent)
    return [
        certify(os.urandom(32), name, agent),  # by another authority
        certify(agent.seed.reveal(), name, agent),  # by the agent itself
        certify(seed, Folder.AGENTS + other.id, agent),
        certify(seed, name, other),
        certify(seed, name, agent, b"S" * 16),
        msgspec.structs.replace(good, agent=agent.id),
        msgspec.structs.replace(good, signature=b""),
    ]


def test_only_the_authority_admits_agents(repository: Repository) -> None:
    agent = Agent.new(new_id(CLOCK))
    name = _name()
    for forged in _certificates(repository, agent):
        _seal(repository, Kind.CERTIFICATE, Folder.AGENTS + agent.id, forged)
        _seal(repository, Kind.TOMB, name, agent.sign(repository.id, Kind.TOMB, name, TOMB))
        with pytest.raises(DamagedError):
            repository.get(Kind.TOMB, name, Tomb)


def test_a_certificate_says_for_which_hosts_an_agent_speaks(repository: Repository) -> None:
    agent = Agent.new(new_id(CLOCK))
    repository.admit(agent, ["web1", "web2"])
    found = repository.certificate(agent.id)
    assert found == Certificate(agent.id, agent.public_key, ["web1", "web2"], "owner", repository.now())


def test_who_lacks_the_authoritys_secret_admits_nobody(repository: Repository) -> None:
    with pytest.raises(PermissionDenied, match="may not admit agents"):
        _with(repository, authority_seed=b"").admit(Agent.new(new_id(CLOCK)), ["*"])


def test_new_objects_are_sealed_for_the_newest_epoch_and_old_ones_stay_readable(repository: Repository) -> None:
    old, new = _name(), _name()
    repository.put(Kind.TOMB, old, TOMB)
    epochs = [Epoch(7, os.urandom(32), os.urandom(32)), *repository.keys.ring.epochs]
    later = _with(repository, epochs=epochs)
    later.put(Kind.TOMB, new, TOMB)
    assert envelope.epoch_of(later.read(new), new) == 7
    assert later.get(Kind.TOMB, old, Tomb).document == TOMB
    assert later.get(Kind.TOMB, new, Tomb).document == TOMB
    with pytest.raises(UnknownFormat, match="epoch 7, which this key does not open"):
        repository.get(Kind.TOMB, new, Tomb)


def test_an_agent_is_made_of_its_seed() -> None:
    agent = Agent.new("a")
    again = Agent.from_seed("a", agent.seed)
    assert again.public_key == agent.public_key == primitives.signing_key(agent.seed.reveal())[1]
    assert agent.seed.reveal().hex() not in repr(agent)


def test_names_sizes_and_existence(repository: Repository) -> None:
    names = sorted(_name() for _ in range(3))
    for name in names:
        repository.put(Kind.TOMB, name, TOMB)
    assert repository.names(Folder.TOMBS) == names
    assert [info.size for info in repository.list(Folder.TOMBS)] == [len(repository.read(name)) for name in names]
    assert repository.exists(names[0])
    repository.delete(names[0])
    assert not repository.exists(names[0])
    with pytest.raises(ObjectNotFound):
        repository.get(Kind.TOMB, names[0], Tomb)


def test_a_document_of_another_type_is_one_line(repository: Repository) -> None:
    name = _name()
    repository.put(Kind.TOMB, name, Condemned(["packs/a-0"]))
    with pytest.raises(DamagedError, match="is not what it should be"):
        repository.get(Kind.TOMB, name, Tomb)
