"""The tables of the page docs/guide/migration.md: what the original loses or damages, and that we do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from peers import Program

from freezer.clock import utc_text
from support import trees
from support.manifest import compare, make_manifest

SECOND = 1_000_000_000
PAGE = Path(__file__).parents[2] / "docs" / "guide" / "migration.md"


@pytest.fixture
def rich(source: Path) -> Path:
    """A source with everything that GNU tar, called as the original calls it, does not store."""
    os.setxattr(source / "one", "user.note", b"kept")
    os.setxattr(source / "two", "system.posix_acl_access", trees.acl(1001))
    os.utime(source / "one", ns=(SECOND, 1_600_000_000 * SECOND + 123_456_789))
    with (source / "sparse").open("wb") as file:
        file.truncate(4 << 20)
    return source


def test_the_original_restores_our_backups_without_attributes_lists_and_fractions_of_seconds(
    ours: Program, upstream: Program, rich: Path, tmp_path: Path
) -> None:
    ours.backup(rich)
    ours.restore(tmp_path / "ours")
    assert compare(make_manifest(rich), make_manifest(tmp_path / "ours"), ignore=()) == []
    upstream.restore(tmp_path / "theirs")
    theirs = make_manifest(tmp_path / "theirs")
    assert "xattrs" not in theirs["one"]
    assert "xattrs" not in theirs["two"]
    assert theirs["one"]["mtime_ns"] == 1_600_000_000 * SECOND
    assert theirs["."]["mtime_ns"] == make_manifest(rich)["."]["mtime_ns"]
    assert (tmp_path / "theirs" / "sparse").stat().st_blocks == 0


def test_gnu_tar_brings_attributes_and_lists_back_if_it_is_told_to(
    ours: Program, rich: Path, tar_folder: Path, tmp_path: Path
) -> None:
    ours.backup(rich)
    data = next(ours.container.glob("data/tar/*/*/*/data"))
    (tmp_path / "out").mkdir()
    words = ["-x", "-z", "--xattrs", "--acls", "--listed-incremental=/dev/null", "-C", tmp_path / "out", "-f", data]
    done = subprocess.run([tar_folder / "tar", *words], check=True, capture_output=True)
    assert b"Ignoring unknown extended header keyword" in done.stderr
    wanted, found = make_manifest(rich), make_manifest(tmp_path / "out")
    assert found["one"]["xattrs"] == wanted["one"]["xattrs"]
    assert found["two"]["xattrs"] == wanted["two"]["xattrs"]


def test_the_originals_own_backups_fill_the_holes_and_have_no_attributes(
    ours: Program, upstream: Program, rich: Path, tmp_path: Path
) -> None:
    upstream.backup(rich)
    upstream.restore(tmp_path / "theirs")
    assert (tmp_path / "theirs" / "sparse").stat().st_blocks * 512 == 4 << 20
    ours.restore(tmp_path / "ours")
    found = make_manifest(tmp_path / "ours")
    assert "xattrs" not in found["one"]
    assert found["one"]["mtime_ns"] == 1_600_000_000 * SECOND


def test_the_original_deletes_what_is_in_the_target_but_not_in_the_backup(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    ours.backup(source)
    for program in (ours, upstream):
        target = tmp_path / program.name
        target.mkdir()
        (target / "foreign").write_text("mine")
        program.restore(target, "--overwrite")
        assert (target / "foreign").exists() is (program is ours)


def test_the_original_writes_through_hard_links_out_of_the_target(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    ours.backup(source)
    for program in (ours, upstream):
        target, outside = tmp_path / program.name, tmp_path / f"outside-{program.name}"
        target.mkdir()
        outside.write_text("not in the backup")
        (target / "one").hardlink_to(outside)
        program.restore(target, "--overwrite")
        assert (target / "one").read_text() == "first"
        assert outside.read_text() == ("not in the backup" if program is ours else "first")


def test_the_original_restores_its_own_levels_wrongly_after_a_hard_link_was_broken(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    (source / "link").hardlink_to(source / "one")
    upstream.backup(source, "--incremental")
    (source / "link").unlink()
    (source / "link").write_text("on its own")
    upstream.backup(source, "--incremental")
    upstream.restore(tmp_path / "theirs")
    assert (tmp_path / "theirs" / "one").samefile(tmp_path / "theirs" / "link")
    ours.restore(tmp_path / "ours")
    assert compare(make_manifest(source), make_manifest(tmp_path / "ours"), whole_seconds=True) == []
    # the same change in a level of ours is restored by both
    (source / "two-again").hardlink_to(source / "two")
    ours.backup(source, "--incremental")
    (source / "two-again").unlink()
    (source / "two-again").write_text("also on its own")
    ours.backup(source, "--incremental")
    upstream.restore(tmp_path / "mixed")
    texts = [(tmp_path / "mixed" / name).read_text() for name in ("two", "two-again")]
    assert texts == ["second", "also on its own"]


@pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: only root gets set-id bits of other owners back")
def test_the_original_drops_set_id_bits_of_files_that_a_later_level_stores_again(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    (source / "one").chmod(0o4755)
    upstream.backup(source, "--incremental")
    (source / "one").write_text("newer")
    (source / "one").chmod(0o4755)
    upstream.backup(source, "--incremental")
    for program, mode in ((upstream, 0o755), (ours, 0o4755)):
        program.restore(tmp_path / program.name)
        assert (tmp_path / program.name / "one").stat().st_mode & 0o7777 == mode


def test_the_original_fails_on_its_own_level_when_a_directory_has_taken_the_name_of_a_file(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    (source / "folder").mkdir()
    by_ours = ours.on(tmp_path / "by-ours")
    for program in (upstream, by_ours):
        program.backup(source, "--incremental")
    (source / "one").unlink()
    (source / "folder").rename(source / "one")
    for program in (upstream, by_ours):
        program.backup(source, "--incremental")
    assert upstream.act("restore", "--restore-abs-path", tmp_path / "theirs").code == 1
    for program, container in ((ours, upstream.container), (upstream, by_ours.container)):
        target = tmp_path / f"restored-by-{program}"
        program.on(container).restore(target)
        assert compare(make_manifest(source), make_manifest(target), whole_seconds=True) == []


def test_the_original_cannot_restore_zstd_but_continues_its_chain(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    ours.backup(source, "--incremental", "--compression", "zstd")
    run = upstream.act("restore", "--restore-abs-path", tmp_path / "theirs")
    assert run.code == 1
    assert _quoted("zstd") in run.err
    assert os.listdir(tmp_path / "theirs") == []
    (source / "new").write_text("new")
    upstream.backup(source, "--incremental")
    assert ours.levels() == [0, 1]
    ours.restore(tmp_path / "ours")
    assert compare(make_manifest(source), make_manifest(tmp_path / "ours"), whole_seconds=True) == []


def test_the_original_fails_cleanly_on_authenticated_chains_and_never_begins_another(
    ours: Program, upstream: Program, source: Path, pass_file: Path, tmp_path: Path
) -> None:
    key = ["--encrypt-pass-file", pass_file]
    ours.backup(source, "--incremental", *key)
    run = upstream.act("restore", "--restore-abs-path", tmp_path / "theirs", *key)
    assert run.code == 1
    assert _quoted("restore of an authenticated chain") in run.err
    assert "bad magic number" in upstream.server.log.read_text()
    assert os.listdir(tmp_path / "theirs") == []
    for night in (1, 2):
        (source / f"night-{night}").write_text("new")
        run = upstream.act("backup", "-F", source, "--incremental", *key)
        assert run.code == 1
        assert _quoted("increment on an authenticated chain") in run.err
    assert ours.levels() == [0]
    # our next backup goes on, and what the failed runs have left is no backup
    ours.backup(source, "--incremental", *key)
    assert ours.levels() == [0, 1]
    upstream.backup(source, *key)
    assert ours.levels() == [0, 1, 0]
    upstream.restore(tmp_path / "full", *key)
    assert compare(make_manifest(source), make_manifest(tmp_path / "full"), whole_seconds=True) == []


def _quoted(case: str) -> str:
    """The line that the page says the original prints in this case."""
    found = re.search(rf"^\| {re.escape(case)} \| `(.+?)` \|", PAGE.read_text(), re.MULTILINE)
    assert found, f"{PAGE.name} has no line about {case!r}"
    return found[1]


def test_the_original_removes_a_chain_by_the_age_of_its_full_backup(
    ours: Program, upstream: Program, source: Path
) -> None:
    for level in range(2):
        (source / "new").write_text(f"{level}")
        ours.backup(source, "--incremental")
    date = ours.keys()[0][1]
    words = ("--remove-before-date", utc_text(date))
    copy = ours.container.with_name("copy")
    shutil.copytree(ours.container, copy)
    assert ours.on(copy).act("admin", *words).code == 0
    assert ours.on(copy).levels() == [0, 1]
    assert upstream.act("admin", *words).code == 0
    assert ours.levels() == []


def test_moving_a_host_there_and_back_as_the_page_says(
    ours: Program, upstream: Program, source: Path, pass_file: Path, tmp_path: Path
) -> None:
    key = ["--encrypt-pass-file", pass_file]
    upstream.backup(source, "--incremental", *key)
    # there: look, check, restore once, then go on; the chain keeps its cipher
    assert [row["level"] for row in ours.call("list", *_stored(ours), "--json").json] == [0]
    assert ours.call("check", *_stored(ours), "--read-data", *key).code == 0
    ours.restore(tmp_path / "rehearsal", *key)
    (source / "new").write_text("after the move")
    ours.backup(source, "--incremental", *key)
    assert ours.levels() == [0, 1]
    # back: the chain of the first program is still one for both
    upstream.restore(tmp_path / "back", *key)
    assert compare(make_manifest(source), make_manifest(tmp_path / "back"), whole_seconds=True) == []
    upstream.backup(source, "--incremental", *key)
    assert ours.levels() == [0, 1, 2]


def _stored(program: Program) -> list[object]:
    return ["--storage", "local", "-C", program.container, *program.words]
