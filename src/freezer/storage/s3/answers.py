"""Refusals of S3 as errors of the storage contract.

Codes: AWS's "Error responses", and those that Ceph and Swift's s3api have beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from freezer.clock import Clock
from freezer.errors import (
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)
from freezer.http import Answer, wait_asked_for
from freezer.storage.s3.documents import parse

OK, NO_CONTENT, PARTIAL = 200, 204, 206
MOVED, MOVED_FOR_NOW, UNAUTHORIZED, NOT_FOUND, CONFLICT, TAKEN, NO_SUCH_RANGE = 301, 307, 401, 404, 409, 412, 416
_FORBIDDEN, _TOO_MANY, _SERVER, _NOT_BUILT, _FULL = 403, 429, 500, 501, 507

REGION_HEADER = "x-amz-bucket-region"
SWIFT_HEADER = "X-Trans-Id"
"""A header that Swift puts on every answer, also on those of its S3 interface."""

STALE_TOKEN = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
WRONG_SIGNATURE = "SignatureDoesNotMatch"
"""Also what Swift's S3 interface makes of every 401 of Swift's own."""
ELSEWHERE = {
    "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect",
    "IllegalLocationConstraintException", "InvalidLocationConstraint", "InvalidRegionName",
}  # fmt: skip
_NO_ROOM = {
    "QuotaExceeded", "ServiceQuotaExceeded", "QuotaExceededException", "EntityTooLarge", "XMinioStorageFull",
    "InsufficientCapacity", "TooManyBuckets", "XMinioAdminBucketQuotaExceeded",
}  # fmt: skip
_LATER = {
    "InternalError", "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestTimeout",
    "RequestThrottled", "RequestLimitExceeded", "OperationAborted", "ConditionalRequestConflict",
    "BandwidthLimitExceeded", "ConcurrentModification",
}  # fmt: skip
_CHANGED = {"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "XAmzContentChecksumMismatch"}
_NEEDED = "s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject on what is in it"


@dataclass(frozen=True, slots=True)
class Problem:
    """What an answer says is wrong; ``code`` is S3's word for it, empty if it is no answer of an S3."""

    status: int
    code: str
    text: str
    region: str
    endpoint: str


def may_pass(status: int) -> bool:
    """Whether another try may succeed, whatever else the answer says."""
    return status == _TOO_MANY or (status >= _SERVER and status != _NOT_BUILT)


def problem_of(answer: Answer) -> Problem:
    """What ``answer``, which is a refusal, says; an answer of status 200 may be one."""
    node = parse(answer.body, "Error")
    region = answer.headers.get(REGION_HEADER, "")
    if node is None:
        return Problem(answer.status, "", " ".join(answer.body[:160].decode("utf-8", "replace").split()), region, "")
    text = " ".join(node.text("Message").split())[:240]
    return Problem(answer.status, node.text("Code"), text, node.text("Region") or region, node.text("Endpoint"))


def failure(answer: Answer, attempt: str, *, clock: Clock) -> StorageError:
    """What ``answer`` says of our ``attempt``, with the message ``ATTEMPT: reason``."""
    problem = problem_of(answer)
    status, code = problem.status, problem.code
    said = f"S3 answers {status} {code or problem.text}".rstrip()
    if code and problem.text:
        said += f" ({problem.text})"
    known = _of_keys(attempt, problem, _skew(answer, clock)) or _of_bucket(attempt, problem)
    if known is not None:
        return known
    if code in _NO_ROOM or status == _FULL:
        return StorageFull(
            f"{attempt}: S3 has no room for it ({code or status})", hint="raise the quota, or remove old backups"
        )
    if code in _CHANGED:
        return TransientError(f"{attempt}: the bytes changed on their way ({code})")
    if code in _LATER or may_pass(status):
        return TransientError(f"{attempt}: {said}", retry_after=wait_asked_for(answer))
    if code == "NoSuchUpload":
        return PermanentError(
            f"{attempt}: the unfinished upload is gone",
            hint="a lifecycle rule of the bucket, or another agent's admin, may have removed it: run it again",
        )
    if status == NOT_FOUND and code in {"NoSuchKey", "NoSuchVersion", ""}:
        return ObjectNotFound(f"{attempt}: S3 has no such object")
    return PermanentError(f"{attempt}: {said}")


def _of_keys(attempt: str, problem: Problem, skew: float) -> StorageError | None:
    """Errors about who we are."""
    code = problem.code
    where = "--access-key and --secret-key, or wherever the keys come from"
    if code in {"InvalidAccessKeyId", "InvalidClientTokenId"}:
        return PermissionDenied(f"{attempt}: S3 does not know the access key", hint=f"check {where}, and --endpoint")
    if code == WRONG_SIGNATURE:
        return PermissionDenied(f"{attempt}: the secret key is wrong, or the access key", hint=f"check {where}")
    if code in STALE_TOKEN:
        return PermissionDenied(f"{attempt}: the session token has expired", hint="get new temporary keys")
    if code in {"InvalidToken", "InvalidSecurity"}:
        return PermissionDenied(f"{attempt}: S3 does not accept the session token", hint="check AWS_SESSION_TOKEN")
    if code == "RequestTimeTooSkewed":
        by = f" ({abs(skew):.0f} seconds {'fast' if skew > 0 else 'slow'})" if skew else ""
        return PermanentError(
            f"{attempt}: the clock of this machine differs from S3's{by}", hint="set it, best by NTP, and run again"
        )
    if problem.status == UNAUTHORIZED:
        return PermissionDenied(f"{attempt}: S3 refuses our keys, and does so when asked again", hint=f"check {where}")
    if problem.status == _FORBIDDEN and code in {"AccessDenied", "Forbidden", "AllAccessDisabled", ""}:
        return PermissionDenied(f"{attempt}: S3 does not permit it", hint=f"Freezer needs {_NEEDED}")
    return None


def _of_bucket(attempt: str, problem: Problem) -> StorageError | None:
    """Errors about the bucket and where it is."""
    code, region = problem.code, problem.region
    if code == "NoSuchBucket":
        return PermanentError(
            f"{attempt}: there is no such bucket", hint="check the name in --container, --endpoint and the keys"
        )
    if code == "InvalidBucketName":
        return PermanentError(
            f"{attempt}: S3 does not allow such a name of a bucket",
            hint="3 to 63 lower-case letters, digits, '-' and '.' are allowed everywhere",
        )
    if code == "BucketAlreadyExists":
        return PermanentError(f"{attempt}: the name belongs to somebody else's bucket", hint="choose another name")
    if code in ELSEWHERE or problem.status in {MOVED, MOVED_FOR_NOW}:
        there = f"its endpoint is {problem.endpoint}, which --endpoint names if it is not Amazon's default"
        remedies = [f"pass --s3-region {region}"] if region else []
        remedies += [there] if problem.endpoint else []
        return PermanentError(
            f"{attempt}: S3 wants the region {region}" if region else f"{attempt}: the bucket is in another region",
            hint="; ".join(remedies) or "check --s3-region and --endpoint",
        )
    return None


def _skew(answer: Answer, clock: Clock) -> float:
    """Seconds by which our clock is ahead of the server's; 0 if it does not say."""
    try:
        return clock.now() - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return 0.0
