"""Agents: who signs what, and whose word counts."""

from __future__ import annotations

import os

import msgspec

from freezer.crypto import primitives
from freezer.errors import DamagedError, PermissionDenied
from freezer.repository.documents import Certificate, Document, Signed, decode, encode
from freezer.repository.envelope import prefix
from freezer.repository.names import Kind
from freezer.secret import Secret

ANY_HOST = "*"


class Agent(msgspec.Struct, frozen=True):
    """An installation that may write: its id, its public key and the secret one."""

    id: str
    public_key: bytes
    seed: Secret

    @classmethod
    def new(cls, id: str) -> Agent:
        return cls.from_seed(id, Secret(os.urandom(primitives.KEY_SIZE)))

    @classmethod
    def from_seed(cls, id: str, seed: Secret) -> Agent:
        return cls(id, primitives.signing_key(seed.reveal())[1], seed)

    def sign(self, repository: bytes, kind: Kind, name: str, document: Document) -> Signed:
        plain = encode(document)
        return Signed(plain, self.id, primitives.sign(self.seed.reveal(), prefix(repository, kind, name) + plain))


def certify(
    authority_seed: bytes, repository: bytes, name: str, agent: Agent, *, hosts: list[str], role: str, created: int
) -> Signed:
    """A certificate for ``agent``, to be stored as ``name``; :class:`PermissionDenied` without the authority's
    secret."""
    if not authority_seed:
        raise PermissionDenied(
            "this key may not admit agents to the repository", hint="use an owner's key once on this machine"
        )
    plain = encode(Certificate(agent.id, agent.public_key, hosts, role, created))
    message = prefix(repository, Kind.CERTIFICATE, name) + plain
    return Signed(plain, "", primitives.sign(authority_seed, message))


def check_certificate(authority: bytes, repository: bytes, name: str, signed: Signed) -> Certificate:
    """The certificate, if the authority has signed it; otherwise :class:`DamagedError`."""
    message = prefix(repository, Kind.CERTIFICATE, name) + signed.document
    if signed.agent or not primitives.verify(authority, signed.signature, message):
        raise DamagedError(f"{name} is not signed by the authority of this repository")
    certificate = decode(signed.document, Certificate, name)
    if not name.endswith("/" + certificate.agent):
        raise DamagedError(f"{name} is the certificate of another agent")
    return certificate


def check_signature(certificate: Certificate, repository: bytes, kind: Kind, name: str, signed: Signed) -> bytes:
    """The document's bytes if that agent has signed them; otherwise :class:`DamagedError`."""
    message = prefix(repository, kind, name) + signed.document
    if signed.agent != certificate.agent or not primitives.verify(certificate.public_key, signed.signature, message):
        raise DamagedError(f"{name} is not signed by the agent that it names")
    return signed.document
