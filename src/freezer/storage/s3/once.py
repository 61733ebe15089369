"""Whether of several writers of one new key exactly one wins (``If-None-Match: *``): tried out, never assumed.

A single write twice proves nothing: Swift's S3 interface refuses the second, and yet lets several through that come at
the same instant. So many writers race for one key, several times. The outcome is kept in the bucket, together with the
name of the service and the bucket, so that not every backup races again; a copy of the bucket elsewhere is tried anew.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.errors import StorageError
from freezer.http import Answer
from freezer.storage.s3.answers import CONFLICT, OK, TAKEN, failure, may_pass
from freezer.storage.s3.keys import OWN
from freezer.storage.s3.multipart import content_md5
from freezer.storage.s3.wire import Wire

RACERS = 20
ROUNDS = 5
ONLY_NEW = {"If-None-Match": "*"}

_TRIES = 3  # of a race that was disturbed
_VALID = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Trial:
    """The bucket: ``place`` names service and bucket, ``prefix`` is where keys may be written."""

    wire: Wire
    place: str
    prefix: str
    label: str
    clock: Clock

    def outcome(self) -> bool:
        """Whether exactly one wins: as an earlier trial of this bucket found, or a new one."""
        name = f"{self.prefix}{OWN}create-once"
        kept = self.wire.ask("GET", name)
        if self.wire.is_swift:
            return False
        if may_pass(kept.status):
            raise failure(kept, f"{self.label}: cannot read what an earlier trial found", clock=self.clock)
        known = self._known(kept)
        if known is not None:
            return known
        proven = self.race()
        if proven is None:
            return False  # what is not proven is not promised, but the next run may find out
        body = json.dumps({"place": self._digest(), "one_winner": proven, "time": int(self.clock.now())}).encode()
        answer = self.wire.ask("PUT", name, headers=content_md5(body), body=body)
        if answer.status != OK:
            raise failure(answer, f"{self.label}: cannot write to the bucket", clock=self.clock)
        return proven

    def race(self) -> bool | None:
        """Whether each of several races had one winner, and everybody else was told; None if one could not be held."""
        with ThreadPoolExecutor(RACERS, "s3-race") as pool:
            for _ in range(ROUNDS):
                found = None
                for _ in range(_TRIES):
                    found = self._one_winner(pool) if found is None else found
                if not found:
                    return found
        return True

    def _known(self, kept: Answer) -> bool | None:
        """What the record of an earlier trial says; None if there is none that counts."""
        try:
            record = json.loads(kept.body) if kept.status == OK else None
            age = self.clock.now() - record["time"] if record else _VALID
            if record and record["place"] == self._digest() and 0 <= age < _VALID:
                return record["one_winner"] is True
        except (ValueError, KeyError, TypeError):
            pass
        return None

    def _digest(self) -> str:
        return hashlib.sha256(self.place.encode()).hexdigest()

    def _one_winner(self, pool: ThreadPoolExecutor) -> bool | None:
        """The outcome of one race; None if some answer is missing, which may be the winner's."""
        key = f"{self.prefix}{OWN}race-{secrets.token_hex(8)}"
        start = threading.Barrier(RACERS)

        def write(number: int) -> tuple[int, bytes, str]:
            body = f"{key} {number}".encode()
            start.wait()
            try:
                answer = self.wire.ask("PUT", key, headers={**ONLY_NEW, **content_md5(body)}, body=body)
            except StorageError:
                return 0, body, ""
            return answer.status, body, answer.headers.get("x-amz-version-id", "")

        results = list(pool.map(write, range(RACERS)))
        winners = [(body, version) for status, body, version in results if status == OK]
        try:
            if len(winners) > 1:
                return False
            if any(status == 0 or may_pass(status) for status, _, _ in results):
                return None
            if len(winners) != 1 or any(status not in {OK, TAKEN, CONFLICT} for status, _, _ in results):
                return False
            return self.wire.ask("GET", key).body == winners[0][0]
        finally:
            self._remove(key, [version for _, version in winners])

    def _remove(self, key: str, versions: list[str]) -> None:
        """For good, where versions are kept and we may; otherwise as far as we may. What stays, a sweep finds."""
        removed = [self.wire.ask("DELETE", key, query={"versionId": one}).status < 300 for one in versions if one]
        if not removed or not all(removed):
            self.wire.ask("DELETE", key)
