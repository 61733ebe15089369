"""The multipart upload of one object, request by request."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.errors import ObjectExists, PermanentError, StorageError, TransientError
from freezer.http import Answer
from freezer.storage.contract import Buffer
from freezer.storage.s3.answers import NO_CONTENT, NOT_FOUND, OK, TAKEN, failure, problem_of
from freezer.storage.s3.documents import completed_parts, parse
from freezer.storage.s3.wire import Wire

_COMPLETING = 5.0  # times the usual silence: services put large objects together before they answer
_MD5_TAG = re.compile(r'"?([0-9a-f]{32})"?')


def content_md5(body: Buffer) -> dict[str, str]:
    """The header by which a service compares ``body``; object lock demands it."""
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return {"Content-MD5": base64.b64encode(digest).decode()}


@dataclass(frozen=True, slots=True)
class Multipart:
    """An object's upload. ``headers`` are those of the object; ``sums``: parts carry their MD5."""

    wire: Wire
    key: str
    label: str
    headers: Mapping[str, str]
    sums: bool
    clock: Clock

    def begin(self) -> str:
        """The id of a new upload."""
        answer = self.wire.ask("POST", self.key, query={"uploads": ""}, headers=self.headers)
        node = parse(answer.body, "InitiateMultipartUploadResult")
        if answer.status != OK or node is None:
            raise self._failure(answer, "begin")
        if not node.text("UploadId"):
            raise TransientError(f"{self.label}: S3 gave no upload id")
        return node.text("UploadId")

    def store(self, id: str, number: int, data: bytes) -> str:
        """Send part ``number`` (from 1); its entity tag."""
        query = {"partNumber": str(number), "uploadId": id}
        headers = content_md5(data) if self.sums else {}
        answer = self.wire.ask("PUT", self.key, query=query, headers=headers, body=data)
        if answer.status != OK:
            if problem_of(answer).code == "InvalidArgument":
                raise PermanentError(
                    f"{self.label}: S3 takes no part {number}", hint="fewer, larger parts: raise --max-segment-size"
                )
            raise self._failure(answer, f"store part {number} of")
        tag = answer.headers.get("ETag", "")
        if not tag:
            raise TransientError(f"{self.label}: S3 gave no entity tag for part {number}")
        return tag

    def complete(self, id: str, tags: Sequence[str], size: int, condition: Mapping[str, str]) -> Answer:
        """Make the object of these parts and look at it; the headers it has then.

        :class:`ObjectExists` if the ``condition`` (headers) is that there be none, and there is. May be called again
        after a :class:`TransientError`, also if the earlier call did its work without our hearing.
        """
        body = completed_parts(tags)
        answer = self.wire.ask(
            "POST", self.key, query={"uploadId": id}, headers=condition, body=body, patience=_COMPLETING
        )
        node = parse(answer.body, "CompleteMultipartUploadResult")
        taken = answer.status == TAKEN
        again = taken or (answer.status == NOT_FOUND and problem_of(answer).code == "NoSuchUpload")
        if (answer.status != OK or node is None) and not again:
            raise self._failure(answer, "complete")
        stored = self.wire.ask("HEAD", self.key)
        if again and (stored.status != OK or stored.headers.get("ETag", "").strip('"') != _tag_of_all(tags)):
            if taken and stored.status == OK:
                raise ObjectExists(f"{self.label} was stored by somebody else meanwhile")
            raise self._failure(answer, "complete")
        if stored.status == NOT_FOUND:
            raise TransientError(f"{self.label}: S3 completed it, but does not show it")
        if stored.status != OK:
            raise self._failure(stored, "look at")
        if stored.headers.get("Content-Length") != str(size):
            raise PermanentError(
                f"{self.label}: S3 has {stored.headers.get('Content-Length')} bytes of the {size} that were sent"
            )
        return stored

    def discard(self, id: str) -> None:
        """Give it up."""
        answer = self.wire.ask("DELETE", self.key, query={"uploadId": id})
        if answer.status not in {OK, NO_CONTENT, NOT_FOUND}:
            raise self._failure(answer, "give up")

    def _failure(self, answer: Answer, doing: str) -> StorageError:
        if answer.status == OK and not problem_of(answer).code:
            return TransientError(f"{self.label}: cannot {doing} it: the answer is none of S3's")
        return failure(answer, f"{self.label}: cannot {doing} it", clock=self.clock)


def _tag_of_all(tags: Sequence[str]) -> str:
    """The entity tag of an object of these parts, where tags are MD5 sums; empty where they are not."""
    found = [_MD5_TAG.fullmatch(tag) for tag in tags]
    digest = hashlib.md5(usedforsecurity=False)
    for match in found:
        if match is None:
            return ""
        digest.update(bytes.fromhex(match[1]))
    return f"{digest.hexdigest()}-{len(tags)}"
