"""``freezer-scheduler register``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.cmd.scheduler.program import main
from support.small_api import PROJECT, SmallApi
from support.small_http import Reply


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SmallApi]:
    small = SmallApi()
    monkeypatch.setenv("OS_BACKUP_URL", f"{small.url}/v2/{PROJECT}")
    monkeypatch.setenv("OS_AUTH_TYPE", "none")
    monkeypatch.setenv("HOME", str(tmp_path))
    yield small
    small.close()


def test_a_client_is_registered_with_what_it_can_do(api: SmallApi, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["register", "-c", "web1", "--capabilities-supported-storages", "local,ssh"]
    assert main(words) == 0
    assert capsys.readouterr().out == "client web1 is registered\n"
    (sent,) = api.bodies("POST")
    assert (sent["client_id"], sent["supported_storages"]) == ("web1", ["local", "ssh"])
    assert set(sent) == {
        "client_id",
        "hostname",
        "supported_actions",
        "supported_modes",
        "supported_storages",
        "supported_engines",
    }


def test_without_a_name_it_is_that_of_project_and_host(api: SmallApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["register"]) == 0
    assert capsys.readouterr().out.startswith(f"client {PROJECT}_")


def test_one_that_the_original_knows_already_is_no_failure(api: SmallApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.faults = [None, Reply(409, {"Content-Type": "application/json"}, b'{"title": "Conflict"}')]  # it is asked first
    assert main(["register", "-c", "web1"]) == 0
    assert capsys.readouterr().out == "client web1 is registered already\n"


def test_an_address_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("OS_BACKUP_URL", "backup.example.org")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["register", "-c", "web1"]) == 2
    said = capsys.readouterr().err
    assert "backup.example.org is no address of an API" in said
    assert said.count("\n") == 1
