"""What retention is told of the backups in a repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from freezer.agent.context import Context
from freezer.agent.dedup.keeping import brought_at, plan_forgetting, policy_time
from freezer.agent.dedup.opening import Opened
from freezer.engine.dedup.backup.run import Stream
from freezer.errors import ContainerError
from freezer.options import load
from freezer.progress import NoProgress
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.cache import Cache
from freezer.repository.documents import Decision, Summary, Verdict
from freezer.repository.local import LocalState
from freezer.repository.names import PREFIX, Folder
from freezer.repository.protocol import backups as committed
from freezer.repository.protocol import forgetting
from freezer.repository.protocol.backups import Backup
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage
from freezer.upkeep.verification import Verification
from support.restoring import back_up, found_repository, loud

DAY = 86400
NANO = 1_000_000_000
NOTHING = Verification({}, {}, {}, {}, {}, {})


class ServerTime(MemoryStorage):
    """Says when things were stored by a clock of its own."""

    @property
    def capabilities(self):
        return msgspec.structs.replace(super().capabilities, server_time=True)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Opened]:
    def open(storage: MemoryStorage | None = None, clock: FakeClock | None = None) -> Opened:
        repository = found_repository(storage) if clock is None else founding.open_(storage, clock, Opener(), loud)
        return Opened(repository, Cache(str(tmp_path), loud), LocalState(MemoryStorage(repository.clock), loud))

    return open


def iter_once(data: bytes) -> Callable[[memoryview], int]:
    """Gives ``data`` once, as a stream does."""
    left = [data]

    def read(view: memoryview) -> int:
        if not left:
            return 0
        view[: len(data)] = left.pop()
        return len(data)

    return read


def context(found: Opened, *words: str) -> Context:
    line = ["forget", "--storage", "local", "-C", "/c", "-N", "web", "--hostname", "h", *words]
    invocation = load(line, program="freezer-agent", environ={}, home="/nowhere", hostname="h", etc="/nowhere")
    return Context(invocation, found.repository.clock, NoProgress(), loud, "")


def backup(number: int, started: float, modified: float = 0.0) -> Backup:
    """One that says when it was begun; ``modified``: when the storage got it."""
    when = int(started * NANO)
    summary = Summary("h", "web", when, when, [], [b"/x"], 1, 1, 1, 1, 0, True)
    id = f"{number:026}"
    decision = Decision(Verdict.COMMIT, id, when, b"x" * 32, b"", number, summary)
    return Backup(id, "a" * 26, decision, f"commits/{id}", b"", modified)


def kept(found: Opened, backups: list[Backup], *words: str, checks: Verification = NOTHING) -> list[int]:
    """The numbers of those that stay; all have a root."""
    for each in backups:
        found.repository.storage.put(f"{PREFIX}{Folder.ROOTS}{each.attempt}", b"")
    return kept_as_they_are(found, backups, *words, checks=checks)


def kept_as_they_are(found: Opened, backups: list[Backup], *words: str, checks: Verification = NOTHING) -> list[int]:
    verdicts = plan_forgetting(context(found, *words), found, backups, checks)
    return [int(verdict.item.id) for verdict in verdicts if verdict.keep]


def test_where_the_storage_has_a_clock_nobody_elses_word_decides(opened):
    found = opened(ServerTime(found_repository().clock))
    now = found.repository.clock.now()
    liar = backup(1, now + 400 * DAY, modified=now)
    assert brought_at(found) == 0
    assert policy_time(found, liar, 0) == int(now)
    genuine = [backup(2, now - DAY, now - DAY), backup(3, now - 2 * DAY, now - 2 * DAY)]
    assert kept(found, [liar, *genuine], "--keep-daily", "3") == [1, 2, 3]
    assert policy_time(opened(), liar, 0) == int(now + 400 * DAY)


def test_a_storage_whose_clock_is_ahead_makes_nothing_younger_than_new(opened):
    """Swift's S3 interface rounds up to whole seconds."""
    found = opened(ServerTime(found_repository().clock))
    now = found.repository.clock.now()
    just_made = [backup(1, now, modified=now + 0.9), backup(2, now, modified=now + 30)]
    assert kept(found, just_made, "--remove-older-than", "0", "--allow-empty") == []
    assert kept(found, just_made, "--remove-older-than", "1", "--allow-empty") == [1, 2]


def test_what_was_copied_to_another_storage_keeps_the_time_when_it_was_made(opened):
    made = found_repository()
    there = ServerTime(made.clock)
    made.clock.advance(90 * DAY)
    for info in made.storage.list():
        there.put(info.name, made.storage.get(info.name))
    found = opened(there, made.clock)
    now = made.clock.now()
    assert brought_at(found) == now
    before = [backup(number, now - (9 - number) * DAY, modified=now) for number in range(5)]
    assert kept(found, before, "--keep-daily", "3") == [2, 3, 4]
    made.clock.advance(9 * DAY)
    liars = [backup(number, now + number * DAY / 10, modified=now + 9 * DAY) for number in (6, 7, 8)]
    assert kept(found, [*before, *liars], "--keep-daily", "3") == [3, 4, 8]


def test_a_backup_without_a_root_counts_for_no_rule(opened):
    found = opened()
    now = found.repository.clock.now()
    backups = [backup(number, now - (9 - number) * DAY) for number in range(3)]
    kept(found, backups[:2], "--keep-last", "9")
    assert kept_as_they_are(found, backups, "--keep-last", "1") == [1, 2]  # until there is a newer good one
    newer = backup(4, now)
    assert kept_as_they_are(found, [*backups, newer], "--keep-last", "1") == [1, 2, 4]
    kept(found, [newer], "--keep-last", "1")
    assert kept_as_they_are(found, [*backups, newer], "--keep-last", "1") == [4]


def test_what_was_damaged_since_it_was_verified_is_not_kept_for_that(opened):
    found = opened()
    now = found.repository.clock.now()
    roots = [back_up(found.repository, Stream(b"x", iter_once(b"%d" % number))) for number in range(3)]
    decided = {each.attempt: each for each in committed.backups(found.repository, None, loud)}
    old = []
    for number, id in enumerate(root.attempt for root in roots):
        claimed = backup(number, now - (9 - number) * DAY)
        decision = msgspec.structs.replace(claimed.decision, root=decided[id].decision.root)
        old.append(msgspec.structs.replace(claimed, attempt=id, decision=decision))
    newest = backup(9, now)
    intact = {each.attempt: 5 for each in old}

    def stay(**changes: object) -> list[int]:
        checks = msgspec.structs.replace(NOTHING, intact=intact, **changes)
        verdicts = plan_forgetting(
            context(found, "--keep-last", "1", "--keep-verified", "2"), found, [*old, newest], checks
        )
        return [number for number, verdict in enumerate(verdicts) if verdict.keep]

    found.repository.storage.put(f"{PREFIX}{Folder.ROOTS}{newest.attempt}", b"")
    (pack,) = (name for name in roots[2].needs if name.startswith("packs/"))
    assert stay() == [1, 2, 3]
    assert stay(quarantined={pack: 4}) == [1, 2, 3]  # since then it was seen to be intact
    assert stay(quarantined={pack: 6}) == [0, 1, 3]


def test_ages_mean_nothing_if_the_clock_is_behind_the_newest_backup(opened):
    found = opened()
    now = found.repository.clock.now()
    ahead = [backup(1, now + DAY), backup(2, now - 9 * DAY)]
    with pytest.raises(ContainerError, match="nothing is removed by its age"):
        kept(found, ahead, "--remove-older-than", "1")
    assert kept(found, ahead, "--keep-last", "1") == [1, 2]
    assert kept(found, [backup(1, now + 60), backup(2, now - 9 * DAY)], "--remove-older-than", "1") == [1]


def test_what_is_from_the_future_stays_and_counts_for_no_rule(opened):
    found = opened()
    now = found.repository.clock.now()
    backups = [backup(1, now + DAY), backup(2, now + 400 * DAY), *(backup(n, now - n * DAY) for n in range(3, 7))]
    for rule in ("--keep-last", "--keep-daily"):
        assert kept(found, backups, rule, "2") == [1, 2, 3, 4]
    verdicts = plan_forgetting(context(found, "--keep-last", "2"), found, backups, NOTHING)
    assert "later than now: it counts for no rule" in verdicts[0].reason


def test_backups_of_one_second_are_told_apart_by_their_ids(opened):
    found = opened()
    now = found.repository.clock.now()
    assert kept(found, [backup(number, now) for number in range(4)], "--keep-last", "2") == [2, 3]


def test_holds_count_while_they_are_in_force(opened):
    found = opened()
    now = found.repository.clock.now()
    backups = [backup(number, now - (9 - number) * DAY) for number in range(4)]
    for number, until in ((0, forgetting.FOR_EVER), (1, int((now + DAY) * NANO))):
        forgetting.hold(found.repository, backups[number].attempt, until, "", loud)
    assert kept(found, backups, "--keep-last", "1") == [0, 1, 3]
    forgetting.release(found.repository, backups[0].attempt, "", loud)
    assert kept(found, backups, "--keep-last", "1") == [1, 3]
    found.repository.clock.sleep(2 * DAY)
    assert kept(found, backups, "--keep-last", "1") == [3]


def test_what_is_known_to_be_intact_stays_up_to_the_number_that_is_asked_for(opened):
    found = opened()
    now = found.repository.clock.now()
    backups = [backup(number, now - (9 - number) * DAY) for number in range(6)]
    checks = Verification({}, {}, {each.attempt: 5 for each in backups[:3]}, {}, {}, {})
    assert kept(found, backups, "--keep-last", "1", checks=checks) == [0, 1, 2, 5]
    assert kept(found, backups, "--keep-last", "1", "--keep-verified", "1", checks=checks) == [2, 5]
