"""Names of objects: pure translation between names and what they mean.

Current layout (upstream since 3.0), relative to the container::

    metadata/ENGINE/NAME/ZERO/LEVEL_TIME/metadata
    data/ENGINE/NAME/ZERO/LEVEL_TIME/data
    data/ENGINE/NAME/ZERO/LEVEL_TIME/engine_metadata
    data/ENGINE/NAME/ZERO/LEVEL_TIME/segments/00000000      (Swift; ``segments-NONCE`` where two agents may collide)
    data/ENGINE/NAME/ZERO/LEVEL_TIME/claim-NONCE            (only while it is being made, where two agents may collide)

NAME may itself contain ``/`` (images: ``{hostname}_{backup_name}/{resource id}``), so names are read from the right.
Legacy layout (upstream up to 2.0)::

    NAME/ZERO/NAME_TIME_LEVEL
    NAME/ZERO/tar_metadata_NAME_TIME_LEVEL

Whatever does not have one of these shapes, with plain decimal numbers, means nothing to us and parses to None.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from freezer.errors import PermanentError, UsageError
from freezer.storage.contract import check_name

Layout = Literal["current", "legacy"]
Part = Literal["record", "data", "state", "segment", "claim"]

LEGACY_ENGINE = "tar"
_NUMBER = "(?:0|[1-9][0-9]{0,18})"
_RECORD = re.compile(rf"metadata/([^/]+)/(.+)/({_NUMBER})/({_NUMBER})_({_NUMBER})/metadata", re.DOTALL)
_DATA = re.compile(
    rf"data/([^/]+)/(.+)/({_NUMBER})/({_NUMBER})_({_NUMBER})/"
    r"(?:(data)|(engine_metadata)|(claim)-[^/]+|segments(?:-[^/]+)?/[0-9]{8,})",
    re.DOTALL,
)
_LEGACY = re.compile(rf"([^/]+)/({_NUMBER})/(tar_metadata_)?\1_({_NUMBER})_({_NUMBER})", re.DOTALL)


class SetId(msgspec.Struct, frozen=True, order=True):
    """A backup set: ``engine`` as filed (``tar``; both rsync engines are ``rsync``) and ``name``, which is
    ``{hostname}_{backup_name}``."""

    engine: str
    name: str

    @classmethod
    def of(cls, engine: str, hostname: str, backup_name: str) -> SetId:
        """The set of these options; :class:`UsageError` if they make no legal object name."""
        name = f"{hostname}_{backup_name}"
        try:
            check_name(name)
            name.encode()
        except (PermanentError, UnicodeEncodeError):
            raise UsageError(
                f"backup name {backup_name!r} of host {hostname!r} cannot be stored: a name is UTF-8 text without "
                "empty, '.' or '..' parts between slashes"
            ) from None
        return cls(engine, name)

    def __str__(self) -> str:
        return f"{self.name} ({self.engine})"


class BackupKey(msgspec.Struct, frozen=True, order=True):
    """One backup of a set: its chain (``zero``, the time of the chain's level 0), level and own time."""

    set: SetId
    zero: int
    level: int
    time: int

    @property
    def id(self) -> str:
        """``{hostname}_{backup_name}_{time}_{level}``: the API's composed id without its container."""
        return f"{self.set.name}_{self.time}_{self.level}"

    def __str__(self) -> str:
        return f"level {self.level} of {self.set} at {self.time}"


def record_name(key: BackupKey) -> str:
    """Where the commit record lies."""
    return f"metadata/{_stem(key)}/metadata"


def data_name(key: BackupKey) -> str:
    """Where the stream lies (on Swift: its manifest)."""
    return f"data/{_stem(key)}/data"


def state_name(key: BackupKey) -> str:
    """Where the state that the next level starts from lies."""
    return f"data/{_stem(key)}/engine_metadata"


def below(key: BackupKey) -> str:
    """The prefix of all objects of the backup but its record."""
    return f"data/{_stem(key)}/"


def claim_name(key: BackupKey, nonce: str) -> str:
    """Where the agent that calls itself ``nonce`` says that it is making this backup."""
    return f"data/{_stem(key)}/claim-{nonce}"


def segment_name(key: BackupKey, number: int, nonce: str | None = None) -> str:
    """Where segment ``number`` (from 0) of the stream lies, if the storage keeps streams in segments."""
    folder = "segments" if nonce is None else f"segments-{nonce}"
    return f"data/{_stem(key)}/{folder}/{number:08d}"


def legacy_data_name(key: BackupKey) -> str:
    return f"{key.set.name}/{key.zero}/{key.id}"


def legacy_state_name(key: BackupKey) -> str:
    return f"{key.set.name}/{key.zero}/tar_metadata_{key.id}"


def hold_name(set: SetId) -> str:
    """What writers and removers of a set take hold of (:meth:`freezer.storage.contract.Storage.hold`)."""
    return f"metadata/{set.engine}/{set.name}"


def parse_record_name(name: str) -> BackupKey | None:
    """The backup that the record of this name commits."""
    match = _RECORD.fullmatch(name)
    return None if match is None else _key(*match.groups())


def parse_data_name(name: str) -> tuple[BackupKey, Part] | None:
    """The backup that an object below ``data/`` belongs to, and as what."""
    match = _DATA.fullmatch(name)
    if match is None:
        return None
    part: Part = "data" if match[6] else "state" if match[7] else "claim" if match[8] else "segment"
    return _key(*match.groups()[:5]), part


def parse_legacy_name(name: str) -> tuple[BackupKey, Part] | None:
    """The same for the legacy layout, where ``data`` and ``state`` together make a backup."""
    match = _LEGACY.fullmatch(name)
    if match is None:
        return None
    key = BackupKey(SetId(LEGACY_ENGINE, match[1]), int(match[2]), level=int(match[5]), time=int(match[4]))
    return key, "state" if match[3] else "data"


def _key(engine: str, name: str, zero: str, level: str, time: str) -> BackupKey:
    return BackupKey(SetId(engine, name), int(zero), int(level), int(time))


def _stem(key: BackupKey) -> str:
    return f"{key.set.engine}/{key.set.name}/{key.zero}/{key.level}_{key.time}"
