"""The keys of packs, wrapped: each pack has two of its own, sealed under keys of the repository.

Who holds only metadata keys can open footers, and so move and delete bundles, but not read content.
"""

from __future__ import annotations

import enum
import hmac
import os

from freezer.crypto import primitives
from freezer.crypto.primitives import KEY_SIZE, TAG_SIZE
from freezer.errors import DamagedError, PermissionDenied, UnknownFormat
from freezer.repository.documents import WRAP_SIZE, Epoch, PackKind
from freezer.repository.envelope import prefix
from freezer.repository.names import PREFIX

NO_KEY = bytes(WRAP_SIZE)  # of a pack that has none, because all of its bundles are moved ones
_SECRET = b"\1\0\0\0"  # sealed under a secret of the epoch
_NONCE = 12
_SEALED = KEY_SIZE + TAG_SIZE
_RESERVED = bytes(12)
_COMMITMENT = 16
_COMMITMENT_LABEL = b"freezer pack key"


class Purpose(enum.Enum):
    """Which of a pack's keys."""

    CONTENT = b"content"
    FOOTER = b"footer"


def wrap(key: bytes, epoch: Epoch, repository: bytes, name: str, head: bytes, purpose: Purpose) -> bytes:
    """The :data:`WRAP_SIZE` bytes that stand for ``key`` in the pack ``name`` with the first bytes ``head``."""
    nonce = os.urandom(_NONCE)
    sealed = primitives.seal(
        _epoch_key(epoch, name, head, purpose), nonce, key, _associated(repository, name, head, purpose)
    )
    return _SECRET + nonce + sealed + _RESERVED + _commitment(key)


def unwrap(wrapped: bytes, epoch: Epoch, repository: bytes, name: str, head: bytes, purpose: Purpose) -> bytes:
    """The key in ``wrapped``. :class:`DamagedError` if it was altered or is that of another pack,
    :class:`PermissionDenied` if our role may not have it."""
    what = f"the {purpose.value.decode()} key of {PREFIX}{name}"
    if len(wrapped) != WRAP_SIZE or wrapped[1:4] != _SECRET[1:4] or wrapped == NO_KEY:
        raise DamagedError(f"{what} is damaged")
    if wrapped[:1] != _SECRET[:1]:
        raise UnknownFormat(f"{what} is wrapped in a way that this program does not know")
    nonce, sealed = wrapped[4 : 4 + _NONCE], wrapped[4 + _NONCE : 4 + _NONCE + _SEALED]
    key = primitives.unseal(
        _epoch_key(epoch, name, head, purpose), nonce, sealed, _associated(repository, name, head, purpose)
    )
    good = key is not None and hmac.compare_digest(_RESERVED + _commitment(key), wrapped[4 + _NONCE + _SEALED :])
    if key is None or not good:
        raise DamagedError(f"{what} is damaged")
    return key


def _epoch_key(epoch: Epoch, name: str, head: bytes, purpose: Purpose) -> bytes:
    """The data key for the content of data packs, the metadata key for everything else."""
    data = purpose is Purpose.CONTENT and head[9] == PackKind.DATA
    key = epoch.data if data else epoch.metadata
    if not key:
        raise PermissionDenied(f"this key may not read the content of {PREFIX}{name}")
    return key


def _associated(repository: bytes, name: str, head: bytes, purpose: Purpose) -> bytes:
    return prefix(repository, "pack key", name) + head + purpose.value


def _commitment(key: bytes) -> bytes:
    return hmac.digest(key, _COMMITMENT_LABEL, "sha256")[:_COMMITMENT]
