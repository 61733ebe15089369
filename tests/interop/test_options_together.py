"""The same words and the same files mean the same to both programs, on one chain."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from peers import Program

from support.manifest import compare, make_manifest

ROOT = Path(__file__).parents[2]
JOB = """\
[action]
action = backup
storage = local
mode = fs
engine_name = tar
container = {container}
backup_name = web
hostname = h
path_to_backup = {source}
incremental = True
max_level = 3
compression = gzip
sync = False
dry_run = False
exclude = None
[more]
max-segment-size = 1048576
"""
# Keys whose values cannot be equal. The original always reports level 0, and takes the container of Cinder's own
# backups from the default, not from the job file.
DIFFERING = {
    "client_version", "curr_backup_level", "time_stamp", "log_file", "ssh_key", "cindernative_backup_container",
}  # fmt: skip


def both(ours: Program, upstream: Program, first: str) -> list[Program]:
    return [ours, upstream] if first == "ours" else [upstream, ours]


def assert_restored(program: Program, source: Path, target: Path) -> None:
    program.restore(target)
    assert compare(make_manifest(source), make_manifest(target), whole_seconds=True) == []


@pytest.mark.parametrize("first", ["ours", "upstream"])
def test_one_job_file_serves_both_programs_and_their_reports_agree(
    ours: Program, upstream: Program, source: Path, tmp_path: Path, first: str
) -> None:
    job = tmp_path / "job.ini"
    job.write_text(JOB.format(container=ours.container, source=source))
    reports = {}
    for program in both(ours, upstream, first):
        run = program.call("--metadata-out", "-", "--config", job)
        assert run.code == 0, run.err
        reports[program.name] = run.json
        time.sleep(1.1)
    assert ours.levels() == [0, 1]
    theirs = reports["upstream"]
    assert set(theirs) <= set(reports["ours"])
    assert theirs["cindernative_backup_container"] == "freezer_backups"
    differing = {key for key in theirs if key not in DIFFERING and theirs[key] != reports["ours"][key]}
    assert differing == set()


def test_the_job_files_of_our_guide_are_accepted_by_the_original(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "guide" / "migration.md").read_text()
    blocks = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        job = tmp_path / "job.ini"
        job.write_text(block.replace("/srv/backups", str(ours.container)).replace("/home", str(source)))
        for program in (ours, upstream):
            run = program.call("--metadata-out", "-", "--config", job)
            assert run.code == 0, run.err
            time.sleep(1.1)
    assert ours.levels() == [0, 1] * len(blocks)


@pytest.mark.parametrize("first", ["ours", "upstream"])
@pytest.mark.parametrize(
    ("host", "name"),
    [("h ö", "wéb server: 100% [x]*"), ("x_y", "a_b_1795276634"), ("-h", "q'uo\"te\\;$(x)&"), ("h", "a/b/c")],
)
def test_odd_names_lead_both_programs_to_the_same_backups(
    ours: Program, upstream: Program, source: Path, tmp_path: Path, host: str, name: str, first: str
) -> None:
    words = (f"--backup-name={name}", f"--hostname={host}")
    turns = [program.on(program.container, *words) for program in both(ours, upstream, first)]
    folder = ours.container / "metadata" / "tar" / f"{host}_{name}"
    for level, program in enumerate(turns):
        (source / "new").write_text(f"level {level}")
        while list(folder.glob(f"*/*_{int(time.time())}")):
            time.sleep(0.1)
        program.backup(source, "--incremental")
        assert len(list(folder.glob(f"*/{level}_*/metadata"))) == 1
    for program in turns:
        assert_restored(program, source, tmp_path / program.name)


def test_a_set_that_the_original_filed_under_a_name_with_variables_is_continued(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    words = ("-N", "{mode}-backup", "--hostname", "h")
    ours, upstream = ours.on(ours.container, *words), upstream.on(ours.container, *words)
    upstream.backup(source)
    assert_restored(ours, source, tmp_path / "theirs")
    (source / "later").write_text("later")
    ours.backup(source)
    assert {path.name for path in ours.container.glob("metadata/tar/*")} == {"h_{mode}-backup"}
    assert_restored(upstream, source, tmp_path / "ours")


def test_a_name_with_variables_is_filled_in_for_a_new_set(
    ours: Program, upstream: Program, source: Path, tmp_path: Path
) -> None:
    ours.on(ours.container, "-N", "{mode}-backup", "--hostname", "h").backup(source)
    assert {path.name for path in ours.container.glob("metadata/tar/*")} == {"h_fs-backup"}
    plain = upstream.on(ours.container, "-N", "fs-backup", "--hostname", "h")
    assert_restored(plain, source, tmp_path / "ours")


@pytest.mark.parametrize("first", ["ours", "upstream"])
def test_dereferenced_links_and_exclusions_mean_the_same(
    ours: Program, upstream: Program, source: Path, tmp_path: Path, first: str
) -> None:
    (tmp_path / "outside").write_text("behind the link")
    (source / "link").symlink_to(tmp_path / "outside")
    (source / "logs").mkdir()
    for name in ("a.log", "b.txt", "logs/c.log", "logs/d.txt"):
        (source / name).write_text(name)
    (source / "hard").hardlink_to(source / "b.txt")
    words = ("--incremental", "--dereference-symlink", "all", "--exclude", "*.log")
    writers = both(ours, upstream, first)
    writers[0].backup(source, *words)
    (source / "later.log").write_text("left out")
    (source / "later.txt").write_text("stored")
    writers[1].backup(source, *words)
    for program in writers:
        target = tmp_path / program.name
        program.restore(target)
        assert (target / "link").read_text() == "behind the link"
        assert not (target / "link").is_symlink()
        assert (target / "hard").stat().st_nlink == 1
        found = {str(path.relative_to(target)) for path in target.rglob("*")}
        assert found == {"link", "one", "two", "b.txt", "hard", "logs", "logs/d.txt", "later.txt"}


@pytest.mark.parametrize(
    ("words", "levels"),
    [
        (["--max-level", 2], [0, 1, 2, 0, 1]),
        (["--always-level", 2], [0, 1, 2, 2, 2]),
        (["--restart-always-level", 0.000001], [0, 0, 0, 0]),
        (["--restart-always-level", 1], [0, 1, 2, 3]),
    ],
    ids=["max-level", "always-level", "restart-now", "restart-tomorrow"],
)
@pytest.mark.parametrize("first", ["ours", "upstream"])
def test_level_options_count_the_same_whoever_wrote_the_level_before(
    ours: Program, upstream: Program, source: Path, tmp_path: Path, words: list[object], levels: list[int], first: str
) -> None:
    turns = both(ours, upstream, first)
    for number in range(len(levels)):
        (source / f"file{number}").write_text(f"{number}")
        turns[number % 2].backup(source, "--incremental", *words)
    assert ours.levels() == levels
    assert_restored(ours, source, tmp_path / "out")
