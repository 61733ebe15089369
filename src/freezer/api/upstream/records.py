"""From the original's rows to records: what its API answered about them, this one answers."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import DecodeError
from msgspec.structs import replace

from freezer.api.service.actions import ALWAYS_SHOWN
from freezer.api.service.answers import Document, decode, links, text
from freezer.api.store.contract import Kind, Record
from freezer.api.store.trusts import State, Trust
from freezer.api.store.weighing import columns
from freezer.api.upstream.source import Row
from freezer.model.clients import CAPABILITIES

_IMPORTED = "imported"
_FOR_EVER = 253_402_300_799_000_000  # the last second of the year 9999


def client(row: Row, project: str, *, mapped: bool) -> Record:
    """A client; one without a project is seen by v1 of its user alone (``mapped``)."""
    central = bool(row["is_central"])
    shown: Document = {
        "uuid": row["id"],
        "hostname": row["hostname"],
        "client_id": row["client_id"],
        "is_central": central,
        "description": row["description"],
        **{key: _json(row[key], list(everything)) for key, everything in CAPABILITIES.items()},
    }
    own = {"name": row["client_id"], "space": row["user_id"] if mapped else "", "central": central}
    return _record(Kind.CLIENT, row, project, {"client": shown}, own=own)


def action(row: Row, project: str) -> Record:
    """An action, with the columns that the original puts over its options."""
    options = _json(row["backup_metadata"], {})
    options.update({key: row[key] for key in ALWAYS_SHOWN if key in row}, mode=row["actionmode"])
    shown: Document = {
        "max_retries": row["max_retries"],
        "max_retries_interval": row["max_retries_interval"],
        "timeout": row["timeout"],
        "freezer_action": options,
    }
    return _record(Kind.ACTION, row, project, shown, {"mandatory": bool(row["mandatory"])})


def session(row: Row, project: str) -> Record:
    """A session with its jobs, as far as its present round has come."""
    kept = ("description", "session_tag", "result", "hold_off", "status")
    times = ("time_ended", "time_started", "time_end", "time_start")
    shown: Document = {key: row[key] for key in (*kept, *times)}
    shown["schedule"] = _json(row["schedule"], {})
    if row["job"] is not None:
        shown["jobs"] = _json(row["job"], None)
    return _record(Kind.SESSION, row, project, shown)


def job(row: Row, project: str, actions: list[str], client: tuple[str, str] | None, trust: str) -> Record:
    """A job. ``actions``: the ids of its own; ``client``: id and project of the one that its name means; ``trust``: the
    id of the row of its trust, empty if it has none."""
    schedule = _json(row["schedule"], {})
    shown: Document = {
        "job_schedule": schedule,
        "client_id": row["client_id"],
        "session_id": row["session_id"],
        "session_tag": row["session_tag"],
        "description": row["description"],
    }
    own = {
        "actions": actions,
        **({"trust": trust} if trust else {}),
        "foreign": client is not None and client[1] != project,
        "home": client[1] if client is not None and client[1] != project else "",
        "outsider": False,
        "undelivered": bool(schedule.get("event")),
    }
    return _record(Kind.JOB, row, project, shown, own, {"client": client[0] if client else None})


def trust(row: Row, project: str, now: int) -> Trust:
    """The trust of a job, which the original lets live for ever. Whom it is given to its tables do not say, so that it
    is replaced when its trustor next changes the job."""
    return Trust(
        id=hashlib.sha256(f"{project} {row['trust_id']}".encode()).hexdigest()[:32],
        project_id=project,
        trustor=row["trustor_user_id"],
        trustee="",
        roles=(),
        state=State.ACTIVE,
        expires=_FOR_EVER,
        made_at=now,
        trust_id=row["trust_id"],
        checked_at=now,
    )


def backup(row: Row, project: str) -> Record:
    """A backup; the original has forgotten the names of users."""
    metadata = _json(row["backup_metadata"], {})
    shown: Document = {"status": row["status"], "backup_metadata": metadata}
    return _record(Kind.BACKUP, row, project, shown, own={**columns(shown), "client": None})


def untouched(record: Record) -> bool:
    """Whether an imported record is still as it was imported."""
    return links(record).get(_IMPORTED) == _hash(record.body)


def _record(
    kind: Kind, row: Row, project: str, shown: Document, own_links: Document | None = None, own: Any = None
) -> Record:
    body = text(shown)
    record = Record(
        kind=kind, id=row["id"], project_id=project, user_id=row["user_id"], body=body, own={} if own is None else own
    )
    return replace(record, links=text({**(own_links or {}), _IMPORTED: _hash(body)}))


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _json(stored: str | bytes | None, otherwise: Any) -> Any:
    """What is stored as JSON, if it is of the same kind as ``otherwise`` (None: an object). SQLite has it as bytes."""
    try:
        found = decode(stored) if stored else otherwise
    except DecodeError:
        return otherwise
    return found if isinstance(found, type(otherwise) if otherwise is not None else dict) else otherwise
