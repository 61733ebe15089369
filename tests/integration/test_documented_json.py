"""The JSON documents are those of the guide, key by key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "automation.md"


def documented(row: str) -> set[str]:
    """The keys in the table's row that begins with this command."""
    (cell,) = re.findall(rf"^\| `{re.escape(row)}` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", cell))


def keys(document) -> set[str]:
    """Every key at every depth."""
    if isinstance(document, dict):
        return set(document).union(*map(keys, document.values()))
    return set().union(*map(keys, document)) if isinstance(document, list) else set()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("backup --dry-run", ["backup", "-F", "{source}", "--dry-run"]),
        ("restore", ["restore", "--restore-abs-path", "{out}"]),
        ("restore --dry-run", ["restore", "--restore-abs-path", "{out}", "--dry-run"]),
        ("list", ["list"]),
        ("show", ["show"]),
        ("check", ["check", "--read-data"]),
        ("admin", ["admin", "--keep-last", "1"]),
        ("check-storage", ["check-storage"]),
    ],
)
def test_the_document_of_an_action_has_the_keys_of_the_guide(agent, tmp_path, row, words):
    (agent.source / "link").symlink_to("one")
    for _ in range(2):
        agent.backup()
    if row == "check":
        agent.newest("data").write_bytes(b"")
    action, *rest = [word.format(source=agent.source, out=tmp_path / "out") for word in words]
    assert keys(agent.act(action, "--json", *rest).json) == documented(row)


def test_the_documents_of_info_are_those_of_the_guide(agent):
    agent.backup()
    words = ["info", "--json", "--storage", "local", "-C", agent.container]
    objects = agent.call(*words, "-l").json
    assert keys(agent.call(*words).json) | keys(objects) == documented("info") - {"-l"}
    assert keys(objects) == {"name", "size", "modified"}


def test_the_document_of_exec_is_that_of_the_guide(agent):
    assert keys(agent.call("exec", "--json", "--command", "true").json) == documented("exec")


def test_the_report_has_the_keys_that_the_guide_calls_ours(agent):
    """Those of the other two generations are listed by name in the tests of the report."""
    page = PAGE.read_text(encoding="utf-8").partition("and Freezer's own:")[2].partition("\n\n")[2].partition("\n\n")[0]
    ours = set(re.findall(r"`([^`]+)`", page))
    assert "failed_items" in ours
    report = agent.backup("--json").json
    assert ours <= report.keys()


def test_an_error_and_every_line_beside_a_document_are_json(agent):
    import json

    run = agent.call("restore", "--json", "--restore-abs-path", agent.folder / "out", *agent.stored())
    assert run.code == 1
    assert set(run.json["error"]) == {"message", "hint", "type", "exit_code", "retryable"}
    assert run.json["error"]["exit_code"] == run.code
    assert {json.loads(line)["event"] for line in run.err.splitlines()} <= {"notice", "warning", "error", "progress"}
