"""On an SSH server, each program restores every level that the other has written there."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import gentle
import pytest
from peers import Program

from freezer.clock import utc_text
from servers.sshd import Sshd, shared_sshd
from support.manifest import compare, make_manifest

LOST = ("alloc", "xattrs")  # by GNU tar as the original calls it; and fractions of seconds
LEVELS = 3


def act(program: Program, sshd: Sshd, action: str, *words: object) -> None:
    program = program.on(program.container, PATH=sshd.environment()["PATH"])
    stored = (*sshd.words(), "-C", program.container, *program.words)
    done = program.call("--action", action, *stored, "--incremental", *words)
    assert done.code == 0, f"{program}: {done.err or done.out}"


@pytest.mark.parametrize("writer", ["ours", "upstream"])
def test_each_restores_what_the_other_has_stored(ours: Program, upstream: Program, writer: str, tmp_path: Path) -> None:
    sshd = shared_sshd()
    source, states = tmp_path / "source", []
    gentle.make_tree(source)
    ours.container.mkdir()  # the original cannot make it
    for level in range(LEVELS):
        if level:
            gentle.edit_tree(source, level)
        states.append(make_manifest(source))
        time.sleep(1.0 - time.time() % 1)  # a second of its own: dates select backups by whole seconds
        act(ours if writer == "ours" else upstream, sshd, "backup", "-F", source, "--nosync")
    assert ours.levels() == list(range(LEVELS))
    for program in (ours, upstream):
        for state, (level, made) in zip(states, ours.keys(), strict=True):
            target = tmp_path / "out"
            act(program, sshd, "restore", "--restore-abs-path", target, "--restore-from-date", utc_text(made))
            differences = compare(state, make_manifest(target), ignore=LOST, whole_seconds=True)
            assert differences == [], f"{program} restores level {level}"
            shutil.rmtree(target)
