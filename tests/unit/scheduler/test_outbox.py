"""What is yet to be told: durable, in order, once."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from freezer.errors import FreezerError
from freezer.scheduler.outbox import Outbox
from support.disks import small_disk


def _bodies(outbox: Outbox, line: str) -> list[bytes]:
    return [each.body for each in outbox.first(line, 100)]


def test_entries_of_a_line_keep_their_order_and_numbers_over_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.add("a", "report", b"1", label="1.1", count="reports")
    outbox.add("b", "report", b"x", count="reports")
    outbox.add("a", "log", b"2", count="logs")
    outbox.close()
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.add("a", "report", b"3", count="reports")
    assert outbox.lines() == ["a", "b"]
    assert [(each.body, each.sequence, each.label) for each in outbox.first("a", 9)] == [
        (b"1", 1, "1.1"),
        (b"2", 1, ""),
        (b"3", 2, ""),
    ]
    assert outbox.waiting() == 4


def test_numbers_go_on_when_everything_has_been_told_until_the_line_is_finished(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    for wanted in (1, 2):
        outbox.add("a", "report", b"", count="reports")
        told = outbox.first("a")
        assert [each.sequence for each in told] == [wanted]
        outbox.told(told)
    outbox.finish("a")
    outbox.add("a", "report", b"", count="reports")
    assert outbox.first("a")[0].sequence == 1


def test_only_the_newest_of_its_kind_is_kept_if_it_is_the_last_of_its_line(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    for body in (b"1", b"2"):
        outbox.add_newest("a", "progress", body, label="1.1", count="reports")
    outbox.add("a", "report", b"3", label="1.1", count="reports")
    outbox.add_newest("a", "progress", b"4", label="1.1", count="reports")
    outbox.add_newest("a", "progress", b"5", label="1.2", count="reports")
    assert [(each.body, each.sequence) for each in outbox.first("a", 9)] == [
        (b"2", 1),
        (b"3", 2),
        (b"4", 3),
        (b"5", 4),
    ]


def test_what_was_replaced_while_it_was_told_is_told_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.add_newest("a", "progress", b"1")
    under_way = outbox.first("a")
    outbox.add_newest("a", "progress", b"2")
    outbox.told(under_way)
    assert _bodies(outbox, "a") == [b"2"]


def test_entries_under_a_label_can_be_dropped_by_kind(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    for kind, label in (("report", "1.1"), ("backup", "1.1"), ("report", "1.2")):
        outbox.add("a", kind, f"{kind} {label}".encode(), label=label)
    outbox.drop("a", "1.1", ("report", "log"))
    assert _bodies(outbox, "a") == [b"backup 1.1", b"report 1.2"]


def test_notes_are_found_by_their_beginning(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.keep_notes({"try x 1": b"a", "try y 1": b"b", "other": b"c"})
    outbox.keep_notes({"try x 1": None, "try x 2": b"d"})
    assert outbox.notes("try x ") == {"try x 2": b"d"}
    assert outbox.note("other") == b"c"
    assert outbox.note("try x 1") is None


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox.db").add("a", "report", b"secret")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(FreezerError, match=r"outbox\.db cannot be read: file is not a database"):
        Outbox(tmp_path / "outbox.db")


def test_on_a_full_disk_the_reserve_has_room_for_the_end_and_nothing_new_begins(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=2m") as disk:
        outbox = Outbox(disk / "outbox.db", reserve=1 << 20)
        assert outbox.has_room()
        _fill(disk / "rest")
        for number in range(40):
            outbox.add("a", "report", bytes(4096), count="reports")
            assert outbox.waiting() == number + 1
        assert not outbox.has_room()
        with pytest.raises(FreezerError, match=r"outbox\.db cannot be written: .*full"):
            _add_without_end(outbox)
        kept = outbox.waiting()
        outbox.close()
        (disk / "rest").unlink()
        outbox = Outbox(disk / "outbox.db", reserve=1 << 16)
        assert outbox.has_room()
        assert [each.sequence for each in outbox.first("a", 9999)] == list(range(1, kept + 1))
        outbox.close()


def _fill(path: Path) -> None:
    """Leave no room on the file system of ``path``."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def _add_without_end(outbox: Outbox) -> None:
    while True:
        outbox.add("a", "report", bytes(4096), count="reports")
