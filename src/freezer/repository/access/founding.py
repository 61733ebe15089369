"""Making a repository, and opening one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from freezer.clock import Clock
from freezer.crypto import primitives
from freezer.errors import (
    ContainerError,
    DamagedError,
    DataError,
    FreezerError,
    ObjectExists,
    ObjectNotFound,
    PassphraseError,
    UsageError,
)
from freezer.progress import Notice
from freezer.repository import config as configs
from freezer.repository import envelope
from freezer.repository.config import ChunkSizes, Config, Decider
from freezer.repository.documents import Epoch, Ring
from freezer.repository.ids import digest
from freezer.repository.keys import slots
from freezer.repository.keys.ring import Access, Keys, check_ring
from freezer.repository.keys.slots import Cost, Purpose, Slot
from freezer.repository.names import (
    CONFIG,
    CONFIG_COPY,
    COPY,
    PREFIX,
    Folder,
    Kind,
    is_numbered,
    new_id,
    number_of,
    numbered,
)
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.storage.contract import Storage

OWNER = "owner"


class Opener(msgspec.Struct, frozen=True):
    """What a repository is opened with: a passphrase, or with ``machine`` a random secret; nothing for one that is not
    encrypted."""

    secret: Secret | None = None
    machine: bool = False


class Plan(msgspec.Struct, frozen=True):
    """How a repository is made. ``decider``: None for the stronger one that the storage can do; ``label``: of its
    first slot."""

    opener: Opener
    label: str = ""
    decider: Decider | None = None
    chunks: ChunkSizes = msgspec.field(default_factory=ChunkSizes)
    cost: Cost = msgspec.field(default_factory=Cost)


def exists(storage: Storage) -> bool:
    """Whether the container holds a repository, of whatever version and in whatever state."""
    return storage.exists() and any(_has(storage, name) for name in (CONFIG, CONFIG_COPY))


def init(storage: Storage, clock: Clock, plan: Plan) -> Repository:
    """Make a repository in the container; :class:`ContainerError` if there is one. It exists once a copy of its config
    does, which is written last: what an attempt leaves behind that ended before is in nobody's way. If one ended
    between the two copies, the missing one is put."""
    storage.prepare()
    if exists(storage):
        _complete(storage)
        raise _taken(storage)
    config = Config(
        os.urandom(16).hex(),
        os.urandom(16).hex(),
        plan.decider or _strongest(storage),
        datetime.fromtimestamp(int(clock.now()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        plan.opener.secret is not None,
        plan.chunks,
    )
    if config.decider is Decider.CREATE_ONCE and not storage.capabilities.create_once:
        raise UsageError(f"{storage.describe()} cannot decide by create-once", hint="use the decider markers")
    written = configs.write(config)
    ring = _first_ring(digest(written), open=not config.encrypted)
    access = Access(new_id(clock), new_id(clock), Secret(os.urandom(primitives.KEY_SIZE)))
    _put_ring(storage, config.id, access, ring)
    _put_slot(storage, config, access, plan)
    for name in (CONFIG_COPY, CONFIG):
        with suppress(ObjectExists):  # perhaps with our bytes, after an answer that never came
            storage.put_new(PREFIX + name, written)
        if storage.get(PREFIX + name) != written:
            raise _taken(storage)  # somebody else made one at the same time
    if storage.get(PREFIX + CONFIG_COPY) != written:
        raise _taken(storage)  # likewise, where put_new is not create-once
    return Repository(storage, config, Keys.of(config.id, ring, access), clock)


def open_(storage: Storage, clock: Clock, opener: Opener, notice: Notice) -> Repository:
    """The repository in the container, for reading. :class:`ContainerError` if there is none, :class:`PassphraseError`
    if the secret opens no slot of it; one damaged copy or slot is a notice as long as another serves."""
    problems: list[FreezerError] = []
    for config, written in _configs(storage, problems):
        try:
            keys = _unlock(storage, config, opener, notice)
            if keys.ring.config != digest(written):
                raise DamagedError(f"the config of the repository in {storage.describe()} was changed")
        except DataError as error:
            problems.append(error)
            continue
        for problem in problems:
            notice(f"{problem.message}; the other copy is used")
        return Repository(storage, config, keys, clock)
    if all(isinstance(problem, ObjectNotFound) for problem in problems):
        raise ContainerError(
            f"there is no repository in {storage.describe()}", hint="make one with `freezer-agent init`"
        )
    raise next(problem for problem in problems if not isinstance(problem, ObjectNotFound))


def _has(storage: Storage, name: str) -> bool:
    try:
        storage.stat(PREFIX + name)
    except ObjectNotFound:
        return False
    return True


def _complete(storage: Storage) -> None:
    """Put the config if there is only its copy. Whether that is right, the ring says to whoever opens it."""
    if not _has(storage, CONFIG):
        with suppress(ObjectExists):
            storage.put_new(PREFIX + CONFIG, storage.get(PREFIX + CONFIG_COPY))


def _taken(storage: Storage) -> ContainerError:
    return ContainerError(f"{storage.describe()} has a repository already")


def _strongest(storage: Storage) -> Decider:
    return Decider.CREATE_ONCE if storage.capabilities.create_once else Decider.MARKERS


def _first_ring(config: bytes, *, open: bool) -> Ring:
    keys = [os.urandom(primitives.KEY_SIZE) for _ in range(4)]
    seed, public = primitives.signing_key(keys[3])
    return Ring(OWNER, config, open, keys[0], [Epoch(1, keys[1], keys[2])], public, seed)


def _put_ring(storage: Storage, repository: bytes, access: Access, ring: Ring) -> None:
    """Twice, because without it everything is lost."""
    for number in (1, 2):
        name = Folder.RINGS + numbered(access.ring, number)
        sealed = envelope.seal(access.role_key.reveal(), repository, Kind.RING, name, ring, epoch=0)
        storage.put(PREFIX + name, sealed)


def _put_slot(storage: Storage, config: Config, access: Access, plan: Plan) -> None:
    name = Folder.KEYS + access.slot
    purpose = Purpose(config.id, name, OWNER, access.ring, plan.label, config.created)
    opener, role_key = plan.opener, access.role_key.reveal()
    slot = slots.for_secret(opener.secret, role_key, purpose, plan.cost, machine=opener.machine)
    put_slot(storage, name, slot)


def put_slot(storage: Storage, name: str, slot: Slot) -> None:
    """Store a slot, twice."""
    for each in (name + COPY, name):
        storage.put(PREFIX + each, slots.write(slot))


def _configs(storage: Storage, problems: list[FreezerError]) -> Iterator[tuple[Config, bytes]]:
    """The config and its bytes, of each copy that can be read and differs from the one before; ``problems`` gets what
    is wrong with the others."""
    before = b""
    for name in (CONFIG, CONFIG_COPY):
        try:
            written = storage.get(PREFIX + name)
            config = configs.parse(written, f"{PREFIX}{name} in {storage.describe()}")
        except (DataError, ObjectNotFound) as error:
            problems.append(error)
            continue
        if written != before:
            yield config, written
        before = written


def _unlock(storage: Storage, config: Config, opener: Opener, notice: Notice) -> Keys:
    """What the secret opens. Slots of the wrong sort do not count, whoever put them there: a passphrase never opens
    what is not encrypted, because who gives one relies on it, and an encrypted repository has no public slots."""
    where = f"the repository in {storage.describe()}"
    if config.encrypted and opener.secret is None:
        raise PassphraseError(f"{where} is encrypted", hint="give its passphrase with --encrypt-pass-file")
    if not config.encrypted and opener.secret is not None:
        raise PassphraseError(
            f"{where} is not encrypted, though a passphrase is given", hint="use it without one, or make another"
        )
    tried, problem = False, None
    for name, slot in _slots(storage, public=not config.encrypted, notice=notice):
        tried = True
        role_key = slots.open_(slot, opener.secret, repository=config.id, name=name)
        if role_key is None:
            continue
        access = Access(name.removeprefix(Folder.KEYS), slot.ring, Secret(role_key))
        try:
            ring = _newest_ring(storage, config.id, access, notice)
        except DataError as error:  # what another init left behind, or a ring that is damaged
            problem = error
            continue
        if ring.open != config.encrypted:
            return Keys.of(config.id, ring, access)
        problem = DamagedError(f"{PREFIX}{name} was put there by nobody who owns the repository")
    if problem is not None:
        raise problem
    if tried:
        raise PassphraseError(f"no slot of {where} opens with this passphrase")
    raise DamagedError(f"{where} has no slot that can be read")


def _slots(storage: Storage, *, public: bool, notice: Notice) -> Iterator[tuple[str, Slot]]:
    """Names and documents of the slots that are public, or that are not, the cheap ones first; after all of them those
    of their copies that say something else, as it is if one of the two is damaged."""
    names = [info.name for info in storage.list(PREFIX + Folder.KEYS)]
    seen: dict[str, Slot] = {}
    for copies in (False, True):
        found: list[tuple[str, Slot]] = []
        for name in names:
            if name.endswith(COPY) == copies:
                try:
                    found.append((name.removeprefix(PREFIX).removesuffix(COPY), slots.parse(storage.get(name), name)))
                except ObjectNotFound:
                    continue  # somebody has just removed it
                except DataError as error:
                    notice(error.message)
        for id, slot in sorted(found, key=lambda each: each[1].derivation.name == "argon2id"):
            if slot.public == public and seen.get(id) != slot:
                yield id, slot
            seen[id] = slot


def _newest_ring(storage: Storage, repository: bytes, access: Access, notice: Notice) -> Ring:
    names = [info.name.removeprefix(PREFIX) for info in storage.list(PREFIX + Folder.RINGS)]
    found = [name for name in names if is_numbered(name, access.ring)]
    problems: list[DamagedError] = []
    for name in sorted(found, key=number_of, reverse=True):
        try:
            ring = open_ring(storage, repository, access, name)
        except DamagedError as error:
            problems.append(error)
            continue
        for problem in problems:
            notice(f"{problem.message}; an older copy is used")
        return ring
    raise next(iter(problems), DamagedError(f"{storage.describe()} lacks the ring {access.ring}"))


def open_ring(storage: Storage, repository: bytes, access: Access, name: str) -> Ring:
    """The ring ``name``, authenticated and checked."""
    role_key = access.role_key.reveal()
    ring = envelope.open_(role_key, repository, Kind.RING, name, storage.get(PREFIX + name), Ring)
    check_ring(ring, PREFIX + name)
    return ring
