"""What records are found by.

The original looks a key up anywhere in a document, by its name alone; of several values the last in the document
counts; values are compared with their type. A dozen keys of each kind, those that agents and schedulers ask for, are
kept as *terms*, hashed with their value; documents are only read for other keys. Names, hosts, paths and descriptions
are also found by their *words*, from the beginning of each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec

from freezer.api.store.contract import Kind, Terms

LOOKED_UP: Mapping[Kind, frozenset[str]] = {
    Kind.CLIENT: frozenset({"client_id", "hostname", "description", "uuid", "is_central", "user_id"}),
    Kind.ACTION: frozenset(
        {
            "action_id",
            "backup_name",
            "action",
            "mode",
            "container",
            "storage",
            "path_to_backup",
            "max_retries",
            "user_id",
        }
    ),
    Kind.JOB: frozenset(
        {
            "job_id",
            "client_id",
            "description",
            "status",
            "event",
            "result",
            "session_id",
            "schedule_interval",
            "backup_name",
            "action",
            "mode",
            "container",
            "storage",
        }
    ),
    Kind.SESSION: frozenset(
        {"session_id", "description", "status", "result", "session_tag", "hold_off", "schedule_interval"}
    ),
    Kind.BACKUP: frozenset(
        {
            "backup_id",
            "backup_name",
            "container",
            "hostname",
            "host_name",
            "curr_backup_level",
            "level",
            "time_stamp",
            "timestamp",
            "mode",
            "storage",
            "engine_name",
            "path_to_backup",
            "status",
            "job_id",
            "run_id",
            "action",
            "verified",
        }
    ),
    Kind.RUN: frozenset({"run_id", "job_id", "client_id", "state", "kind", "cause", "due", "holder", "exit_code"}),
}

LONGEST_WORD = 64
_LONGEST_WORDS = 20_000
_WORD = re.compile(r"[^\W_]+")
_NO_WORDS = frozenset(
    {
        *("backup_id", "backup_uuid", "action_id", "job_id", "session_id", "project_id", "user_id", "uuid"),
        *("action", "mode", "storage", "engine", "engine_name", "compression", "status", "result", "event"),
        *("backup_media", "client_os", "client_version", "consistency_checksum", "schedule_interval"),
        *("supported_actions", "supported_modes", "supported_storages", "supported_engines"),
    }
)
"""Keys whose values nobody looks for by a text: ids, and words that stand in every other record."""


def flat(document: object) -> dict[str, object]:
    """The last value of every key of ``document``, wherever it stands; objects and arrays are no values."""
    result: dict[str, object] = {}
    _collect(document, result)
    return result


def _collect(value: object, result: dict[str, object]) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict | list):
                _collect(each, result)
            else:
                result[key] = each
    elif isinstance(value, list):
        for each in value:
            _collect(each, result)


def term(key: str, value: object) -> tuple[str, str]:
    """A key and the hash of a value; equal for equal values of one type, and for 2 and 2.0."""
    return key, hashlib.blake2b(same(value), digest_size=16).hexdigest()


def same(value: object) -> bytes:
    """``value`` in one spelling."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value)


def terms_of(kind: Kind, document: Mapping[str, object], links: Mapping[str, list[str]] | None = None) -> Terms:
    """The terms of ``document``; ``links`` are ids of other records, found under keys that no caller can ask for."""
    found = flat(document)
    values = {term(key, found[key]) for key in LOOKED_UP[kind] if key in found}
    for key, ids in (links or {}).items():
        values.update(term(linked(key), each) for each in ids)
    return Terms(frozenset(values), " ".join(_texts(document))[:_LONGEST_WORDS].lower())


def words_of(text: str) -> frozenset[str]:
    """The words of ``text``, which is in small letters: runs of letters and digits."""
    return frozenset(found[0][:LONGEST_WORD] for found in _WORD.finditer(text))


def linked(key: str) -> str:
    """The key under which links are found."""
    return "@" + key


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in _NO_WORDS:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
