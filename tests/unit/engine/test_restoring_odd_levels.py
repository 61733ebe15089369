"""Levels in which something is gone, replaced, or only named: what a chain of them brings back."""

from __future__ import annotations

from pathlib import Path

from freezer.engine.contract import Restored, Summary
from freezer.engine.tar.archive import pax as records
from freezer.engine.tar.restore.fractions import Fractions
from hostile.hostile_tarball import END, file, hard_link, listed, pax
from support.levels import Level, restore


def _restore(target: Path, *archives: bytes, only: list[bytes] | None = None, delete: bool = False) -> Restored:
    """Restore ``archives``, oldest first."""
    return restore([Level(each, b"", Summary()) for each in archives], target, only=only, delete=delete)


def test_links_whose_first_name_is_gone_become_one_file_again(tmp_path: Path) -> None:
    zero = listed(b".", b"Ya", b"Yb", b"Yc") + pax((b"mtime", b"1600000000.25")) + file(b"a", b"good")
    zero += hard_link(b"b", b"a") + hard_link(b"c", b"a")
    result = _restore(tmp_path / "target", zero + END, listed(b".", b"Nb", b"Nc") + END)
    assert result.problems() == ()
    one, two = tmp_path / "target" / "b", tmp_path / "target" / "c"
    assert one.stat().st_mtime_ns == 1_600_000_000_250_000_000
    assert one.samefile(two)
    assert two.read_bytes() == b"good"
    assert not (tmp_path / "target" / "a").exists()


def test_a_directory_that_the_newest_level_only_names_comes_from_the_one_before(tmp_path: Path) -> None:
    zero = listed(b".", b"Dsub") + listed(b"sub", b"Ya") + file(b"sub/a", b"good") + END
    result = _restore(tmp_path / "target", zero, listed(b".", b"Dsub") + END)
    assert [each.path for each in result.stale] == ["sub"]
    assert (tmp_path / "target" / "sub" / "a").read_bytes() == b"good"


def test_a_directory_replaced_between_two_levels_brings_nothing_of_the_oldest_back(tmp_path: Path) -> None:
    zero = (
        listed(b".", b"Dx", b"Dy")
        + listed(b"x", b"Ya")
        + file(b"x/a", b"old")
        + listed(b"y", b"Yb")
        + file(b"y/b")
        + END
    )
    one = listed(b".", b"Dx", b"Ry", b"Tx") + listed(b"x", b"Nb") + END
    two = listed(b".", b"Dz", b"Rx", b"Tz") + listed(b"z", b"Nb") + END
    result = _restore(tmp_path / "target", zero, one, two)
    assert result.problems() == ()
    assert sorted(path.name for path in (tmp_path / "target").rglob("*")) == ["b", "z"]


def test_deleting_stays_within_what_was_selected(tmp_path: Path) -> None:
    archive = listed(b".", b"Dd", b"De") + listed(b"d", b"Ya") + file(b"d/a") + listed(b"e", b"Yb") + file(b"e/b") + END
    target = tmp_path / "target"
    for name in ("d", "e"):
        (target / name).mkdir(parents=True)
        (target / name / "foreign").touch()
    assert _restore(target, archive, only=[b"d"], delete=True).deleted == 1
    assert not (target / "d" / "foreign").exists()
    assert (target / "e" / "foreign").exists()


def test_fractions_of_files_that_were_passed_over_can_still_be_had() -> None:
    packed = records.decode_fractions(records.pack_fractions([0, 5, 7]))
    fractions = Fractions(b"d", (b"Ya\0Yb\0Yc\0Yd\0\0",), (packed,))
    assert fractions.of(b"d/c") == 7
    assert [fractions.of(b"d/" + name) for name in (b"b", b"a", b"c", b"d")] == [5, 0, 0, 0]
    fractions.close()
