"""What shells make of ``freezer complete``, asked of real ones as somebody who types and presses the tabulator."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freezer.cmd.completion import completion

pytestmark = pytest.mark.integration

_PATIENCE = 180.0
_ZSH = """\
unset zle_bracketed_paste
autoload -U compinit && compinit -D
source {script}
show() {{ print -r -- "<<$*>>" }}
"""
_BASH = """\
source {script}
bind 'set enable-bracketed-paste off'
show() {{ printf '<<%s>>\\n' "$*"; }}
"""
_BEFORE = b"\x01show \r"  # to the beginning of the line; what has become of it is shown instead of done
_LINES = {
    "freezer session-a": "freezer session-add-job",
    "freezer job-list --all": "freezer job-list --all-projects",
    "freezer --os-clo": "freezer --os-cloud",
    "freezer -q backup-se": "freezer -q backup-search",
    "freezer -q job-list --al": "freezer -q job-list --all-projects",
    "freezer job-create --file some-d": "freezer job-create --file some-document.json",
}


def _typed(shell: list[str], setup: Path, line: str, folder: Path) -> str:
    """What stands in the command line of ``shell`` after ``line`` and the tabulator."""
    import pty

    master, slave = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C"}
    with subprocess.Popen(
        shell, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environ, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            os.write(master, f"source {setup}; show ready\n".encode())
            _read_shown(master)
            os.write(master, line.encode() + b"\t" + _BEFORE)
            return _read_shown(master)
        finally:
            process.kill()
            os.close(master)


def _read_shown(terminal: int) -> str:
    said, end = b"", time.monotonic() + _PATIENCE
    while b">>" not in said:
        readable, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert readable, said
        said += os.read(terminal, 4096)
    return said.rpartition(b"<<")[2].partition(b">>")[0].decode().strip()


def _in_zsh(zsh: str, script: Path, line: str, folder: Path) -> str:
    (folder / "setup").write_text(_ZSH.format(script=script))
    return _typed([zsh, "-f", "-i"], folder / "setup", line, folder)


def _in_bash(bash: str, script: Path, line: str, folder: Path) -> str:
    (folder / "setup").write_text(_BASH.format(script=script))
    return _typed([bash, "--norc", "-i"], folder / "setup", line, folder)


def _in_fish(fish: str, script: Path, line: str, folder: Path) -> str:
    """Fish tells completions without a terminal, each with what it means; a single one is what it would write."""
    program = f"source {script}; complete -C {line!r}"
    done = subprocess.run(
        [fish, "--no-config", "-c", program],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    (only,) = done.stdout.splitlines()
    return f"{line.rpartition(' ')[0]} {only.partition(chr(9))[0]}"


_SHELLS: dict[str, Callable[[str, Path, str, Path], str]] = {"bash": _in_bash, "zsh": _in_zsh, "fish": _in_fish}


@pytest.mark.skipif(sys.platform == "win32", reason="machine limit: there are no terminals here")
@pytest.mark.parametrize("line", _LINES)
@pytest.mark.parametrize("shell", _SHELLS)
def test_a_shell_completes_commands_options_and_files(shell: str, line: str, tmp_path: Path) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed (Debian: {shell})")
    script = tmp_path / "completion"
    script.write_text(completion([shell]))
    (tmp_path / "some-document.json").touch()
    assert _SHELLS[shell](found, script, line, tmp_path) == _LINES[line]
