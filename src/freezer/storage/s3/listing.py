"""Listings, read to their end: objects, unfinished uploads, the parts of one, buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus

from freezer.clock import Clock
from freezer.errors import PermanentError, StorageError, TransientError
from freezer.http import Answer
from freezer.storage.s3.address import Access
from freezer.storage.s3.answers import NOT_FOUND, OK, failure, problem_of
from freezer.storage.s3.documents import Node, is_broken, parse
from freezer.storage.s3.wire import Wire

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """An S3 object: key, size in bytes, time of last change (seconds since 1970)."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload that was begun (``since``, seconds since 1970) and neither completed nor given up."""

    key: str
    id: str
    since: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for: a bucket, its name in messages, how many entries at once."""

    wire: Wire
    label: str
    clock: Clock
    page: int = PAGE

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every S3 object whose key begins with ``prefix``, each once.

        :class:`TransientError` for a page that cannot be right or does not say how to go on.
        """
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(self.page), "encoding-type": "url"}
        seen: set[str] = set()
        last = ""
        while True:
            node = self._page(query, "ListBucketResult")
            found = [self._entry(one, node, prefix) for one in node.all("Contents")]
            count = node.text("KeyCount")
            if (count and count != str(len(found))) or (found and found[0].key == last):
                raise TransientError(f"{self.label}: its listing is out of order or not whole")
            yield from found
            if not self._goes_on(node):
                return
            token = node.text("NextContinuationToken")
            if not token or token in seen:
                raise TransientError(f"{self.label}: its listing ends in the middle")
            seen.add(token)
            last = found[-1].key if found else last
            query["continuation-token"] = token

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """Every unfinished upload of a key that begins with ``prefix``."""
        query = {"uploads": "", "prefix": prefix, "max-uploads": str(self.page), "encoding-type": "url"}
        seen: set[tuple[str, str]] = set()
        while True:
            node = self._page(query, "ListMultipartUploadsResult")
            for one in node.all("Upload"):
                key, since = self._key(one, node), _time(one.text("Initiated"))
                if not one.text("UploadId") or since is None:
                    raise self._nonsense()
                if key.startswith(prefix):
                    yield Unfinished(key, one.text("UploadId"), since)
            if not self._goes_on(node):
                return
            marker = self._decoded(node.text("NextKeyMarker"), node), node.text("NextUploadIdMarker")
            if not marker[0] or marker in seen:
                raise TransientError(f"{self.label}: its listing of unfinished uploads ends in the middle")
            seen.add(marker)
            query |= {"key-marker": marker[0], "upload-id-marker": marker[1]}

    def last_touched(self, upload: Unfinished) -> float | None:
        """When the last part of ``upload`` came, or it was begun; None if it is no more."""
        query = {"uploadId": upload.id}
        touched = upload.since
        while True:
            answer = self.wire.ask("GET", upload.key, query=query)
            if answer.status == NOT_FOUND and problem_of(answer).code == "NoSuchUpload":
                return None
            node = parse(answer.body, "ListPartsResult")
            if answer.status != OK or node is None:
                raise failure(answer, f"{self.label}: cannot look at an unfinished upload", clock=self.clock)
            touched = max([touched, *(_time(part.text("LastModified")) or touched for part in node.all("Part"))])
            marker = node.text("NextPartNumberMarker")
            if not self._goes_on(node):
                return touched
            if not marker or marker == query.get("part-number-marker"):
                raise self._nonsense()
            query["part-number-marker"] = marker

    def exists(self) -> bool:
        """Whether there is such a bucket; asked by a listing, as that can say why it is refused."""
        query = {"list-type": "2", "max-keys": "1"}
        answer = self.wire.ask("GET", query=query)
        if answer.status == NOT_FOUND and problem_of(answer).code == "NoSuchBucket":
            return False
        if answer.status != OK or parse(answer.body, "ListBucketResult") is None:
            raise self._refused(answer, "ListBucketResult")
        return True

    def buckets(self) -> list[str]:
        """The names of all buckets of the account, if the wire is that of the service."""
        names: list[str] = []
        query: dict[str, str] = {}
        while True:
            node = self._page(query, "ListAllMyBucketsResult")
            for owner in node.all("Buckets"):
                names += [one.text("Name") for one in owner.all("Bucket")]
            token = node.text("ContinuationToken")
            if not token or token == query.get("continuation-token"):
                return sorted(names)
            query["continuation-token"] = token

    def _page(self, query: dict[str, str], name: str) -> Node:
        answer = self.wire.ask("GET", query=query)
        node = parse(answer.body, name)
        if answer.status != OK or node is None:
            raise self._refused(answer, name)
        return node

    def _refused(self, answer: Answer, name: str) -> StorageError:
        if answer.status == OK and is_broken(answer.body, name):
            return TransientError(f"{self.label}: its listing is not whole")
        if not problem_of(answer).code and answer.status in {OK, NOT_FOUND}:
            return PermanentError(
                f"{self.label}: what answers there is no S3 service", hint="check --endpoint: its host, port and path"
            )
        return failure(answer, f"{self.label}: cannot list it", clock=self.clock)

    def _goes_on(self, node: Node) -> bool:
        word = node.text("IsTruncated").strip().lower()
        if word not in {"true", "false"}:
            raise TransientError(f"{self.label}: its listing does not say whether it is complete")
        return word == "true"

    def _entry(self, one: Node, page: Node, prefix: str) -> Entry:
        key, size, modified = self._key(one, page), one.text("Size"), _time(one.text("LastModified"))
        if not key.startswith(prefix) or not size.isdigit() or modified is None:
            raise self._nonsense()
        return Entry(key, int(size), modified)

    def _key(self, one: Node, page: Node) -> str:
        return self._decoded(one.text("Key"), page)

    def _decoded(self, text: str, page: Node) -> str:
        return unquote_plus(text) if page.text("EncodingType") == "url" else text

    def _nonsense(self) -> StorageError:
        return TransientError(f"{self.label}: its listing is no listing")


def list_buckets(access: Access, clock: Clock) -> list[str]:
    """The names of all buckets of the account."""
    wire = Wire(access, "", clock)
    try:
        return Listing(wire, "s3", clock).buckets()
    finally:
        wire.close()


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
