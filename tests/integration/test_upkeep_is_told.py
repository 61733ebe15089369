"""What agents find out about older backups, and which of them they remove, by the names that the API has for them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
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
        held = hold(action(name, **{**self._options, **options}), number=1_795_000_000 + self._runs)
        return office, self._executor.execute(held, office, Orders())

    def backup(self, text: str) -> str:
        """The id that the API gives to it, by its report."""
        (self.folder / "source" / "file").write_text(text)
        office, outcome = self.does("backup", backup_name="it", path_to_backup=str(self.folder / "source"))
        assert outcome == Outcome("success", 0), office.text
        return composed_id(office.backups[0])


def without_held(done: tuple[Office, Outcome | None]) -> list[Upkeep]:
    return [msgspec.structs.replace(each, held=()) for each in done[0].kept]


def held_by(done: tuple[Office, Outcome | None]) -> list[list[str]]:
    """The composed ids of what each place holds."""
    (told,) = done[0].kept
    return [sorted(row.composed(each.place.container) for row in each.backups) for each in told.held]


def test_levels_that_are_checked_and_removed_are_told_one_by_one(tmp_path: Path) -> None:
    machine = _Machine(tmp_path, max_level=1)
    first, second = machine.backup("one"), machine.backup("more")
    assert without_held(machine.does("check")) == [Upkeep(passed=(first, second))]
    assert without_held(machine.does("check", read_data=True)) == [Upkeep(way="read-data", passed=(first, second))]
    (data,) = machine.container.glob("data/tar/h_it/*/1_*/data")
    data.write_bytes(data.read_bytes()[:-1])
    office, outcome = machine.does("check")
    assert outcome is not None
    assert outcome.state == "failed"
    ((told),) = office.kept
    assert (told.passed, [backup for backup, _ in told.failed]) == ((first,), [second])
    assert "bytes" in told.failed[0][1]
    assert machine.does("admin", backup_name="it", remove_older_than=0, dry_run=True)[0].kept == []
    while time.time() < int(data.parent.name.partition("_")[2]):
        time.sleep(0.05)  # two backups within a second: the other one is called after the next
    gone = machine.does("admin", backup_name="it", remove_older_than=0, allow_empty=True)[0].kept[0]
    assert (set(gone.removed), gone.passed) == ({first, second}, ())


def test_backups_of_a_repository_that_are_checked_drilled_and_forgotten_are_told(tmp_path: Path) -> None:
    machine = _Machine(tmp_path, engine_name="dedup")
    office, outcome = machine.does("init", unencrypted=True)
    assert outcome == Outcome("success", 0), office.text
    only = machine.backup("one")
    assert without_held(machine.does("check")) == [Upkeep(passed=(only,))]
    assert machine.does("drill", backup_name="it")[0].kept == [Upkeep(way="drill", passed=(only,))]
    newer = machine.backup("two")
    office, _ = machine.does("forget", backup_name="it", keep_last=1, keep_verified=0)
    assert office.kept == [Upkeep(removed=(only,))], office.text
    office, _ = machine.does("drill", backup_name="it", probe="test -e /nowhere")
    assert [(each.way, each.passed, each.failed[0][0]) for each in office.kept] == [("drill", (), newer)]


def test_what_a_place_holds_is_told_by_a_check_of_all_of_it(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    known = sorted([machine.backup("one"), machine.backup("two")])
    assert held_by(machine.does("check")) == [known]
    assert held_by(machine.does("check", backup_name="it")) == []
    office, outcome = machine.does("init", unencrypted=True)
    assert outcome == Outcome("success", 0), office.text
    office, outcome = machine.does(
        "backup", backup_name="it", path_to_backup=str(tmp_path / "source"), engine_name="dedup"
    )
    assert outcome == Outcome("success", 0), office.text
    both = machine.does("check")
    assert held_by(both) == [sorted([*known, composed_id(office.backups[0])])]
    (held,) = both[0].kept[0].held
    assert (held.place.storage, held.place.hostname) == ("local", "h")


def test_backups_that_other_machines_have_stored_in_a_directory_are_left_to_them(tmp_path: Path) -> None:
    machine = _Machine(tmp_path)
    mine = machine.backup("one")
    office, outcome = machine.does("backup", backup_name="it", hostname="g", path_to_backup=str(tmp_path / "source"))
    assert outcome == Outcome("success", 0), office.text
    assert held_by(machine.does("check", all_hosts=True)) == [[mine]]
