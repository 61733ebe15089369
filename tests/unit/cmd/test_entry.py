"""Ctrl-C while the program is still being loaded."""

import signal
import subprocess
import sys

import pytest

INTERRUPTED_IMPORT = """
import importlib.abc, os, signal, sys

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "freezer.cmd.agent":
            os.kill(os.getpid(), signal.SIGINT)

from freezer.cmd import entry
sys.meta_path.insert(0, Interrupt())
sys.argv = ["freezer-agent", "--version"]
{before}
sys.exit(entry.{program}())
"""


@pytest.mark.parametrize("program", ["freezer_agent", "freezerc"])
def test_an_interrupt_during_the_imports_kills_without_a_traceback(program: str) -> None:
    done = _run(program, before="")
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_an_ignored_interrupt_stays_ignored() -> None:
    done = _run("freezer_agent", before="signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("freezer-agent ")


def _run(program: str, *, before: str) -> subprocess.CompletedProcess[str]:
    script = INTERRUPTED_IMPORT.format(program=program, before=before)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180, check=False)
