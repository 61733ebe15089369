"""What must outlive the daemon."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from freezer.errors import FreezerError, StorageFull
from freezer.model.run_reports import ActionResult
from freezer.model.runs import Fence
from freezer.scheduler.contract import Hold, Wanted
from freezer.scheduler.journal import Journal, Known
from support.scheduling import job

HOLD = Hold(Wanted(job("a"), "schedule", 5), Fence(1, 2), math.inf, done={0: ActionResult(state="success")})


def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path[:0] = {sys.path!r}
from unit.scheduler.test_journal import HOLD
from freezer.scheduler.journal import Journal, Known
journal = Journal({str(tmp_path)!r})
journal.begin(HOLD, "a", Known(5, 1, "plan"))
journal.keep_fact("name", {{"some": "thing"}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    journal = Journal(str(tmp_path))
    assert journal.holds() == [HOLD]
    assert journal.known() == {"a": Known(5, 1, "plan")}
    assert journal.fact("name", dict) == {"some": "thing"}
    journal.over(HOLD.wanted.run_id)
    assert journal.holds() == []
    journal.close()


def test_what_was_held_before_the_machine_was_started_is_not_held_any_more(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    journal.keep(HOLD)
    journal.close()
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("UPDATE hold SET boot = 'another'")
    database.close()
    journal = Journal(str(tmp_path))
    (found,) = journal.holds()
    assert found.until == 0.0
    assert found.wanted == HOLD.wanted
    journal.close()


def test_events_are_numbered_and_forgotten_with_their_job(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    first, second = journal.ask("a"), journal.ask("a")
    assert second > first
    assert journal.asked() == {"a": second}
    journal.forget("a")
    assert journal.asked() == {}
    assert journal.ask("a") > second
    journal.close()


def test_a_journal_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    Journal(str(tmp_path)).close()
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(FreezerError, match="was written by a later version"):
        Journal(str(tmp_path))


def test_a_journal_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(os.urandom(5000))
    with pytest.raises(FreezerError, match=r"journal\.db cannot be used: file is not a database") as raised:
        Journal(str(tmp_path))
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("move it away")


def _full(journal: Journal, pages: int) -> None:
    """Let the journal have so many pages at most: what SQLite says then is what it says of a full disk."""
    journal._database.execute(f"PRAGMA max_page_count = {pages}")


def test_when_the_disk_is_full_the_reserve_is_given_up_and_one_line_says_so(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    assert journal.has_room()
    assert (tmp_path / "reserve").stat().st_size == 1024 * 1024
    _full(journal, 1)
    with pytest.raises(StorageFull, match="cannot be written: database or disk is full"):
        journal.keep_fact("much", "x" * 100_000)
    assert not (tmp_path / "reserve").exists()
    _full(journal, 10_000)
    journal.keep_fact("much", "x" * 100_000)
    assert journal.has_room()
    journal.close()


def test_without_room_for_a_reserve_nothing_new_begins(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "state"))
    (tmp_path / "state" / "reserve").mkdir()  # no file can be made there
    assert not journal.has_room()
    (tmp_path / "state" / "reserve").rmdir()
    assert journal.has_room()
    journal.close()
