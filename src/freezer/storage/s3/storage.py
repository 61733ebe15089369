"""The S3 storage."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from freezer.clock import Clock
from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, StorageError, TransientError
from freezer.http import Answer, byte_range
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Upload, check_name, check_prefix, check_range
from freezer.storage.objects.names import decode, encode
from freezer.storage.s3 import documents, keys, protection
from freezer.storage.s3.address import DEFAULT_REGION, Access, is_aws, split_container
from freezer.storage.s3.answers import (
    CONFLICT,
    NO_CONTENT,
    NO_SUCH_RANGE,
    OK,
    PARTIAL,
    TAKEN,
    failure,
    problem_of,
)
from freezer.storage.s3.listing import Entry, Listing
from freezer.storage.s3.multipart import Multipart, content_md5
from freezer.storage.s3.once import ONLY_NEW, Trial
from freezer.storage.s3.protection import Found, Protection
from freezer.storage.s3.upload import S3Upload, Sizes
from freezer.storage.s3.wire import TIMEOUT, Wire

MAX_OBJECT = 5 * 1024**4
MAX_PART = 5 * 1024**3
MAX_PARTS, SWIFT_PARTS = 10_000, 1000

_SWIFT_LIST_DELAY = 10.0
_AHEAD = 4  # of 4 MiB each: four round trips at once
_SUM = "x-amz-meta-freezer-sha256"
_CONFLICTS = 5  # times that somebody else's write may get in the way of a conditional one
_TYPE = {"Content-Type": "application/octet-stream"}
_OWNED = {"BucketAlreadyOwnedByYou"}


class S3Storage:
    """The objects of ``container``, which is ``BUCKET`` or ``BUCKET/PREFIX``; safe for several threads.

    ``capabilities`` say what ``prepare`` has found the bucket to have, and nothing before that. ``timeout``: seconds of
    silence after which a line is given up.
    """

    def __init__(
        self,
        access: Access,
        container: str,
        *,
        clock: Clock,
        protection: Protection | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._bucket, self._prefix = split_container(container)
        self._described = f"s3:{container}"
        self._access = access
        self._clock = clock
        self._wire = Wire(access, self._bucket, clock, timeout)
        self._listing = Listing(self._wire, self._described, clock)
        self._wanted = protection or Protection()
        self._found = Found()
        self._one_winner = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            create_once=self._one_winner,
            durable_bytes=True,
            durable_names=True,
            list_delay=_SWIFT_LIST_DELAY if self._wire.is_swift else 0.0,
            server_time=True,
            versioning=self._found.versioning,
            object_lock=self._found.object_lock,
            protects_from_deletion=self._wanted.lock is not None,
            max_object_size=MAX_OBJECT,
            call_size=MAX_PART,
            multipart=True,
            read_ahead=_AHEAD,
        )

    def describe(self) -> str:
        return self._described

    def exists(self) -> bool:
        return self._listing.exists()

    def prepare(self) -> None:
        if not self.exists():
            self._create()
        self._found = protection.ensure(self._wire, self._wanted, self._described, self._clock)
        trial = self._multipart(f"{self._prefix}{keys.OWN}probe-{secrets.token_hex(8)}", "an upload", {})
        # Tries writing without leaving anything behind, also where versions are kept.
        trial.discard(trial.begin())
        place = f"{self._access.endpoint or 'aws'} {self._bucket}"
        self._one_winner = Trial(self._wire, place, self._prefix, self._described, self._clock).outcome()

    def put(self, name: str, data: Buffer) -> None:
        self._put(keys.check_free(name), data, {})

    def put_new(self, name: str, data: Buffer) -> None:
        keys.check_free(name)
        taken = ObjectExists(f"{self._described} has {name!r} already")
        if self._one_winner:
            if not self._put_once(name, data):
                raise taken
            return
        try:
            self.stat(name)
        except ObjectNotFound:
            self._put(name, data, {})
            if self.get(name) != bytes(data):
                raise taken from None
            return
        raise taken

    def open_write(self, name: str) -> Upload:
        label = f"{self._described}: {keys.check_free(name)!r}"
        parts = SWIFT_PARTS if self._wire.is_swift else MAX_PARTS
        return S3Upload(label, _Growing(self, name, label), Sizes(parts))

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        check_range(offset, length, self._described)
        own = self._own(check_name(name))
        if length == 0:
            self.stat(name)
            return b""
        answer = self._wire.ask("GET", own, headers=byte_range(offset, length))
        if answer.status == NO_SUCH_RANGE:
            self.stat(name)
            return b""
        if answer.status not in {OK, PARTIAL}:
            raise self._refused(answer, f"read {name!r}")
        return _checked(answer, offset, length, f"{self._described}: cannot read {name!r}")

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        found = self._listing.entries(self._own(check_prefix(prefix)))
        return sorted((self._info(entry) for entry in found if not keys.is_own(entry.key)), key=lambda item: item.name)

    def stat(self, name: str) -> ObjectInfo:
        answer = self._head(name)
        try:
            modified = parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
            return ObjectInfo(name, int(answer.headers["Content-Length"]), modified)
        except (KeyError, ValueError, TypeError):
            raise TransientError(f"{self._described}: S3 does not say how large {name!r} is") from None

    def delete(self, name: str) -> None:
        answer = self._wire.ask("DELETE", self._own(check_name(name)))
        if answer.status not in {OK, NO_CONTENT} and problem_of(answer).code != "NoSuchKey":
            raise self._refused(answer, f"delete {name!r}")

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        check_name(name)
        yield

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        swept = []
        for upload in list(self._listing.unfinished(self._prefix)):
            touched = self._listing.last_touched(upload) if upload.since < older_than else None
            if touched is not None and touched < older_than:
                swept.append(f"{self._ours(upload.key)} (unfinished upload)")
                if not dry_run:
                    self._multipart(upload.key, self._ours(upload.key), {}).discard(upload.id)
        for entry in list(self._listing.entries(self._prefix)):
            if keys.is_own(entry.key) and not entry.key.endswith("create-once") and entry.modified < older_than:
                swept.append(self._ours(entry.key))
                if not dry_run:
                    self._wire.ask("DELETE", entry.key)
        return sorted(swept)

    def close(self) -> None:
        self._wire.close()

    def _own(self, name: str) -> str:
        """The key of the object ``name``."""
        return self._prefix + encode(name)

    def _ours(self, key: str) -> str:
        return decode(key[len(self._prefix) :])

    def _info(self, entry: Entry) -> ObjectInfo:
        return ObjectInfo(self._ours(entry.key), entry.size, entry.modified)

    def _create(self) -> None:
        attempt = f"{self._described}: cannot create the bucket"
        headers = protection.NEW_BUCKET if self._wanted.lock is not None else {}
        region = self._wire.region
        body = documents.bucket_in(region) if is_aws(self._access) and region != DEFAULT_REGION else b""
        answer = self._wire.ask("PUT", headers=headers, body=body)
        if answer.status != OK and problem_of(answer).code not in _OWNED:
            raise failure(answer, attempt, clock=self._clock)

    def _put(self, name: str, data: Buffer, condition: Mapping[str, str]) -> Answer:
        """Store an object, its SHA-256 and MD5 compared by S3; with a ``condition``, the answer may be a refusal."""
        locked = self._lock_headers()
        sums = {_SUM: hashlib.sha256(data).hexdigest(), **content_md5(data)}
        answer = self._wire.ask("PUT", self._own(name), headers={**_TYPE, **sums, **locked, **condition}, body=data)
        if condition and answer.status in {TAKEN, CONFLICT}:
            return answer
        if answer.status != OK:
            raise self._refused(answer, f"store {name!r}")
        self._require_locked(name, locked)
        return answer

    def _put_once(self, name: str, data: Buffer) -> bool:
        """Store an object unless there is one; whether it was stored."""
        for _ in range(_CONFLICTS):
            status = self._put(name, data, ONLY_NEW).status
            if status != CONFLICT:
                return status == OK
            self._clock.sleep(0.2)
        raise TransientError(f"{self._described}: others keep writing {name!r}")

    def _multipart(self, key: str, label: str, headers: Mapping[str, str]) -> Multipart:
        sums = self._found.object_lock or self._wanted.lock is not None
        return Multipart(self._wire, key, label, {**_TYPE, **headers}, sums, self._clock)

    def _lock_headers(self) -> dict[str, str]:
        lock = self._wanted.lock
        return {} if lock is None else protection.lock_headers(lock, self._clock.now())

    def _require_locked(self, name: str, locked: dict[str, str], stored: Answer | None = None) -> None:
        """Raise unless the object (with the headers of ``stored``, if known) is locked, which may need a word more."""
        if not locked or protection.is_locked(stored or self._head(name), locked):
            return
        refused = protection.lock_now(self._wire, self._own(name), locked)
        if not protection.is_locked(self._head(name), locked):
            raise PermanentError(
                f"{self._described}: S3 has stored {name!r}, but not locked it ({refused})",
                hint="this service has no object lock, or the keys may not see it (s3:GetObjectRetention)",
            )

    def _has(self, name: str) -> bool:
        try:
            self._head(name)
        except ObjectNotFound:
            return False
        return True

    def _head(self, name: str) -> Answer:
        answer = self._wire.ask("HEAD", self._own(check_name(name)))
        if answer.status != OK:
            raise self._refused(answer, f"look at {name!r}")
        return answer

    def _refused(self, answer: Answer, attempt: str) -> StorageError:
        error = failure(answer, f"{self._described}: cannot {attempt}", clock=self._clock)
        # A HEAD does not say what is missing.
        if isinstance(error, ObjectNotFound) and not answer.body and not self.exists():
            return PermanentError(
                f"{self._described}: cannot {attempt}: there is no such bucket", hint="check --container and --endpoint"
            )
        return error


class _Growing:
    """An object while it is written in segments."""

    def __init__(self, storage: S3Storage, name: str, label: str) -> None:
        self._storage = storage
        self._name = name
        self._label = label
        self._locked = storage._lock_headers()
        self._multipart = storage._multipart(storage._own(name), label, self._locked)
        # Nothing that another writer stores under a free name while this one is busy may be replaced.
        self._condition = ONLY_NEW if storage._one_winner and not storage._has(name) else {}

    def begin(self) -> str:
        return self._multipart.begin()

    def store(self, id: str, number: int, data: bytes) -> str:
        return self._multipart.store(id, number, data)

    def complete(self, id: str, tags: Sequence[str], size: int) -> None:
        stored = self._multipart.complete(id, tags, size, self._condition)
        self._storage._require_locked(self._name, self._locked, stored)

    def discard(self, id: str) -> None:
        self._multipart.discard(id)

    def whole(self, data: bytes) -> None:
        if not self._condition:
            self._storage._put(self._name, data, {})
        elif not self._storage._put_once(self._name, data) and not self._is_ours(data):
            raise ObjectExists(f"{self._label} was stored by somebody else meanwhile")

    def _is_ours(self, data: bytes) -> bool:
        """Whether an earlier call stored it, without our hearing."""
        return self._storage._head(self._name).headers.get(_SUM) == hashlib.sha256(data).hexdigest()


def _checked(answer: Answer, offset: int, length: int | None, attempt: str) -> bytes:
    """The body, if it is what was asked for; :class:`TransientError` otherwise."""
    body = answer.body
    broken = TransientError(f"{attempt}: S3 sent other bytes than it has")
    whole = str(len(body))
    if answer.status == PARTIAL:
        end = offset + len(body)
        place, _, whole = answer.headers.get("Content-Range", "").partition("/")
        short = (length is None or len(body) != length) and str(end) != whole
        if place != f"bytes {offset}-{end - 1}" or short:
            raise broken
    digest = answer.headers.get(_SUM)
    if digest is not None and whole == str(len(body)) and hashlib.sha256(body).hexdigest() != digest:
        raise broken
    if answer.status == OK and (offset or length is not None):
        return body[offset:] if length is None else body[offset : offset + length]
    return body
