"""An S3 of one bucket in memory, which answers wrongly when told to. Real HTTP, on loopback; any signature will do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from freezer.secret import Secret
from freezer.storage.s3 import Access
from freezer.storage.s3.signing import Keys
from support.small_http import Reply, Request, Server

BUCKET = "box"
NOW = 1_000_000_000.0
STAMP = "2001-09-09T01:46:40.000Z"
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Stored:
    data: bytes
    headers: dict[str, str]


@dataclass
class Growing:
    key: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)
    begun: str = STAMP


Fault = Callable[[Request], Reply | None]


def refusal(status: int, code: str, **more: str) -> Reply:
    """An error as S3 words it."""
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in ({"Code": code, "Message": "because"} | more).items())
    return Reply(status, body=f"<?xml version='1.0'?><Error>{inside}</Error>".encode())


def on(method: str, reply: Reply, **query: str) -> Fault:
    """A fault that replies so to requests of this method with these words in their query."""
    return lambda request: reply if request.method == method and query.items() <= request.query.items() else None


class SmallS3:
    """``faults`` are asked in turn about every request, before it is carried out; one that answers is used up, if
    it is not in ``lasting``. ``seen`` has every request. ``careless``: several writers of one new key succeed.
    ``versioning_works``: whether switching it on does; ``locks``: whether retention is kept; ``forgets``: not if it was
    asked for together with an upload of parts."""

    def __init__(self) -> None:
        self.bucket_exists = True
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, Growing] = {}
        self.faults: list[Fault] = []
        self.lasting: list[Fault] = []
        self.seen: list[Request] = []
        self.careless = False
        self.versioned = ""
        self.versioning_works = True
        self.lockable = False
        self.locks = True
        self.forgets = False
        self.lock = threading.Lock()
        self.server = Server(self.answer, "/")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def access(self, **changed: Any) -> Access:
        return Access(lambda: Keys("key", Secret(b"secret")), **({"endpoint": self.url} | changed))

    def close(self) -> None:
        self.server.close()

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.seen)

    def answer(self, request: Request) -> Reply:
        with self.lock:
            self.seen.append(request)
            pending = list(self.faults)
        for fault in pending + self.lasting:
            reply = fault(request)
            if reply is not None:
                with self.lock:
                    if fault in self.faults:
                        self.faults.remove(fault)
                return reply
        with self.lock:
            return self._bucket(request) if not request.name else self._object(request)

    def _bucket(self, request: Request) -> Reply:
        query = request.query
        if request.method == "PUT" and not query:
            self.bucket_exists = True
            self.lockable = "x-amz-bucket-object-lock-enabled" in request.headers
            return Reply(200)
        if not self.bucket_exists:
            return refusal(404, "NoSuchBucket")
        if "versioning" in query:
            if request.method == "PUT":
                self.versioned = "Enabled" if self.versioning_works else ""
            return _document("VersioningConfiguration", f"<Status>{self.versioned}</Status>" if self.versioned else "")
        if "object-lock" in query:
            if not self.lockable:
                return refusal(404, "ObjectLockConfigurationNotFoundError")
            return _document("ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>")
        return self._uploads(query) if "uploads" in query else self._list(query)

    def _list(self, query: dict[str, str]) -> Reply:
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        keys = [key for key in keys if key > query.get("continuation-token", "")]
        page = keys[: int(query["max-keys"])]
        rows = "".join(
            f"<Contents><Key>{quote(key)}</Key><Size>{len(self.objects[key].data)}</Size>"
            f"<LastModified>{STAMP}</LastModified></Contents>"
            for key in page
        )
        more = len(page) < len(keys)
        token = f"<NextContinuationToken>{quote(page[-1])}</NextContinuationToken>" if more else ""
        head = f"<EncodingType>url</EncodingType><KeyCount>{len(page)}</KeyCount>"
        return _document("ListBucketResult", f"{head}<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}")

    def _uploads(self, query: dict[str, str]) -> Reply:
        found = sorted((one.key, id) for id, one in self.uploads.items() if one.key.startswith(query.get("prefix", "")))
        after = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        found = [place for place in found if place > after]
        page = found[: int(query["max-uploads"])]
        rows = "".join(
            f"<Upload><Key>{quote(key)}</Key><UploadId>{id}</UploadId>"
            f"<Initiated>{self.uploads[id].begun}</Initiated></Upload>"
            for key, id in page
        )
        more = len(page) < len(found)
        key, id = page[-1] if more else ("", "")
        marker = f"<NextKeyMarker>{quote(key)}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>"
        head = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{marker if more else ''}"
        return _document("ListMultipartUploadsResult", head + rows)

    def _object(self, request: Request) -> Reply:
        if not self.bucket_exists:
            return refusal(404, "NoSuchBucket")
        if "uploads" in request.query or "uploadId" in request.query:
            return self._upload(request)
        if "retention" in request.query:
            return self._retain(request)
        if request.method == "PUT":
            return self._put(request)
        if request.method == "DELETE":
            self.objects.pop(request.name, None)
            return Reply(204)
        known = self.objects.get(request.name)
        return _read(request, known) if known is not None else refusal(404, "NoSuchKey")

    def _retain(self, request: Request) -> Reply:
        node = ElementTree.fromstring(request.body)
        mode, until = node.findtext("Mode") or "", node.findtext("RetainUntilDate") or ""
        if self.locks:
            named = {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until}
            self.objects[request.name].headers.update(named)
        return Reply(200)

    def _put(self, request: Request) -> Reply:
        if request.headers.get("if-none-match") == "*" and request.name in self.objects and not self.careless:
            return refusal(412, "PreconditionFailed")
        self.objects[request.name] = Stored(request.body, self._kept(request))
        return Reply(200, {"ETag": f'"{_md5(request.body)}"'})

    def _kept(self, request: Request) -> dict[str, str]:
        kept = ("x-amz-meta-", "x-amz-object-lock-") if self.locks else ("x-amz-meta-",)
        return {name: value for name, value in request.headers.items() if name.startswith(kept)}

    def _upload(self, request: Request) -> Reply:
        if "uploads" in request.query:
            id = f"id{len(self.seen)}"
            kept = self._kept(request)
            if self.forgets:
                kept = {name: value for name, value in kept.items() if "lock" not in name}
            self.uploads[id] = Growing(request.name, kept)
            return _document("InitiateMultipartUploadResult", f"<UploadId>{id}</UploadId>")
        growing = self.uploads.get(request.query["uploadId"])
        if growing is None:
            return refusal(404, "NoSuchUpload")
        if request.method == "PUT":
            growing.parts[int(request.query["partNumber"])] = request.body
            return Reply(200, {"ETag": f'"{_md5(request.body)}"'})
        if request.method == "GET":
            parts = "".join(f"<Part><LastModified>{STAMP}</LastModified></Part>" for _ in growing.parts)
            return _document("ListPartsResult", f"<IsTruncated>false</IsTruncated>{parts}")
        if request.headers.get("if-none-match") == "*" and growing.key in self.objects:
            return refusal(412, "PreconditionFailed")
        del self.uploads[request.query["uploadId"]]
        if request.method == "DELETE":
            return Reply(204)
        numbers = [int(node.text or "") for node in ElementTree.fromstring(request.body).iter("PartNumber")]
        parts = [growing.parts[number] for number in numbers]
        if numbers != [*range(1, len(parts) + 1)] or any(len(part) < 5 << 20 for part in parts[:-1]):
            return refusal(400, "EntityTooSmall")
        tag = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
        stored = Stored(b"".join(parts), growing.headers | {"ETag": f'"{tag}-{len(parts)}"'})
        self.objects[request.name] = stored
        return _document("CompleteMultipartUploadResult", f"<ETag>{tag}-{len(parts)}</ETag>")


def _document(name: str, inside: str) -> Reply:
    return Reply(200, body=f"<?xml version='1.0'?><{name} {NAMESPACE}>{inside}</{name}>".encode())


def _read(request: Request, known: Stored) -> Reply:
    data = known.data
    headers = {"ETag": f'"{_md5(data)}"', "Last-Modified": formatdate(NOW, usegmt=True)} | known.headers
    if request.method == "HEAD":
        return Reply(200, headers, length=len(data))
    if "range" not in request.headers:
        return Reply(200, headers, data)
    first, last = request.headers["range"].removeprefix("bytes=").split("-")
    part = data[int(first) : int(last or len(data)) + 1]
    if not part:
        return refusal(416, "InvalidRange")
    place = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
    return Reply(206, headers | {"Content-Range": place}, part)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
