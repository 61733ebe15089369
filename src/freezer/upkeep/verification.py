"""What checks and drills have found so far: which packs were read when, and which are not to be relied on.

A pack that was once found damaged is *quarantined* for ever, whatever a later check says and whatever its clock says:
writers store its chunks again, readers take other copies first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Check, Drill, State
from freezer.repository.names import Folder, Kind
from freezer.repository.protocol.records import read_all
from freezer.repository.store import Repository


class Verification(msgspec.Struct, frozen=True):
    """Times are nanoseconds since 1970.

    ``read``: when a pack was last read from end to end and found intact; ``quarantined``: packs that were damaged or
    missing, and when that was last said; ``intact``: backups of which every byte was read, or that a drill has restored
    entirely, and when that was last said, unless somebody has said since that something is lost: they are ``damaged``;
    ``proved``: when a drill has restored a backup last, or a sample of it; ``failed``: when one failed to, if none has
    succeeded since."""

    read: Mapping[str, int]
    quarantined: Mapping[str, int]
    intact: Mapping[str, int]
    damaged: Mapping[str, int]
    proved: Mapping[str, int]
    failed: Mapping[str, int]


def load(repository: Repository, cache: Cache | None, notice: Notice) -> Verification:
    """What is stored; records that cannot be read do not count, and are a notice."""
    packs, backups, drills = _Words(), _Words(), _Words()
    for record in read_all(repository, cache, Folder.CHECKS, Kind.CHECK, Check, notice).values():
        check = record.document
        backups.say(check.backups, check.ended, good=True)
        backups.say(check.damaged, check.ended, good=False)
        for name, state in check.packs:
            packs.say([name], check.ended, good=state is State.INTACT)
    for found in read_all(repository, cache, Folder.DRILLS, Kind.DRILL, Drill, notice).values():
        drill = found.document
        drills.say([drill.attempt], drill.ended, good=drill.verdict)
        if drill.verdict and drill.whole:
            backups.say([drill.attempt], drill.ended, good=True)
    damaged = backups.last_is_bad()
    intact = {backup: when for backup, when in backups.good.items() if backup not in damaged}
    return Verification(packs.good, packs.bad, intact, damaged, drills.good, drills.last_is_bad())


class _Words:
    """What was said of things, and when last. Of two words of one moment the bad one counts."""

    def __init__(self) -> None:
        self.good: dict[str, int] = {}
        self.bad: dict[str, int] = {}

    def say(self, things: Iterable[str], when: int, *, good: bool) -> None:
        words = self.good if good else self.bad
        for thing in things:
            words[thing] = max(words.get(thing, 0), when)

    def last_is_bad(self) -> dict[str, int]:
        """The things of which the last word is a bad one, and when that was."""
        return {thing: when for thing, when in self.bad.items() if when >= self.good.get(thing, 0)}
