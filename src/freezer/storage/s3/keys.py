"""Keys of S3 that are no objects."""

from __future__ import annotations

from freezer.errors import PermanentError
from freezer.storage.contract import check_name
from freezer.storage.objects.names import check_length

OWN = ".freezer-s3-"
"""How the last part of a key begins that is the storage's own business."""


def check_free(name: str) -> str:
    """``name`` if it is a legal name that the storage does not keep for itself."""
    check_name(name)
    if is_own(name):
        raise PermanentError(f"{name!r} is a name that the S3 storage keeps for itself")
    return check_length(name, "S3")


def is_own(key: str) -> bool:
    """Whether the storage put it there for itself; it is no object of the contract."""
    return key.rpartition("/")[2].startswith(OWN)
