"""The Swift storage."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, TransientError
from freezer.http import Answer, byte_range
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Upload, check_name, check_prefix, check_range
from freezer.storage.objects.names import decode, encode, split_container
from freezer.storage.swift import listing, names
from freezer.storage.swift.answers import (
    ACCEPTED,
    CREATED,
    EXISTS,
    NO_CONTENT,
    NO_SUCH_RANGE,
    NOT_FOUND,
    OK,
    PARTIAL,
    failure,
)
from freezer.storage.swift.large import RAW, STATIC, Segments, find_segments, manifest_headers, manifest_target
from freezer.storage.swift.sweep import Folders, orphans
from freezer.storage.swift.upload import SwiftUpload
from freezer.storage.swift.wire import TIMEOUT, Access, Wire

MAX_SEGMENT = 5 * 1024**3
"""Bytes of the largest Swift object, by Swift's default."""

_ATTEMPT = "X-Object-Meta-Freezer-Attempt"  # header of an object that must be new: by whom it was created
_LIST_DELAY = 10.0
_AHEAD = 4  # of 4 MiB each: four round trips at once
_DELETING = 8  # requests at once
_REMEMBERED = 64


class SwiftStorage:
    """The objects of ``container``, which is ``CONTAINER`` or ``CONTAINER/PREFIX``; safe for several threads.

    ``timeout``: seconds of silence after which a line is given up.
    """

    def __init__(self, access: Access, container: str, *, timeout: float = TIMEOUT) -> None:
        self._container, self._prefix = split_container(container, "Swift", "CONTAINER")
        self._described = f"swift:{container}"
        self._wire = Wire(access, timeout)
        self._large: dict[str, Segments] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            create_once=False,
            durable_bytes=True,
            durable_names=True,
            server_time=True,
            list_delay=_LIST_DELAY,
            call_size=MAX_SEGMENT,
            multipart=True,
            read_ahead=_AHEAD,
        )

    def describe(self) -> str:
        return self._described

    def exists(self) -> bool:
        answer = self._wire.ask("HEAD", names.path_of(self._container))
        if answer.status == NOT_FOUND:
            return False
        self._expect(answer, {OK, NO_CONTENT}, "look at the container")
        return True

    def prepare(self) -> None:
        if not self.exists():
            made = self._wire.ask("PUT", names.path_of(self._container))
            self._expect(made, {CREATED, ACCEPTED}, "create the container")
        probe = f"{self._prefix}{names.TEMP_PREFIX}{secrets.token_hex(8)}"
        self._put(probe, b"", {}, "write to the container")
        self._delete(probe, "write to the container")

    def put(self, name: str, data: Buffer) -> None:
        own = self._own(names.check_free(name))
        # An empty object beside segments looks like their manifest in a listing.
        previous = None if memoryview(data).nbytes else self._segments_now(own)
        self._put(own, data, {}, f"store {name!r}")
        self._forget(own, previous)

    def put_new(self, name: str, data: Buffer) -> None:
        own = self._own(names.check_free(name))
        taken = ObjectExists(f"{self._described} has {name!r} already")
        attempt = secrets.token_hex(8)
        if not self._put(own, data, {"If-None-Match": "*", _ATTEMPT: attempt}, f"store {name!r}") and (
            # The network may deliver a request twice.
            self._head(own, f"look at {name!r}").headers.get(_ATTEMPT) != attempt
        ):
            raise taken
        if self._read(own, 0, None, name) != bytes(data):
            raise taken

    def open_write(self, name: str) -> Upload:
        own = self._own(names.check_free(name))
        folder = names.segment_folder(own, secrets.token_hex(8))

        def store(number: int, data: Buffer) -> None:
            self._put(f"{folder}/{number:08d}", data, {}, f"store segment {number} of {name!r}")

        def publish(sizes: list[int]) -> None:
            headers = manifest_headers(self._container, folder, sizes) if sizes else {}
            previous = self._segments_now(own)
            self._put(own, b"", headers, f"complete {name!r}")
            # Ours, if this was done before and the answer got lost: those stay.
            self._forget(own, previous, but=f"{folder}/")

        def discard(count: int) -> None:
            self._delete_all(f"{folder}/{number:08d}" for number in range(count))

        def whole(data: Buffer) -> None:
            previous = self._segments_now(own)
            self._put(own, data, {}, f"store {name!r}")
            self._forget(own, previous)

        # Upstream's stream is a large object however small it is, and nothing else of a backup ever is.
        is_stream = names.is_stream(name)
        return SwiftUpload(f"{self._described}: {name!r}", store, publish, discard, None if is_stream else whole)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        check_range(offset, length, self._described)
        own = self._own(check_name(name))
        for known in (own in self._large, False):
            try:
                return self._read(own, offset, length, name)
            except ObjectNotFound:
                # Somebody has replaced the large object whose segments we remember.
                if self._large.pop(own, None) is None or not known:
                    raise
        raise AssertionError

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        folders = self._folders(check_prefix(prefix))
        return sorted((self._listed(entry, folders) for entry in folders.objects.values()), key=lambda item: item.name)

    def stat(self, name: str) -> ObjectInfo:
        answer = self._head(self._own(check_name(name)), f"look at {name!r}")
        segments = find_segments(self._wire, answer.headers, self._described)
        size = int(answer.headers["Content-Length"]) if segments is None else segments.size
        return ObjectInfo(name, size, parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp())

    def delete(self, name: str) -> None:
        own = self._own(check_name(name))
        # The manifest first: what is left if we die is nobody's, and a sweep finds it.
        previous = self._segments_now(own)
        self._delete(own, f"delete {name!r}")
        self._forget(own, previous)

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        check_name(name)
        yield

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        found = orphans(self._folders(""), self._needed_folder, older_than)
        if not dry_run:
            self._delete_all(entry.name for entries in found.values() for entry in entries)
        return sorted(self._ours(name) for name in found)

    def close(self) -> None:
        self._wire.close()

    def _own(self, name: str) -> str:
        """The Swift object of the object ``name``."""
        return self._prefix + encode(name)

    def _ours(self, own: str) -> str:
        return decode(own[len(self._prefix) :])

    def _folders(self, prefix: str) -> Folders:
        own = self._own(prefix)
        return Folders.of(listing.entries(self._wire, self._container, own, self._described))

    def _listed(self, entry: listing.Entry, folders: Folders) -> ObjectInfo:
        """The listed object; of a manifest, whose own size is 0, with the size of its segments."""
        found = folders.segments.get(entry.name, {})
        size = entry.size
        if found and not size:
            parts = next(iter(found.values()))
            if len(found) > 1 or len(parts) != int(parts[-1].name[-8:]) + 1:
                return self.stat(self._ours(entry.name))  # the listing leaves it open
            size = sum(part.size for part in parts)
        return ObjectInfo(self._ours(entry.name), size, entry.modified)

    def _put(self, own: str, data: Buffer, headers: Mapping[str, str], attempt: str) -> bool:
        """Store a Swift object, with its MD5 compared by both sides; False if a condition in ``headers`` fails."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        sent = {"ETag": digest, "Content-Type": "application/octet-stream", **headers}
        answer = self._wire.ask("PUT", names.path_of(self._container, own), headers=sent, body=data)
        if answer.status == EXISTS and "If-None-Match" in headers:
            return False
        if answer.status == NOT_FOUND:
            raise self._no_container(attempt)
        self._expect(answer, {CREATED}, attempt)
        if answer.headers.get("ETag", "").strip('"') != digest:
            raise TransientError(f"{self._described}: cannot {attempt}: Swift says that it stored other bytes")
        return True

    def _read(self, own: str, offset: int, length: int | None, name: str) -> bytes:
        """Bytes of an object that may be large."""
        segments = self._large.get(own)
        if segments is None:
            answer = self._get(own, offset, length, name, RAW)
            if answer.headers.get(STATIC, "").lower() == "true":
                return self._checked(self._get(own, offset, length, name, {}), offset, length, name)
            segments = find_segments(self._wire, answer.headers, self._described)
            if segments is None:
                return self._checked(answer, offset, length, name)
            if len(self._large) >= _REMEMBERED:
                self._large.clear()
            self._large[own] = segments
        return b"".join(self._segment(segments.container, *place, name) for place in segments.between(offset, length))

    def _segment(self, container: str, own: str, offset: int, length: int, size: int, name: str) -> bytes:
        whole = length == size
        answer = self._wire.ask(
            "GET", names.path_of(container, own), headers={} if whole else byte_range(offset, length), query=RAW
        )
        if answer.status == NOT_FOUND:
            raise ObjectNotFound(f"{self._described}: segment {own.rpartition('/')[2]} of {name!r} is missing")
        self._expect(answer, {OK if whole else PARTIAL}, f"read {name!r}")
        return self._checked(answer, offset, length, name)

    def _get(self, own: str, offset: int, length: int | None, name: str, query: Mapping[str, str]) -> Answer:
        """A part of a Swift object. What lies behind its end, or is empty, needs its headers only."""
        path = names.path_of(self._container, own)
        if length != 0:
            answer = self._wire.ask("GET", path, headers=byte_range(offset, length), query=query)
            if answer.status == NOT_FOUND:
                raise self._missing(name)
            if answer.status != NO_SUCH_RANGE:
                self._expect(answer, {OK, PARTIAL}, f"read {name!r}")
                return answer
        answer = self._head(own, f"read {name!r}")
        return Answer(PARTIAL, {**answer.headers, "Content-Length": "0"}, b"")

    def _checked(self, answer: Answer, offset: int, length: int | None, name: str) -> bytes:
        """The body, if it is what was asked for; :class:`TransientError` otherwise."""
        broken = f"{self._described}: cannot read {name!r}: Swift sent other bytes than it has"
        if answer.status == OK and answer.headers.get(STATIC, "").lower() != "true":
            digest = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
            if answer.headers.get("ETag", "").strip('"') != digest:
                raise TransientError(broken)
        if answer.status == OK and (offset or length is not None):
            return answer.body[offset:] if length is None else answer.body[offset : offset + length]
        if answer.status == PARTIAL and answer.body:
            last = offset + len(answer.body) - 1
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-{last}/"):
                raise TransientError(broken)
        return answer.body

    def _head(self, own: str, attempt: str) -> Answer:
        """Headers of a Swift object, those of a manifest itself."""
        path = names.path_of(self._container, own)
        answer = self._wire.ask("HEAD", path, query=RAW)
        if answer.status == OK and answer.headers.get(STATIC, "").lower() == "true":
            answer = self._wire.ask("HEAD", path)
        if answer.status == NOT_FOUND:
            raise self._missing(self._ours(own))
        self._expect(answer, {OK, NO_CONTENT}, attempt)
        return answer

    def _segments_now(self, own: str) -> Segments | None:
        """The segments that the object of this name has, if there is one and it has any."""
        self._large.pop(own, None)
        answer = self._wire.ask("HEAD", names.path_of(self._container, own), query=RAW)
        if answer.status == NOT_FOUND:
            return None
        self._expect(answer, {OK, NO_CONTENT}, f"look at {self._ours(own)!r}")
        return find_segments(self._wire, answer.headers, self._described)

    def _needed_folder(self, own: str) -> str:
        answer = self._wire.ask("HEAD", names.path_of(self._container, own), query=RAW)
        if answer.status == NOT_FOUND:
            return ""
        self._expect(answer, {OK, NO_CONTENT}, f"look at {self._ours(own)!r}")
        return manifest_target(answer.headers)[1]

    def _forget(self, own: str, previous: Segments | None, but: str = "/") -> None:
        """Remove the segments of a large object that is no more, ``but`` for those whose names begin so."""
        self._large.pop(own, None)
        if previous is not None and previous.container == self._container:
            self._delete_all(name for name, _ in previous.parts if not name.startswith(but))

    def _delete(self, own: str, attempt: str) -> None:
        answer = self._wire.ask("DELETE", names.path_of(self._container, own))
        if answer.status == NOT_FOUND and not self.exists():
            raise self._no_container(attempt)
        self._expect(answer, {NO_CONTENT, OK, NOT_FOUND}, attempt)

    def _delete_all(self, found: Iterable[str]) -> None:
        def delete(own: str) -> None:
            answer = self._wire.ask("DELETE", names.path_of(self._container, own))
            self._expect(answer, {NO_CONTENT, OK, NOT_FOUND}, f"delete {self._ours(own)!r}")

        with ThreadPoolExecutor(_DELETING, "swift-delete") as pool:
            for _ in pool.map(delete, found):
                pass

    def _expect(self, answer: Answer, wanted: set[int], attempt: str) -> None:
        if answer.status not in wanted:
            raise failure(answer, f"{self._described}: cannot {attempt}")

    def _missing(self, name: str) -> Exception:
        if not self.exists():
            return self._no_container(f"read {name!r}")
        return ObjectNotFound(f"{self._described} has no object {name!r}")

    def _no_container(self, attempt: str) -> PermanentError:
        return PermanentError(
            f"{self._described}: cannot {attempt}: there is no such container",
            hint="check --container, OS_PROJECT_NAME and OS_REGION_NAME",
        )
