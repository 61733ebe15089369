"""The report of a backup: what ``--metadata-out`` prints and upstream's scheduler posts to the API.

Three generations stand side by side in one flat object: every key of upstream 19.0.0 (missing or false values are
``""`` there, but the level is the real one), those of the API's first documents (sizes in whole MB, rounded up), and
ours (sizes in bytes). Options come as a mapping of option name → value; nothing that is a secret gets in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from freezer.model.items import ItemFailure
from freezer.secret import Secret

OPTION_KEYS = (
    "action",
    "always_level",
    "cinder_vol_id",
    "cinderbrick_vol_id",
    "cindernative_backup_az",
    "cindernative_backup_container",
    "cindernative_vol_id",
    "container",
    "dry_run",
    "engine_name",
    "glance_image_id",
    "hostname",
    "log_file",
    "max_level",
    "mode",
    "nova_inst_id",
    "path_to_backup",
    "proxy",
    "ssh_host",
    "ssh_key",
    "ssh_port",
    "ssh_username",
    "storage",
)
"""Options that 19.0.0 reports under their own names, as the user gave them."""

_MB = 1024**2
_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")


class BackupOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup came to.

    ``backup_name``: expanded. ``source``: the path that was read (a volume snapshot's, if one was taken). ``level``,
    ``time`` and ``zero``: as filed in the container. ``started``, ``finished``: seconds since 1970. ``bytes_read``: the
    stream before compression; ``bytes_stored``: all objects of this backup. ``others``: FIFOs, devices.
    ``broken_links``, ``excluded`` and ``failures`` may be shortened, their totals count all. ``cli``: the equivalent
    command line, without secrets.
    """

    backup_name: str
    backup_media: str
    source: str
    level: int
    level_reason: str
    time: int
    zero: int
    started: float
    finished: float
    compression: str
    cipher: str | None
    version: str
    client_os: str
    cli: str
    files: int = 0
    directories: int = 0
    links: int = 0
    others: int = 0
    broken_links: tuple[str, ...] = ()
    broken_links_total: int = 0
    excluded: tuple[str, ...] = ()
    excluded_total: int = 0
    failures: tuple[ItemFailure, ...] = ()
    failures_total: int = 0
    warnings: tuple[str, ...] = ()
    bytes_read: int = 0
    bytes_stored: int = 0
    consistency_checksum: str = ""
    backup_id: str = ""
    cinder_backup_id: str = ""
    status: str = ""


def build_report(options: Mapping[str, object], outcome: BackupOutcome) -> dict[str, object]:
    """The report as one flat object, ready for JSON; ``options`` as chosen for this run, defaults filled in."""
    return _upstream(options, outcome) | _first_generation(outcome, options) | _own(outcome)


def _upstream(options: Mapping[str, object], outcome: BackupOutcome) -> dict[str, object]:
    """The keys of 19.0.0, the optional ones only where they have a value."""
    optional = {
        "backup_id": outcome.backup_id,
        "cinder_backup_id": outcome.cinder_backup_id,
        "status": outcome.status,
    }
    return {
        **{key: _reported(options.get(key)) for key in OPTION_KEYS},
        "backup_media": outcome.backup_media,
        "backup_name": _text(outcome.backup_name),
        "client_os": outcome.client_os,
        "client_version": outcome.version,
        "compression": outcome.compression,
        "consistency_checksum": outcome.consistency_checksum,
        "container_segments": "",
        "curr_backup_level": outcome.level,
        "fs_real_path": _text(outcome.source),
        "time_stamp": outcome.time,
        "vol_snap_path": _text(outcome.source),
        **{key: value for key, value in optional.items() if value},
    }


def _first_generation(outcome: BackupOutcome, options: Mapping[str, object]) -> dict[str, object]:
    """The keys of the API's first backup metadata documents that 19.0.0 no longer has."""
    return {
        "backup_size_compressed": _megabytes(outcome.bytes_stored),
        "backup_size_uncompressed": _megabytes(outcome.bytes_read),
        "broken_links": [_text(path) for path in outcome.broken_links],
        "cli": _text(_USERINFO.sub("", outcome.cli)),
        "compression_alg": outcome.compression,
        "encrypted": outcome.cipher is not None,
        "excluded_files": [_text(path) for path in outcome.excluded],
        "host_name": _reported(options.get("hostname")),
        "level": outcome.level,
        "timestamp": outcome.time,
        "total_broken_links": outcome.broken_links_total,
        "total_directories": outcome.directories,
        "total_fs_files": outcome.files,
        "version": outcome.version,
    }


def _own(outcome: BackupOutcome) -> dict[str, object]:
    return {
        "backup_bytes_read": outcome.bytes_read,
        "backup_bytes_stored": outcome.bytes_stored,
        "chain": outcome.zero,
        "duration": round(outcome.finished - outcome.started, 3),
        "encryption": outcome.cipher or "",
        "failed_items": [{"path": _text(item.path), "reason": item.reason} for item in outcome.failures],
        "finished": outcome.finished,
        "level_reason": outcome.level_reason,
        "partial": bool(outcome.failures),
        "started": outcome.started,
        "total_excluded_files": outcome.excluded_total,
        "total_failed": outcome.failures_total,
        "total_links": outcome.links,
        "total_others": outcome.others,
        "warnings": list(outcome.warnings),
    }


def _reported(value: object) -> object:
    """``value`` as 19.0.0 shows an option: ``""`` for missing, false and empty ones; never a secret."""
    if not value or isinstance(value, Secret):
        return ""
    if isinstance(value, str):
        return _text(_USERINFO.sub("", value))
    return value if isinstance(value, int | float) else _text(str(value))


def _text(value: str) -> str:
    """``value`` with bytes that are no UTF-8 (surrogate escapes) written as ``\\xNN``, since JSON has none."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _megabytes(size: int) -> int:
    return -(-size // _MB)
