"""``openstack backup …``: the same commands, loaded by their entry points into cliff's own application."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from cliff.app import App
from cliff.commandmanager import CommandManager
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from freezer.cli.commands import COMMANDS
from freezer.osc import plugin
from freezer.osc.commands import class_name, words
from support.small_api import PROJECT, SmallApi


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Openstack(App):  # type: ignore[misc]
    """What python-openstackclient is to a plugin: an application with the client that the plugin has made."""

    NAME = "openstack"

    def __init__(self, backup: object, out: io.StringIO, err: io.StringIO) -> None:
        manager = CommandManager("openstack.backup.v2", convert_underscores=True)
        super().__init__("openstack", "1", manager, stdout=out, stderr=err)
        self.client_manager = SimpleNamespace(backup=backup)

    def configure_logging(self) -> None:
        """The test's own logging stays."""


@pytest.fixture
def server() -> Iterator[SmallApi]:
    server = SmallApi()
    server.add(
        "jobs", "j", {"job_id": "j", "job_actions": [{"freezer_action": {"action": "exec"}}], "job_schedule": {}}
    )
    yield server
    server.close()


@pytest.fixture
def openstack(server: SmallApi, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., Done]:
    monkeypatch.delenv("OS_BACKUP_URL", raising=False)
    auth = NoAuth(endpoint=f"{server.url}/v2/{PROJECT}")
    session = Session(auth=auth)
    backup = plugin.make_client(SimpleNamespace(session=session, auth=auth, region_name=None, interface="publicURL"))

    def run(*typed: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        code = Openstack(backup, out, err).run(list(typed))
        return Done(code, out.getvalue(), err.getvalue() + capsys.readouterr().err)

    return run


def test_every_command_has_its_entry_point() -> None:
    declared = {point.name: point.value for point in entry_points(group="openstack.backup.v2")}
    assert declared == {words(each).replace(" ", "_"): f"freezer.osc.commands:{class_name(each)}" for each in COMMANDS}
    (extension,) = entry_points(group="openstack.cli.extension", name="backup")
    assert extension.load() is plugin


def test_jobs_are_listed_with_the_columns_of_freezer(openstack: Callable[..., Done]) -> None:
    done = openstack("backup", "job", "list", "-f", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == [
        {"Job ID": "j", "Description": "", "# Actions": 1, "Result": "", "Status": "", "Event": "", "Session ID": ""}
    ]
    assert openstack("backup", "job", "list").out.count("\n") == 5


def test_structures_stay_structures_for_programs(openstack: Callable[..., Done]) -> None:
    shown = json.loads(openstack("backup", "job", "show", "j", "-f", "json").out)
    assert shown["Actions"] == [{"freezer_action": {"action": "exec"}}]
    assert '"action": "exec"' in openstack("backup", "job", "show", "j").out


def test_text_and_events_need_no_formats(openstack: Callable[..., Done], server: SmallApi) -> None:
    assert json.loads(openstack("backup", "job", "get", "j", "--no-format").out)["job_id"] == "j"
    assert openstack("backup", "job", "start", "j").code == 0
    assert server.objects["jobs"]["j"]["job_schedule"] == {"event": "start"}


def test_commands_on_backups_have_no_further_word(openstack: Callable[..., Done]) -> None:
    assert openstack("backup", "list", "-f", "json").out.strip() == "[]"


def test_failures_are_told_as_there(openstack: Callable[..., Done], caplog: pytest.LogCaptureFixture) -> None:
    done = openstack("backup", "job", "show", "nope")
    assert done.code == 1
    assert "has no job nope" in done.err + caplog.text


def test_the_api_may_be_elsewhere(server: SmallApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_BACKUP_URL", f"{server.url}/v2/{PROJECT}")
    auth = NoAuth(endpoint="http://127.0.0.1:9/v2/x")
    manager = SimpleNamespace(session=Session(auth=auth), auth=auth, region_name=None, interface=None)
    assert plugin.make_client(manager).jobs.get("j")["job_id"] == "j"


def test_the_version_is_an_option_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OS_BACKUP_API_VERSION", raising=False)
    options = plugin.build_option_parser(argparse.ArgumentParser()).parse_args([])
    assert options.os_backup_api_version in plugin.API_VERSIONS
