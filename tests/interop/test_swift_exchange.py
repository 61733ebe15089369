"""Ours and the original on one real Swift: each restores what the other wrote, continues it, and removes it whole."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import environments
import gentle
import pytest

from freezer.clock import utc_text
from servers.raw import RawSwift, variables
from servers.session import openstack
from support.manifest import Manifest, compare, make_manifest

LOST = {"alloc", "xattrs"}
UPSTREAM = "import sys; from freezer import main; sys.argv[0] = 'freezer-agent'; sys.exit(main.main())"
LEVELS = 3


@dataclass(frozen=True)
class Program:
    """One of the two, working on one backup name in one container of Swift."""

    name: str
    command: tuple[str, ...]
    home: Path
    container: str
    cloud: dict[str, str]

    def run(self, action: str, *words: object) -> None:
        """It must succeed."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "FREEZER_"))}
        env |= self.cloud | {"HOME": str(self.home), "PYTHONWARNINGS": "ignore"}
        stored = ["--storage", "swift", "-C", self.container, "-N", "web", "--hostname", "h"]
        log = ["--log-file", self.home / "log"]
        command = [*self.command, "--action", action, *stored, *log, *words]
        words_run = list(map(str, command))
        done = subprocess.run(words_run, env=env, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {done.stdout[-1000:]} {done.stderr[-3000:]}"

    def backup(self, source: Path, *words: object) -> None:
        time.sleep(1.01)  # dates select backups by whole seconds
        self.run("backup", "-F", source, "--nosync", "--incremental", "--max-segment-size", 4096, *words)

    def restore(self, target: Path, made: int) -> None:
        self.run("restore", "--restore-abs-path", target, "--restore-from-date", utc_text(made))


@pytest.fixture(scope="session")
def upstream_python() -> Path:
    try:
        return environments.upstream_python()
    except environments.UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"OpenStack Freezer 19.0.0 could not be fetched: {error}", pytrace=False)
        pytest.skip(f"OpenStack Freezer 19.0.0 could not be fetched: {error}")


@pytest.fixture
def programs(upstream_python: Path, tmp_path: Path) -> tuple[Program, Program]:
    """Ours and the original."""
    about = openstack()
    container = f"interop-{secrets.token_hex(6)}"
    commands = {
        "ours": (sys.executable, "-m", "freezer.cmd.agent"),
        "upstream": (str(upstream_python), "-I", "-c", UPSTREAM),
    }
    made = []
    for name, command in commands.items():
        home = tmp_path / f"home-{name}"
        home.mkdir()
        made.append(Program(name, command, home, container, variables(about)))
    return made[0], made[1]


@pytest.fixture
def raw() -> RawSwift:
    return RawSwift(openstack())


def times(raw: RawSwift, container: str) -> list[int]:
    """When each level was made, level 0 first."""
    names = [name.split("/")[-2].split("_") for name in raw.objects(container) if name.startswith("metadata/")]
    return [int(made) for _, made in sorted((int(level), made) for level, made in names)]


def make_levels(turns: list[Program], source: Path, levels: int = LEVELS) -> list[Manifest]:
    states = []
    gentle.make_tree(source)
    (source / "noise").write_bytes(secrets.token_bytes(50_000))  # several segments
    for level in range(levels):
        if level:
            gentle.edit_tree(source, level)
        turns[level % len(turns)].backup(source)
        states.append(make_manifest(source))
    return states


def assert_restores(program: Program, level: int, made: int, wanted: Manifest, target: Path) -> None:
    program.restore(target, made)
    differences = compare(wanted, make_manifest(target), ignore=LOST, whole_seconds=True)
    assert differences == [], f"{program.name} restores level {level}"


def test_the_original_restores_every_level_that_we_stored(
    programs: tuple[Program, Program], raw: RawSwift, tmp_path: Path
) -> None:
    ours, upstream = programs
    states = make_levels([ours], tmp_path / "source")
    for level, (state, made) in enumerate(zip(states, times(raw, ours.container), strict=True)):
        assert_restores(upstream, level, made, state, tmp_path / f"out{level}")


def test_a_chain_that_both_made_by_turns_is_restored_by_both(
    programs: tuple[Program, Program], raw: RawSwift, tmp_path: Path
) -> None:
    ours, upstream = programs
    states = make_levels([upstream, ours], tmp_path / "source")
    made = times(raw, ours.container)
    assert len(made) == LEVELS
    for program in programs:
        assert_restores(program, LEVELS - 1, made[-1], states[-1], tmp_path / program.name)


def test_the_original_removes_what_we_stored_with_every_segment(
    programs: tuple[Program, Program], raw: RawSwift, tmp_path: Path
) -> None:
    ours, upstream = programs
    make_levels([ours], tmp_path / "source", 2)
    assert any("/segments-" in name for name in raw.objects(ours.container))
    upstream.run("admin", "--remove-before-date", utc_text(time.time() + 10))
    assert raw.objects(ours.container) == {}


def test_we_remove_what_the_original_stored_with_every_segment(
    programs: tuple[Program, Program], raw: RawSwift, tmp_path: Path
) -> None:
    ours, upstream = programs
    make_levels([upstream], tmp_path / "source", 1)
    first = times(raw, ours.container)[0]
    upstream.run("backup", "-F", tmp_path / "source", "--nosync", "--max-segment-size", 4096)
    ours.run("admin", "--keep-last", 1)  # the newest chain always stays
    left = raw.objects(ours.container)
    assert left
    assert not any(f"/{first}/" in name for name in left)
