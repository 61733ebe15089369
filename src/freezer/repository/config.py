"""What a repository is: the one object in clear, kept twice."""

from __future__ import annotations

import enum

import msgspec

from freezer.decoding import json_decoder
from freezer.errors import DamagedError, UnknownFormat
from freezer.repository.documents import UNDECODABLE

FORMAT = "freezer repository"
VERSION = 1
CIPHER = "aes-256-gcm"
CHUNKER = "fastcdc-2020"
_MIB = 1024 * 1024


class Decider(enum.StrEnum):
    """How "commit or abort, the first wins" is decided; fixed when the repository is made."""

    CREATE_ONCE = "create-once"
    MARKERS = "markers"
    API = "api"


class ChunkSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where content is cut: sizes in bytes. A file of at most ``least`` is one chunk."""

    least: int = 32 * 1024
    average: int = 128 * 1024
    most: int = 1024 * 1024
    algorithm: str = CHUNKER


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document; ``repository`` and ``group`` are 32 hexadecimal digits. ``encrypted``: whether it takes a secret
    to open it, from its beginning and for ever."""

    repository: str
    group: str
    decider: Decider
    created: str
    encrypted: bool = True
    chunker: ChunkSizes = msgspec.field(default_factory=ChunkSizes)
    format: str = FORMAT
    version: int = VERSION
    cipher: str = CIPHER

    @property
    def id(self) -> bytes:
        """The 16 bytes that everything in the repository is bound to."""
        return bytes.fromhex(self.repository)


class _Head(msgspec.Struct):
    """What every version begins with."""

    format: str
    version: int


def write(config: Config) -> bytes:
    return msgspec.json.format(msgspec.json.encode(config), indent=1) + b"\n"


def parse(data: bytes, place: str) -> Config:
    """The config in ``data``. :class:`DamagedError` if it is none, :class:`UnknownFormat` for another version, or a
    setting that we cannot honour."""
    try:
        head = json_decoder(_Head).decode(data)
    except UNDECODABLE:
        raise DamagedError(f"{place} is not the config of a repository") from None
    if head.format != FORMAT:
        raise UnknownFormat(f"{place} describes a {head.format!r}, not a {FORMAT!r}")
    if head.version != VERSION:
        raise UnknownFormat(
            f"{place} is of version {head.version}; this program knows version {VERSION}",
            hint="use a newer freezer-agent",
        )
    try:
        config = json_decoder(Config).decode(data)
    except UNDECODABLE as error:
        raise UnknownFormat(f"{place} has a setting that this program does not know: {error}") from None
    return _checked(config, place)


def _checked(config: Config, place: str) -> Config:
    if config.cipher != CIPHER or config.chunker.algorithm != CHUNKER:
        raise UnknownFormat(
            f"{place} uses {config.cipher} and {config.chunker.algorithm}; this program knows {CIPHER} and {CHUNKER}"
        )
    sizes = config.chunker
    ordered = 1024 <= sizes.least <= sizes.average <= sizes.most <= 16 * _MIB
    if not ordered or sizes.least > _MIB or sizes.average > 4 * _MIB:
        raise UnknownFormat(
            f"{place} cuts chunks of {sizes.least} to {sizes.most} bytes, which this program does not do"
        )
    for name in (config.repository, config.group):
        if len(name) != 32 or set(name) - set("0123456789abcdef"):
            raise DamagedError(f"{place} has {name!r} where 32 hexadecimal digits should be")
    return config
