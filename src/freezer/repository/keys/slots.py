"""Slots: a role key, sealed for one passphrase or machine secret each."""

from __future__ import annotations

import os

import msgspec

from freezer.crypto import primitives
from freezer.decoding import json_decoder
from freezer.errors import DamagedError, UnknownFormat, UsageError
from freezer.repository.documents import UNDECODABLE
from freezer.repository.envelope import prefix
from freezer.repository.names import is_id
from freezer.secret import Secret

FORMAT = "freezer slot"
VERSION = 1
ROLES = ("owner", "maintainer", "agent", "escrow")
MACHINE_SECRET = 16  # bytes that a machine secret has at least
_SALT = 16
_NONCE = 12
_LABEL = b"freezer slot"


class Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the secret becomes a slot key: ``argon2id`` for passphrases (memory in KiB), ``hkdf`` for random secrets,
    ``public`` for repositories that are not encrypted. ``salt`` in hexadecimal digits."""

    name: str
    memory: int = 0
    passes: int = 0
    lanes: int = 0
    salt: str = ""


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document of ``keys/<slot>``; ``sealed`` and ``nonce`` in hexadecimal digits."""

    role: str
    ring: str
    label: str
    created: str
    derivation: Derivation
    sealed: str = ""
    nonce: str = ""
    format: str = FORMAT
    version: int = VERSION

    @property
    def public(self) -> bool:
        return self.derivation.name == "public"


class Cost(msgspec.Struct, frozen=True):
    """Of deriving a key from a passphrase: memory in KiB, passes over it, lanes in parallel."""

    memory: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class Purpose(msgspec.Struct, frozen=True):
    """Which slot is made: its place (the repository's id, the object's name), and what it says in clear."""

    repository: bytes
    name: str
    role: str
    ring: str
    label: str
    created: str


def for_passphrase(passphrase: Secret, role_key: bytes, purpose: Purpose, cost: Cost) -> Slot:
    """A slot that ``passphrase`` opens; :class:`UsageError` if it is empty."""
    if not passphrase.reveal():
        raise UsageError("the passphrase is empty")
    salt = os.urandom(_SALT).hex()
    return _sealed(Derivation("argon2id", cost.memory, cost.passes, cost.lanes, salt), passphrase, role_key, purpose)


def for_machine(secret: Secret, role_key: bytes, purpose: Purpose) -> Slot:
    """A slot that the random ``secret`` opens, at no cost; :class:`UsageError` if it is too short to be one."""
    if len(secret.reveal()) < MACHINE_SECRET:
        raise UsageError(f"a machine secret has at least {MACHINE_SECRET} bytes; this one has {len(secret.reveal())}")
    return _sealed(Derivation("hkdf", salt=os.urandom(_SALT).hex()), secret, role_key, purpose)


def in_clear(role_key: bytes, purpose: Purpose) -> Slot:
    """A slot that everybody opens."""
    return Slot(purpose.role, purpose.ring, purpose.label, purpose.created, Derivation("public"), role_key.hex())


def for_secret(secret: Secret | None, role_key: bytes, purpose: Purpose, cost: Cost, *, machine: bool) -> Slot:
    """A slot that ``secret`` opens, a passphrase or with ``machine`` a random one; without, everybody."""
    if secret is None:
        return in_clear(role_key, purpose)
    if machine:
        return for_machine(secret, role_key, purpose)
    return for_passphrase(secret, role_key, purpose, cost)


def write(slot: Slot) -> bytes:
    return msgspec.json.format(msgspec.json.encode(slot), indent=1) + b"\n"


def parse(data: bytes, place: str) -> Slot:
    """The slot in ``data``; :class:`DamagedError` if it is none, :class:`UnknownFormat` if it is one that we cannot
    honour."""
    try:
        slot = json_decoder(Slot).decode(data)
    except UNDECODABLE as error:
        raise DamagedError(f"{place} is not a slot: {error}") from None
    if (slot.format, slot.version) != (FORMAT, VERSION) or slot.role not in ROLES or not is_id(slot.ring):
        raise UnknownFormat(f"{place} is of version {slot.version} or a role that this program does not know")
    return _checked(slot, place)


def open_(slot: Slot, secret: Secret | None, *, repository: bytes, name: str) -> bytes | None:
    """The role key, or None if ``secret`` is not the one (there is none for a public slot)."""
    if slot.public:
        return bytes.fromhex(slot.sealed)
    if secret is None:
        return None
    key = _slot_key(slot.derivation, secret)
    return primitives.unseal(
        key, bytes.fromhex(slot.nonce), bytes.fromhex(slot.sealed), prefix(repository, "slot", name)
    )


def _sealed(derivation: Derivation, secret: Secret, role_key: bytes, purpose: Purpose) -> Slot:
    nonce = os.urandom(_NONCE)
    associated = prefix(purpose.repository, "slot", purpose.name)
    sealed = primitives.seal(_slot_key(derivation, secret), nonce, role_key, associated)
    return Slot(purpose.role, purpose.ring, purpose.label, purpose.created, derivation, sealed.hex(), nonce.hex())


def _slot_key(derivation: Derivation, secret: Secret) -> bytes:
    salt = bytes.fromhex(derivation.salt)
    if derivation.name == "hkdf":
        return primitives.expand(secret.reveal() + salt, _LABEL)
    return primitives.stretch(
        secret.reveal(), salt, memory=derivation.memory, passes=derivation.passes, lanes=derivation.lanes
    )


def _checked(slot: Slot, place: str) -> Slot:
    """No slot makes us spend more memory or time than any writer of ours would ask for."""
    given = slot.derivation
    try:
        salt, sealed, nonce = (bytes.fromhex(each) for each in (given.salt, slot.sealed, slot.nonce))
    except ValueError:
        raise DamagedError(f"{place} is damaged") from None
    if given.name == "public":
        good = len(sealed) == primitives.KEY_SIZE
    else:
        good = len(sealed) == primitives.KEY_SIZE + primitives.TAG_SIZE and len(nonce) == _NONCE and len(salt) >= _SALT
    if given.name == "argon2id":
        if not (1 <= given.lanes <= 16 and 1 <= given.passes <= 16 and 8 * given.lanes <= given.memory <= 1 << 20):
            raise UnknownFormat(f"{place} wants a key derivation that costs more than this program spends")
    elif given.name not in ("hkdf", "public"):
        raise UnknownFormat(f"{place} uses the key derivation {given.name!r}, which this program does not know")
    if not good:
        raise DamagedError(f"{place} is damaged")
    return slot
