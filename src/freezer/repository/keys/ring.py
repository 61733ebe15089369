"""The secrets of a role, opened."""

from __future__ import annotations

import msgspec

from freezer.crypto.primitives import KEY_SIZE
from freezer.errors import DamagedError, UnknownFormat
from freezer.repository.documents import Epoch, Ring
from freezer.repository.ids import Ids
from freezer.repository.keys.slots import ROLES
from freezer.secret import Secret


class Access(msgspec.Struct, frozen=True):
    """How we came by a ring: the slot and the ring, both by their ids, and the key that opens it."""

    slot: str
    ring: str
    role_key: Secret


class Keys(msgspec.Struct, frozen=True):
    """What opening a repository gives: its id, the ring, and what is derived from it. Epochs are sorted, the last is
    the newest."""

    repository: bytes
    ring: Ring
    ids: Ids
    access: Access

    @classmethod
    def of(cls, repository: bytes, ring: Ring, access: Access) -> Keys:
        epochs = sorted(ring.epochs, key=lambda epoch: epoch.number)
        return cls(repository, msgspec.structs.replace(ring, epochs=epochs), Ids(ring.identity), access)

    @property
    def newest(self) -> Epoch:
        """The keys that new objects are sealed with."""
        return self.ring.epochs[-1]

    def epoch(self, number: int, what: str) -> Epoch:
        """The keys of an epoch; :class:`UnknownFormat`, naming ``what`` needs them, if the ring lacks it."""
        for epoch in self.ring.epochs:
            if epoch.number == number:
                return epoch
        raise UnknownFormat(
            f"{what} is sealed with keys of epoch {number}, which this key does not open",
            hint="use a key that was added later",
        )

    @property
    def encrypted(self) -> bool:
        """Whether a secret is needed to read the repository."""
        return not self.ring.open


def check_ring(ring: Ring, what: str) -> None:
    """:class:`UnknownFormat` if the ring is of a role that we do not know, :class:`DamagedError` if it has not the keys
    that any role has, or keys of other sizes."""
    if ring.role not in ROLES:
        raise UnknownFormat(f"{what} is for the role {ring.role!r}, which this program does not know")
    keys = [key for epoch in ring.epochs for key in (epoch.data, epoch.metadata)]
    sizes = {len(key) for key in [*keys, ring.authority_seed] if key}
    if not ring.epochs or sizes - {KEY_SIZE} or {len(ring.identity), len(ring.authority)} != {KEY_SIZE}:
        raise DamagedError(f"{what} is damaged: it lacks keys")
