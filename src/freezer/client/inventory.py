"""What storages hold, told to the API so that its records agree with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import to_builtins

from freezer.client.wire import Wire
from freezer.model.inventory import MOST_ROWS, Place, StoredBackup, digest, hashed
from freezer.model.upkeep import Upkeep

_PREFIX_LENGTHS = (0, 1, 2, 3)
_ROWS_OF_A_SEGMENT = 200
_AT_ONCE = 100
_HEXADECIMAL = "0123456789abcdef"


@dataclass(slots=True)
class Reconciled:
    """Ids of backups that were adopted, are gone, or have returned; ``known`` were right already."""

    adopted: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    known: int = 0


class Inventory:
    """The API's records of a project, compared with storages."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def reconcile(
        self, place: Place, rows: Sequence[StoredBackup], *, complete: bool = True, before: float | None = None
    ) -> Reconciled:
        """Make the records agree with ``rows``, which is all that the place holds if ``complete``; records of backups
        begun at ``before`` or later (seconds since 1970) are never gone. Where both agree already nothing but digests
        is sent."""
        length = next((n for n in _PREFIX_LENGTHS if len(rows) <= _ROWS_OF_A_SEGMENT * 16**n), _PREFIX_LENGTHS[-1])
        segments: dict[str, dict[str, StoredBackup]] = {prefix: {} for prefix in _prefixes(length)}
        for row in rows:
            hash = hashed(row, place)
            segments[hash[:length]][hash] = row
        result = Reconciled()
        for prefix in self._differing(place, segments):
            part = list(segments[prefix].values())
            self._tell(place, prefix, part, result, {"complete": complete and len(part) <= MOST_ROWS, "before": before})
        told = len(result.adopted) + len(result.returned) + result.known
        result.known += sum(map(len, segments.values())) - told
        return result

    def removed(self, composed: Sequence[str]) -> list[str]:
        """Tell of backups that were removed, by their composed ids; the ids of those that the API knew."""
        gone: list[str] = []
        for begin in range(0, len(composed), _AT_ONCE):
            body = {"backups": composed[begin : begin + _AT_ONCE]}
            answer = self._wire.ask("POST", "/inventory/removal", "removal", body=body, harmless=True)
            gone += map(str, answer["gone"])
        return gone

    def verified(self, done: Upkeep, *, at: int, by: str | None) -> list[str]:
        """Tell what was verified, ``at`` seconds since 1970 ``by`` a client; the ids of backups that the API knew."""
        found: list[dict[str, str]] = [{"backup": each, "result": "passed"} for each in done.passed]
        found += [{"backup": each, "result": "failed", "detail": reason} for each, reason in done.failed]
        known: list[str] = []
        for begin in range(0, len(found), _AT_ONCE):
            body = {"kind": done.way, "at": at, "by": by, "backups": found[begin : begin + _AT_ONCE]}
            answer = self._wire.ask("POST", "/verifications", "verification", body=body, harmless=True)
            known += map(str, answer["verified"])
        return known

    def _differing(self, place: Place, segments: dict[str, dict[str, StoredBackup]]) -> list[str]:
        document = {"place": to_builtins(place), "digests": {prefix: digest(each) for prefix, each in segments.items()}}
        answer = self._wire.ask("POST", "/inventory/comparison", "comparison", body=document, harmless=True)
        return [str(prefix) for prefix in answer["differing"]]

    def _tell(
        self, place: Place, prefix: str, rows: Sequence[StoredBackup], result: Reconciled, claims: Mapping[str, object]
    ) -> None:
        for begin in range(0, max(len(rows), 1), MOST_ROWS):
            document = {
                "place": to_builtins(place),
                "prefix": prefix,
                "backups": to_builtins(rows[begin : begin + MOST_ROWS]),
                **claims,
            }
            answer = self._wire.ask("POST", "/inventory", "inventory", body=document, harmless=True)
            result.adopted += answer["adopted"]
            result.gone += answer["gone"]
            result.returned += answer["returned"]
            result.known += answer["known"]


def _prefixes(length: int) -> list[str]:
    prefixes = [""]
    for _ in range(length):
        prefixes = [before + digit for before in prefixes for digit in _HEXADECIMAL]
    return prefixes
