"""Starting the program is cheap."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from freezer import __version__

HEAVY = (
    "cryptography",
    "isal",
    "deflate",
    "rich",
    "concurrent.futures",
    "asyncio",
    "freezer.engine",
    "freezer.storage",
)


@pytest.mark.stopwatch
def test_help_takes_at_most_three_tenths_of_a_second_of_processor_time():
    command = [sys.executable, "-m", "freezer.cmd.agent", "--help"]
    best = 9.0
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert "--path-to-backup" in done.stdout
    assert best <= 0.3


def test_help_and_version_import_nothing_heavy():
    for option in ("--help", "--version"):
        code = (
            "import sys; from freezer.cmd.agent import main; main([sys.argv[1]]); "
            "print(*sys.modules, sep='\\n', file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code, option], capture_output=True, text=True, check=True)
        loaded = set(done.stderr.split())
        assert "freezer.options.load" in loaded
        assert not [name for name in HEAVY if name in loaded]


def test_help_and_version_are_a_document_in_json_form(agent):
    assert agent.call("--version", "--json").json == {"program": "freezer-agent", "version": __version__}
    assert "--restore-abs-path" in agent.call("restore", "--help", "--json").json["help"]
    assert agent.call("--version").out == f"freezer-agent {__version__}\n"


def test_help_describes_every_action():
    done = subprocess.run(
        [sys.executable, "-m", "freezer.cmd.agent", "--help"], capture_output=True, text=True, check=True
    )
    for action in ("backup", "restore", "list", "show", "info", "check", "admin", "check-storage", "exec"):
        assert action in done.stdout
