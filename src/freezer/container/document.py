"""The commit record: the object ``metadata`` of every backup.

Its first line is one JSON object, the rest is ignored. At the top stand upstream's keys (``engine_name``,
``compression``, ``encryption``, for rsyncv2 ``rsync_block_size``), which upstream reads and which are all that its own
records have; other keys there are ignored. Ours stand below the one key ``freezer`` (:class:`Details`, format 1),
where an unknown key or version is refused: whoever adds a key that older programs may not overlook raises the format.

Encrypted (authenticated) sets keep names of files out of the open record: :class:`Names` is then None and ``private``
holds the same, sealed by the caller, as base64; ``mac`` (text) authenticates :func:`canonical_bytes`. This module knows
which bytes are sealed and bound (:func:`associated_data`), and nothing of how.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from freezer.container.layout import BackupKey
from freezer.decoding import json_decoder
from freezer.errors import DamagedError, UnknownFormat
from freezer.model.items import ItemFailure

FORMAT = 1
CFB = "aes-256-cfb"
GCM_STREAM = "aes-256-gcm-stream-1"
CIPHERS: tuple[str | None, ...] = (None, CFB, GCM_STREAM)
LISTED = 1000
"""Broken links and excluded files beyond so many are counted but not named; failed items are all named."""

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0)]
Role = Literal["data", "state", "record", "private"]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class StoredData(_Strict, frozen=True, kw_only=True):
    """The data object: stored size in bytes and its digest, and the size before compression and encryption."""

    size: Count
    sha256: Sha256
    plain_size: Count


class StoredState(_Strict, frozen=True, kw_only=True):
    """The state object (``engine_metadata``) as stored."""

    size: Count
    sha256: Sha256


class Base(_Strict, frozen=True, kw_only=True):
    """The backup that an increment was made from, and the digest of its state object as stored."""

    level: Count
    time: Count
    state_sha256: Sha256


class Seal(_Strict, frozen=True, kw_only=True):
    """How the chain's key is derived: Argon2id's salt (hex), memory in KiB and passes."""

    salt: Annotated[str, Meta(pattern="^([0-9a-f]{2})+$")]
    memory: Annotated[int, Meta(ge=1)]
    iterations: Annotated[int, Meta(ge=1)]


class Summary(_Strict, frozen=True, kw_only=True):
    """How many items the backup stands for; ``bytes`` is the size of all its files, stored in this level or not."""

    files: Count = 0
    directories: Count = 0
    links: Count = 0
    others: Count = 0
    bytes: Count = 0
    broken_links: Count = 0
    excluded: Count = 0
    failed: Count = 0


class Names(_Strict, frozen=True, kw_only=True):
    """What tells about the source: its path, and the paths (printable) of items that deserve a mention."""

    source: str = ""
    broken_links: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    failed: tuple[ItemFailure, ...] = ()

    def shortened(self) -> Names:
        """The same with at most :data:`LISTED` broken links and excluded files."""
        return msgspec.structs.replace(self, broken_links=self.broken_links[:LISTED], excluded=self.excluded[:LISTED])


class Details(_Strict, frozen=True, kw_only=True):
    """What Freezer itself records. ``started`` and ``finished``: seconds since 1970, by the machine's clock;
    ``cipher``: one of :data:`CIPHERS`; ``names``: None where they are sealed in ``private``."""

    format: int
    program: str
    hostname: str
    backup_name: str
    level: Count
    time: Count
    zero: Count
    started: float
    finished: float
    cipher: str | None
    data: StoredData
    state: StoredState | None = None
    base: Base | None = None
    summary: Summary
    backup_id: str = ""
    names: Names | None = None
    seal: Seal | None = None
    private: bytes | None = None
    mac: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole record. ``encryption`` says whether, not how: see :attr:`cipher`."""

    engine_name: str
    compression: str | None = None
    encryption: bool
    rsync_block_size: int | None = None
    freezer: Details | None = None

    @property
    def cipher(self) -> str | None:
        """One of :data:`CIPHERS`; upstream knows only :data:`CFB`."""
        if self.freezer is not None:
            return self.freezer.cipher
        return CFB if self.encryption else None


class _Version(msgspec.Struct):
    format: int
    cipher: str | None = None


class _Outline(msgspec.Struct):
    freezer: _Version | None = None


_sorted = msgspec.json.Encoder(order="sorted")
_T = TypeVar("_T")


def encode(record: Record) -> bytes:
    """The bytes to store under :func:`freezer.container.layout.record_name`."""
    return msgspec.json.encode(record) + b"\n"


def decode(document: bytes, name: str) -> Record:
    """The record in ``document``, the content of object ``name``.

    :class:`UnknownFormat` for another format, an unknown cipher or unknown keys; :class:`DamagedError` for anything
    that is no record, or one that contradicts itself.
    """
    line = document.partition(b"\n")[0]
    version = _decode(line, _Outline, name).freezer
    if version is not None and version.format != FORMAT:
        raise UnknownFormat(f"{name} has format {version.format}; this program knows format {FORMAT}")
    if version is not None and version.cipher not in CIPHERS:
        raise UnknownFormat(f"{name} names cipher {version.cipher!r}, which this program does not know")
    record = _decode(line, Record, name)
    if record.freezer is None:
        _refuse_altered_key(line, name)
    elif len(document) != len(line) + 1:  # what is behind the line is bound to nothing
        raise DamagedError(f"{name} is damaged: it is cut off, or something was appended")
    if (record.cipher is not None) != record.encryption:
        raise DamagedError(f"{name} contradicts itself: encryption is {record.encryption}, cipher {record.cipher}")
    return record


def _refuse_altered_key(line: bytes, name: str) -> None:
    """:class:`DamagedError` for a record of ours whose key ``freezer`` is another now: it must not pass for upstream's,
    of which nothing is verified."""
    for key, value in _decode(line, dict[str, object], name).items():
        if isinstance(value, dict) and value.keys() >= {"format", "program", "data"}:
            raise DamagedError(f"{name} was altered: what stands under {key!r} belongs under 'freezer'")


def check_place(record: Record, key: BackupKey, name: str) -> None:
    """:class:`DamagedError` if the record in object ``name`` says it belongs elsewhere in the set than ``key``.

    The set's name is not compared, since a directory may be renamed; encrypted sets bind it (:func:`associated_data`).
    """
    details = record.freezer
    if details is not None and (details.zero, details.level, details.time) != (key.zero, key.level, key.time):
        raise DamagedError(
            f"{name} says it is level {details.level} at {details.time} of chain {details.zero}: "
            "it was moved or swapped"
        )


def canonical_bytes(record: Record) -> bytes:
    """What ``mac`` authenticates: the record without it, keys sorted, as JSON without blanks."""
    details = record.freezer
    if details is not None:
        record = msgspec.structs.replace(record, freezer=msgspec.structs.replace(details, mac=None))
    return _sorted.encode(record)


def with_mac(record: Record, mac: str) -> Record:
    """``record`` with its authenticator."""
    assert record.freezer is not None
    return msgspec.structs.replace(record, freezer=msgspec.structs.replace(record.freezer, mac=mac))


def associated_data(key: BackupKey, base: Base | None, role: Role) -> bytes:
    """What a sealed object is bound to: its place, its base and what it is, joined by NUL (none of them has one)."""
    based_on = "" if base is None else base.state_sha256
    fields = ("freezer-object-1", role, key.set.engine, key.set.name, key.zero, key.level, key.time, based_on)
    return b"\0".join(str(field).encode("utf-8", "surrogateescape") for field in fields)


def encode_names(names: Names) -> bytes:
    """The private part in clear, for the caller to seal."""
    return msgspec.json.encode(names)


def decode_names(opened: bytes, name: str) -> Names:
    """The private part of the record ``name`` that the caller has opened."""
    return _decode(opened, Names, name)


def _decode(data: bytes, type: type[_T], name: str) -> _T:
    try:
        return json_decoder(type).decode(data)
    except msgspec.ValidationError as error:
        if "unknown field" in str(error):
            raise UnknownFormat(f"{name} was written by a newer program: {error}") from None
        raise DamagedError(f"{name} is no backup record: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DamagedError(f"{name} is no backup record: not one line of JSON") from None
