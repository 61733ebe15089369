"""The JSON documents are those of the guide, key by key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "automation.md"


def documented(row: str) -> set[str]:
    """The keys in the table's row that begins with this command."""
    title = re.escape(row if row.startswith("`") else f"`{row}`")
    (cell,) = re.findall(rf"^\| {title} \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
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
        ("copy", ["copy", "--to-container", "{out}"]),
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


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("backup --engine dedup --dry-run", ["backup", "--engine", "dedup", "-F", "{source}", "--dry-run"]),
        ("restore", ["restore", "--restore-abs-path", "{out}"]),
        ("restore --dry-run", ["restore", "--restore-abs-path", "{out}", "--dry-run"]),
        ("show", ["show"]),
        ("`check` of a repository", ["check", "--read-data"]),
        ("forget", ["forget", "--keep-last", "1"]),
        ("prune", ["prune"]),
        ("drill", ["drill"]),
        ("key-list", ["key-list"]),
    ],
)
def test_the_document_of_an_action_on_a_repository_has_the_keys_of_the_guide(vault, tmp_path, row, words):
    (vault.source / "link").symlink_to("one")
    for _ in range(2):
        vault.backup()
    if row == "prune":
        vault.act("forget", "--keep-last", "1")
    if row.startswith("`check`"):
        vault.stored("packs")[0].write_bytes(b"")
    action, *rest = [word.format(source=vault.source, out=tmp_path / "out") for word in words]
    found = keys(vault.act(action, "--json", *rest).json)
    if row in ("restore", "drill", "prune"):
        # of failed items, or of packs that change: there may be none
        found |= {"path", "reason", "pack", "step", "bytes", "live"} & documented(row)
    assert found == documented(row)


def test_a_list_and_a_report_of_a_repository_have_the_keys_of_the_guide(vault):
    report = vault.backup("--json").json
    assert set(report["dedup"]) | {"dedup"} == documented("backup --engine dedup")
    (row,) = vault.act("list", "--json").json
    assert set(row) == documented("list") | documented("`list` of a repository")


def test_the_documents_of_what_changes_a_repository_are_those_of_the_guide(vault, tmp_path):
    id = vault.made()
    held = vault.act("hold", "--id", id, "--json").json
    assert set(held) | set(vault.act("release", "--id", id, "--json").json) == documented("`hold`, `release`")
    words = ["--storage", "local", "-C", tmp_path / "other", "--unencrypted", "--json"]
    assert set(vault.agent.call("init", *words).json) == documented("init")


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
