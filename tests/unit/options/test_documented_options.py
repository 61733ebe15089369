"""Every option that a page of the documentation names exists, and every command line in it is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from freezer.errors import NotBuiltError, UsageError
from freezer.options.commandline import parse
from freezer.options.help import action_help
from freezer.options.names import find_spelling, spellings
from freezer.options.spec import ACTIONS
from freezer.options.table import RETIRED

ROOT = Path(__file__).parents[3]
GUIDE = [*ROOT.glob("*.md"), *ROOT.glob("docs/guide/*.md"), ROOT / "docs/index.md"]
OF_OTHERS = {  # these speak of other programs, too
    "api.md",
    "central.md",
    "client.md",
    "elasticsearch.md",
    "exactly-once.md",
    "migration.md",
    "runs.md",
    "scheduler.md",
    "sessions.md",
    "switching.md",
    "troubleshooting.md",
    "up.md",
}
PAGES = sorted(page for page in GUIDE if page.name not in OF_OTHERS)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*\*?")
FOREIGN = {"--xattrs", "--acls", "--platform", "--follow", "--listen"}


def own_options(text: str) -> list[str]:
    """The options in ``text`` that are not another program's; with a star it stands for all that begin so."""
    return [found for found in _OPTION.findall(text) if found not in FOREIGN]


def exists(name: str) -> bool:
    if name[2:].replace("-", "_") in RETIRED:
        return True
    if name.endswith("*"):
        return any(each.text.startswith(name[:-1]) for each in spellings())
    try:
        find_spelling(name)
    except UsageError:
        return False
    return True


def command_lines(text: str) -> list[str]:
    """The ``$ freezer-agent …`` lines of console blocks, continued lines joined."""
    joined = text.replace("\\\n", " ")
    return re.findall(r"^\$ (?:~/\S+/)?(freezer-agent .*)$", joined, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page):
    assert [name for name in own_options(page.read_text(encoding="utf-8")) if not exists(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_of_a_page_is_understood(page, agent):
    for line in command_lines(page.read_text(encoding="utf-8")):
        words = shlex.split(line)[1:]
        assert parse(words), line
        if "--config" in words or "ACTION" in words:
            continue
        if not any(word.startswith("--storage") for word in words):
            words += ["--storage", "local"]
        try:
            agent.load(words)
        except NotBuiltError:
            pytest.fail(f"{line}: not in this build")


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_shows_a_command_line_that_works(action, agent):
    example = next(line.strip() for line in action_help(action).splitlines() if line.startswith("  freezer-agent "))
    found = agent.understood(shlex.split(example)[1:])
    assert found.action == action
    assert found.notices == ()
