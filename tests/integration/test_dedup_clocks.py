"""Clocks that are wrong: ahead, behind, stopped, put back in the middle of a run, before 1980 and past 2038, and other
than those of other machines and of the storage. Whatever they show, every backup that nobody has forgotten restores,
rules remove no more than they say, and what is refused is one clear line."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freezer.clock import SystemClock

HOUR, DAY, YEAR = 3600.0, 86400.0, 365.25 * 86400.0
TODAY = time.time()

SHIFTS = {
    "an hour ahead": HOUR,
    "an hour behind": -HOUR,
    "a year ahead": YEAR,
    "a year behind": -YEAR,
    "in 1970": 60.0 - TODAY,
    "past January 2038": datetime(2038, 2, 1, tzinfo=UTC).timestamp() - TODAY,
    "past February 2106": datetime(2106, 3, 1, tzinfo=UTC).timestamp() - TODAY,
}
"""Seconds by which a clock is wrong."""


@dataclass
class Ledger:
    """Backups of one file whose content is other each time, and what each has to restore."""

    vault: object
    show: Callable[[Callable[[], float]], None]
    folder: Path
    owed: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def shift(self, seconds: float) -> None:
        """The machine's clock is wrong by so much from now on."""
        self.show(lambda: time.time() + seconds)

    def made(self, *words: object) -> str:
        """The id of a new backup."""
        content = "x" * next(self._numbers) + "\n"
        (self.vault.source / "one").write_text(content)
        id: str = self.vault.made(*words)
        self.owed[id] = content
        return id

    def forgets(self, *words: object) -> set[str]:
        """The ids that these rules let go."""
        before = set(self.vault.ids())
        run = self.vault.act("forget", *words)
        assert run.code == 0, run.err
        gone = before - set(self.vault.ids())
        for id in gone:
            del self.owed[id]
        return gone

    def is_whole(self) -> None:
        """Prune and read everything: all that is owed is listed and restores, nothing else is."""
        for words in (["prune", "--max-unused", "0%"], ["check", "--read-data"]):
            run = self.vault.act(*words)
            assert run.code == 0, run.err
        assert set(self.vault.ids()) == self.owed.keys()
        for id, content in self.owed.items():
            target = self.folder / f"out{next(self._numbers)}"
            run = self.vault.restore(target, "--id", id)
            assert run.code == 0, run.err
            assert (target / "one").read_text() == content

    def newest(self) -> str:
        """What a restore takes that is told of no id."""
        target = self.folder / f"out{next(self._numbers)}"
        assert self.vault.restore(target).code == 0
        return (target / "one").read_text()


@pytest.fixture
def ledger(vault, tmp_path, monkeypatch) -> Ledger:
    return Ledger(vault, lambda shown: monkeypatch.setattr(SystemClock, "now", lambda _self: shown()), tmp_path)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Makes this one of several machines, each of which remembers what it has seen itself."""

    def be(name: str) -> None:
        home = tmp_path / f"home of {name}"
        home.mkdir(exist_ok=True)
        monkeypatch.setenv("HOME", str(home))

    return be


@pytest.mark.parametrize("wrong", SHIFTS)
def test_a_clock_that_is_wrong_for_a_while_loses_nothing(ledger, wrong):
    ledger.made()
    ledger.made("--tag", "before")
    ledger.shift(SHIFTS[wrong])
    meanwhile = [ledger.made(), ledger.made()]
    ledger.is_whole()
    assert len(ledger.forgets("--keep-last", "3")) <= 1
    ledger.is_whole()
    ledger.shift(0)
    after = ledger.made()
    ledger.is_whole()
    ledger.forgets("--keep-last", "1")
    assert after in ledger.owed
    ledger.is_whole()
    assert meanwhile[-1] in ledger.owed or SHIFTS[wrong] < 0


@pytest.mark.parametrize("wrong", SHIFTS)
def test_nothing_that_counts_is_removed_by_its_age_under_a_wrong_clock(ledger, wrong):
    verified = ledger.made()
    assert ledger.vault.act("check", "--read-data").code == 0
    other, newest = ledger.made(), ledger.made()
    ledger.shift(SHIFTS[wrong])
    run = ledger.vault.act("forget", "--remove-older-than", "30")
    if SHIFTS[wrong] < -DAY:
        assert run.code == 1
        assert "nothing is removed by its age" in run.error
    elif SHIFTS[wrong] < HOUR + 1:
        assert run.code == (1 if SHIFTS[wrong] < 0 else 0)
    else:  # whoever asks for ages gets ages; what was read and the newest stay in any case
        assert run.code == 0
        assert {verified, newest} <= set(ledger.vault.ids())
        ledger.owed.pop(other, None)
    ledger.is_whole()
    ledger.shift(0)
    ledger.made()
    ledger.is_whole()


@pytest.mark.parametrize("ahead", ["an hour ahead", "a year ahead", "past February 2106"])
def test_a_backup_from_the_future_pushes_out_none_that_was_made_after_it(ledger, ahead):
    ledger.shift(SHIFTS[ahead])
    future = ledger.made()
    ledger.shift(0)
    old, new = ledger.made(), ledger.made()
    plan = ledger.vault.act("forget", "--keep-last", "1", "--dry-run", "--json")
    reasons = {row["backup"]: row["reason"] for row in plan.json["keep"]}
    assert reasons.keys() == {future, new}
    assert "later than now" in reasons[future]
    assert ledger.forgets("--keep-last", "1") == {old}
    ledger.is_whole()
    assert ledger.vault.act("forget", "--id", future).code == 0
    del ledger.owed[future]
    ledger.is_whole()


def test_rules_that_count_remove_nothing_while_the_clock_is_behind_all_backups(ledger):
    for _ in range(4):
        ledger.made()
    ledger.shift(-YEAR)
    for rule in ("last", "hourly", "daily", "weekly", "monthly", "yearly", "within"):
        assert ledger.forgets(f"--keep-{rule}", "1") == set()
    ledger.is_whole()


def test_a_clock_that_stands_still_keeps_the_order_of_backups(ledger):
    frozen = time.time()
    ledger.show(lambda: frozen)
    ids = [ledger.made() for _ in range(6)]
    assert ledger.vault.ids() == ids
    assert ledger.newest() == ledger.owed[ids[-1]]
    ledger.is_whole()
    assert ledger.forgets("--keep-last", "2", "--keep-verified", "0") == set(ids[:-2])
    ledger.is_whole()


def test_a_file_that_changes_while_the_clock_stands_still_is_read_again(ledger):
    """Size, inode and all times may be what they were: only the instant of the last backup tells."""
    path = ledger.vault.source / "one"
    frozen = int(path.stat().st_mtime) + 1
    ledger.show(lambda: float(frozen))
    contents = ["first!", "second", "third."]
    for content in contents:
        path.write_text(content)
        os.utime(path, (frozen, frozen))
        id = ledger.vault.made()
        ledger.owed[id] = content
    ledger.is_whole()


@pytest.mark.parametrize("back", [HOUR, YEAR])
@pytest.mark.parametrize("action", ["backup", "forget", "prune", "check", "restore"])
def test_a_clock_that_is_put_back_in_the_middle_of_a_run_loses_nothing(ledger, tmp_path, action, back):
    for _ in range(3):
        ledger.made()
    vault, (oldest, *_) = ledger.vault, sorted(ledger.owed)
    if action == "prune":
        ledger.forgets("--id", oldest)
    words = {
        "backup": ["backup", "--engine", "dedup", "-F", vault.source],
        "forget": ["forget", "--keep-last", "2"],
        "prune": ["prune", "--max-unused", "0%"],
        "check": ["check", "--read-data"],
        "restore": ["restore", "--restore-abs-path", tmp_path / "target"],
    }[action]
    readings = itertools.count()
    ledger.show(lambda: time.time() - (back if next(readings) > 1 else 0))
    before = set(vault.ids())
    readings = itertools.count()
    run = vault.act(*words)
    assert run.code == 0, run.err
    ledger.shift(0)
    listed = set(vault.ids())
    for gone in before - listed:
        assert (action, gone) == ("forget", oldest)
        del ledger.owed[gone]
    for new in listed - before:
        assert action == "backup"
        ledger.owed[new] = (vault.source / "one").read_text()
    assert len(listed - before) == (action == "backup")
    ledger.is_whole()
    ledger.made()
    ledger.is_whole()


def test_two_machines_whose_clocks_are_ten_minutes_apart_lose_nothing(ledger, machine):
    """Both back up the same host and name, forget and prune."""
    for turn in range(3):
        machine("one")
        ledger.shift(0)
        ledger.made()
        machine("two")
        ledger.shift(600)
        ledger.made()
        ledger.is_whole()
        machine("one")
        ledger.shift(0)
        ledger.is_whole()
        if turn:
            newest = list(ledger.owed)[-2]
            ledger.forgets("--keep-last", "2")
            assert newest in ledger.owed
            ledger.is_whole()


def test_who_prunes_by_a_clock_that_is_a_year_ahead_takes_nothing_from_a_backup_that_runs(ledger, machine):
    """It is given up for dead, and says so; the next one takes over what it had stored."""
    machine("one")
    ledger.made()
    vault = ledger.vault
    command = [sys.executable, "-m", "freezer.cmd.agent", "backup", "--engine", "dedup", "--stdin-name", "dump"]
    command += vault.agent.stored("--machine-secret-file", vault.secret, "--pack-size", "1M")
    known = set(vault.stored("attempts"))
    backup = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=False)
    try:
        assert backup.stdin is not None
        backup.stdin.write(os.urandom(3 << 20))
        backup.stdin.flush()
        while set(vault.stored("attempts")) == known:
            assert backup.poll() is None
            time.sleep(0.01)
        machine("two")
        ledger.shift(YEAR)
        assert vault.act("prune", "--max-unused", "0%").code == 0
        ledger.shift(0)
        machine("one")
        _, told = backup.communicate(b"end", timeout=180)
    finally:
        backup.kill()
        backup.wait()
    assert backup.returncode == 1
    [error] = [line for line in told.decode().splitlines() if "error: " in line]
    assert "nothing was heard of it" in error
    ledger.is_whole()
    ledger.made()
    ledger.is_whole()


def test_what_was_forgotten_is_not_called_missing_after_a_prune_by_a_clock_that_is_a_year_ahead(ledger, machine):
    machine("one")
    for _ in range(3):
        ledger.made()
    machine("two")
    ledger.shift(YEAR)
    ledger.forgets("--keep-last", "1")
    ledger.is_whole()
    machine("one")
    ledger.shift(0)
    ledger.is_whole()
    ledger.made()
    ledger.is_whole()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "nowhere"])
def test_the_zone_of_the_machine_changes_nothing(ledger, monkeypatch, zone):
    ledger.made()
    rows = ledger.vault.act("list").out
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert ledger.vault.act("list").out == rows
        ledger.made()
        assert ledger.forgets("--keep-last", "2") == set()
        assert ledger.forgets("--remove-older-than", "1") == set()
        ledger.is_whole()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("wrong", ["in 1970", "past February 2106"])
def test_a_repository_may_be_made_under_a_wrong_clock(ledger, wrong):
    shutil.rmtree(ledger.vault.container)
    ledger.shift(SHIFTS[wrong])
    assert ledger.vault.act("init").code == 0
    ledger.made()
    ledger.shift(0)
    ledger.made()
    assert ledger.vault.act("key-list").code == 0
    ledger.is_whole()
