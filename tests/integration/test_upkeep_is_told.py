"""What agents find out about older backups, and which of them they remove, by the names that the API has for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from freezer.model.backups import composed_id
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Outcome
from freezer.scheduler.execution.executor import AGENT
from support.executing import Office, Orders, action, executor, hold

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]


class _Machine:
    """Jobs of one action each, on one container."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.container = folder / "container"
        self._executor = executor(folder, AGENT)
        self._options = {"storage": "local", "container": str(self.container), "hostname": "h", **options}
        self._runs = 0
        (folder / "source").mkdir()

    def does(self, name: str, **options: object) -> tuple[Office, Outcome | None]:
        self._runs += 1
        office = Office()
        held = hold(action(name, **self._options, **options), number=1_795_000_000 + self._runs)
        return office, self._executor.execute(held, office, Orders())

    def backup(self, text: str) -> str:
        """The id that the API gives to it, by its report."""
        (self.folder / "source" / "file").write_text(text)
        office, outcome = self.does("backup", backup_name="it", path_to_backup=str(self.folder / "source"))
        assert outcome == Outcome("success", 0), office.text
        return composed_id(office.backups[0])


def test_levels_that_are_checked_and_removed_are_told_one_by_one(tmp_path: Path) -> None:
    machine = _Machine(tmp_path, max_level=1)
    first, second = machine.backup("one"), machine.backup("more")
    assert machine.does("check")[0].kept == [Upkeep(passed=(first, second))]
    assert machine.does("check", read_data=True)[0].kept == [Upkeep(way="read-data", passed=(first, second))]
    (data,) = machine.container.glob("data/tar/h_it/*/1_*/data")
    data.write_bytes(data.read_bytes()[:-1])
    office, outcome = machine.does("check")
    assert outcome is not None
    assert outcome.state == "failed"
    ((told),) = office.kept
    assert (told.passed, [backup for backup, _ in told.failed]) == ((first,), [second])
    assert "bytes" in told.failed[0][1]
    assert machine.does("admin", backup_name="it", remove_older_than=0, dry_run=True)[0].kept == []
    gone = machine.does("admin", backup_name="it", remove_older_than=0, allow_empty=True)[0].kept[0]
    assert (set(gone.removed), gone.passed) == ({first, second}, ())


def test_backups_of_a_repository_that_are_checked_drilled_and_forgotten_are_told(tmp_path: Path) -> None:
    machine = _Machine(tmp_path, engine_name="dedup")
    office, outcome = machine.does("init", unencrypted=True)
    assert outcome == Outcome("success", 0), office.text
    only = machine.backup("one")
    assert machine.does("check")[0].kept == [Upkeep(passed=(only,))]
    assert machine.does("drill", backup_name="it")[0].kept == [Upkeep(way="drill", passed=(only,))]
    newer = machine.backup("two")
    office, _ = machine.does("forget", backup_name="it", keep_last=1, keep_verified=0)
    assert office.kept == [Upkeep(removed=(only,))], office.text
    office, _ = machine.does("drill", backup_name="it", probe="test -e /nowhere")
    assert [(each.way, each.passed, each.failed[0][0]) for each in office.kept] == [("drill", (), newer)]
