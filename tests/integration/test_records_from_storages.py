"""Records of backups made by the agent: recognised in its storage, gone with them, made anew from the storage alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freezer.cmd.freezer import main
from support.api import serving
from support.listening import listening

pytestmark = pytest.mark.integration

Freezer = Callable[..., Any]


@pytest.fixture
def freezer(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Freezer:
    """The program with these words at the API with this address; what it printed as JSON."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)

    def run(url: str, *words: str) -> Any:
        monkeypatch.setenv("OS_BACKUP_URL", url)
        code = main(("--json", *words))
        captured = capfd.readouterr()
        assert code == 0, captured.err
        return json.loads(captured.out)

    return run


def test_the_records_follow_the_storage_and_can_be_made_from_it(agent: Any, freezer: Freezer, tmp_path: Path) -> None:
    report, held = tmp_path / "report.json", tmp_path / "list.json"

    def reconcile(url: str) -> Any:
        listed = agent.act("list", "--json")
        assert listed.code == 0, listed.err
        held.write_text(listed.out)
        words = ("--file", str(held), "--storage", "local", "--container", str(agent.container), "--host", "h")
        return freezer(url, "backup-reconcile", *words)

    (first, second) = (tmp_path / "first", tmp_path / "second")
    first.mkdir()
    second.mkdir()
    with listening(serving(first).application) as url:
        agent.source.mkdir(exist_ok=True)
        for number in range(2):
            (agent.source / f"file{number}").write_text("content")
            made = agent.backup("--metadata-out", str(report))
            assert made.code == 0, made.err
            freezer(url, "backup-create", "--file", str(report))
        found = reconcile(url)
        assert (found["known"], found["adopted"], found["gone"]) == (2, [], [])
        known = freezer(url, "backup-list")
        unreported = agent.backup()
        assert unreported.code == 0, unreported.err
        assert len(reconcile(url)["adopted"]) == 1
        sums = freezer(url, "stats")
        assert [each["backups"] for each in sums] == [3]
    with listening(serving(second).application) as url:
        assert len(reconcile(url)["adopted"]) == 3
        anew = {_key(each): each["backup_metadata"] for each in freezer(url, "backup-list")}
        for each in known:
            told, rebuilt = each["backup_metadata"], anew[_key(each)]
            for key in ("container", "hostname", "backup_name", "time_stamp", "curr_backup_level", "storage"):
                assert rebuilt[key] == told[key]
            assert rebuilt["backup_bytes_stored"] > 0


def _key(backup: Any) -> tuple[Any, ...]:
    metadata = backup["backup_metadata"]
    return metadata["time_stamp"], metadata["curr_backup_level"]
