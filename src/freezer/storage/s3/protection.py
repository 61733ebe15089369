"""Versions and retention: asked for, and read back, as services that know neither answer "done" too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from freezer.clock import Clock
from freezer.errors import PermanentError
from freezer.http import Answer
from freezer.storage.s3 import documents
from freezer.storage.s3.answers import NO_CONTENT, OK, failure, may_pass, problem_of
from freezer.storage.s3.documents import parse
from freezer.storage.s3.multipart import content_md5
from freezer.storage.s3.wire import Wire

NEW_BUCKET = {"x-amz-bucket-object-lock-enabled": "true"}
"""Header that makes a bucket whose objects can be locked."""

_MODE, _UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Lock:
    """Nobody removes or replaces an object for ``days``; in ``compliance`` mode nobody at all, in ``governance`` mode
    nobody without a special right."""

    days: int
    mode: str = "governance"


@dataclass(frozen=True, slots=True)
class Protection:
    """What is asked for: that the bucket keeps versions, that new objects are locked (which implies versions)."""

    versioning: bool = False
    lock: Lock | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a bucket has."""

    versioning: bool = False
    object_lock: bool = False


def look(wire: Wire, label: str, clock: Clock) -> Found:
    """What the bucket has; what may not be asked, or is not known to the service, it has not."""

    def get(what: str) -> bytes:
        answer = wire.ask("GET", query={what: ""})
        if may_pass(answer.status):
            raise failure(answer, f"{label}: cannot look what the bucket has", clock=clock)
        return answer.body if answer.status == OK else b""

    versioning = parse(get("versioning"), "VersioningConfiguration")
    lock = parse(get("object-lock"), "ObjectLockConfiguration")
    return Found(
        versioning=versioning is not None and versioning.text("Status") == "Enabled",
        object_lock=lock is not None and lock.text("ObjectLockEnabled") == "Enabled",
    )


def ensure(wire: Wire, wanted: Protection, label: str, clock: Clock) -> Found:
    """Switch on what is wanted and missing; what the bucket has then. :class:`PermanentError` if it is not that."""
    found = look(wire, label, clock)
    if wanted.lock is not None and not found.object_lock:
        raise PermanentError(
            f"{label}: the bucket has no object lock, which --s3-lock-days needs",
            hint="it is switched on when a bucket is made: name a new one, and Freezer makes it so",
        )
    if (wanted.versioning or wanted.lock is not None) and not found.versioning:
        answer = wire.ask("PUT", query={"versioning": ""}, body=documents.versioned())
        if answer.status not in {OK, NO_CONTENT}:
            raise failure(answer, f"{label}: cannot switch versions on", clock=clock)
        found = look(wire, label, clock)
        if not found.versioning:
            raise PermanentError(
                f"{label}: the bucket keeps no versions, although S3 agreed to", hint="--s3-versioning"
            )
    return found


def lock_headers(lock: Lock, now: float) -> dict[str, str]:
    """Headers that lock what is stored at ``now``."""
    until = datetime.fromtimestamp(int(now + lock.days * _DAY), UTC)
    return {_MODE: lock.mode.upper(), _UNTIL: until.strftime("%Y-%m-%dT%H:%M:%SZ")}


def is_locked(stored: Answer, wanted: Mapping[str, str]) -> bool:
    """Whether the object of these headers is locked at least as ``wanted`` (:func:`lock_headers`)."""
    mode, until = stored.headers.get(_MODE, ""), _time(stored.headers.get(_UNTIL, ""))
    needed = _time(wanted[_UNTIL])
    return until is not None and needed is not None and until >= needed and mode in {wanted[_MODE], "COMPLIANCE"}


def lock_now(wire: Wire, key: str, wanted: Mapping[str, str]) -> str:
    """Lock an object that is there already, as some services forget the headers of multipart uploads; what S3 says."""
    body = documents.retention(wanted[_MODE], wanted[_UNTIL])
    answer = wire.ask("PUT", key, query={"retention": ""}, headers=content_md5(body), body=body)
    return "it says that it has" if answer.status == OK else problem_of(answer).code or str(answer.status)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
