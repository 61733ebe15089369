"""Refusals of Swift as errors of the storage contract.

Statuses: Swift's API reference, and its middleware (498 is that of ratelimit).
"""

from __future__ import annotations

from datetime import UTC, datetime

from freezer.errors import (
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)
from freezer.http import Answer, wait_asked_for

OK, CREATED, ACCEPTED, NO_CONTENT, PARTIAL = 200, 201, 202, 204, 206
NOT_FOUND, EXISTS, NO_SUCH_RANGE = 404, 412, 416
_FORBIDDEN, _TOO_LARGE, _DAMAGED, _FULL = 403, 413, 422, 507
_LATER = {408, 409, 425, 429, 498, 499}
_SERVER = 500


def failure(answer: Answer, attempt: str) -> StorageError:
    """What ``answer`` says of our ``attempt``, with the message ``ATTEMPT: reason``."""
    status = answer.status
    if status == NOT_FOUND:
        return ObjectNotFound(f"{attempt}: Swift has no such object")
    if status == _FORBIDDEN:
        return PermissionDenied(
            f"{attempt}: Swift does not permit it",
            hint="the user needs the role member (reader for reading), or the container an ACL that admits the user",
        )
    if status == _TOO_LARGE:
        return StorageFull(
            f"{attempt}: Swift has no room for it ({_text(answer)})",
            hint="raise the quota of the container or account, or remove old backups",
        )
    if status == _FULL:
        return StorageFull(f"{attempt}: Swift's disks are full", hint="ask your cloud's operator")
    if status == _DAMAGED:
        return TransientError(f"{attempt}: the bytes changed on their way: Swift got another MD5")
    if status in _LATER or status >= _SERVER:
        said = f"{attempt}: Swift answers {status} {_text(answer)}".rstrip()
        return TransientError(said, retry_after=wait_asked_for(answer))
    return PermanentError(f"{attempt}: Swift answers {status} {_text(answer)}".rstrip())


def modified(text: str) -> float:
    """Seconds since 1970 of a time as listings have it (``2026-11-21T10:00:00.123450``, UTC)."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _text(answer: Answer) -> str:
    """The first sentence of the answer's body, which is a small HTML page or plain text."""
    body = answer.body[:2000].decode("utf-8", "replace")
    if "<p>" in body:
        body = body.split("<p>")[1].split("</p>")[0]
    return " ".join(body.split())[:160]
