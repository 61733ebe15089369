"""Registering, being known again, and saying how we are, to a real API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer import __version__
from freezer.errors import ApiMissing
from freezer.scheduler.contract import Wanted
from freezer.scheduler.online import Online
from freezer.scheduler.outbox import Outbox
from freezer.scheduler.settings import Settings
from freezer.testing.clock import FakeClock
from support.offices import Node, node


class Daemon:
    """Goes on for so many waits, and remembers how long each was."""

    def __init__(self, waits: int) -> None:
        self.left = waits
        self.waited: list[float] = []

    def going(self) -> bool:
        return self.left > 0

    def wait(self, seconds: float) -> bool:
        self.left -= 1
        self.waited.append(seconds)
        return self.going()

    def want(self, wanted: Wanted) -> None:
        raise AssertionError(wanted)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path) as made:
        made.clock.set(made.api.jobs.get(made.person.job())["job_schedule"]["time_created"])
        yield made


def _online(home: Node, **more: object) -> Online:
    cloud = {"OS_BACKUP_URL": f"{home.url}/v2/default", "OS_AUTH_TYPE": "none"}
    state = home.folder / "state"
    state.mkdir()
    settings = Settings(client_id="web", state_dir=str(state), cloud=cloud, **more)  # type: ignore[arg-type]
    return Online(settings, Outbox(state / "outbox.db", reserve=4096), FakeClock(now=home.clock.now()))


def test_a_scheduler_registers_and_says_how_it_is(home: Node) -> None:
    _online(home).attendance().attend()
    health = home.api.operations.health("web")
    assert (health["version"], health["spool"]) == (__version__, 0)
    assert abs(health["clock_offset"]) <= 60


def test_a_client_that_somebody_has_removed_is_registered_again(home: Node) -> None:
    attendance = _online(home).attendance()
    attendance.attend()
    home.api.clients.delete("web")
    with pytest.raises(ApiMissing):
        attendance.attend()
    attendance.attend()
    assert home.api.clients.get("web")["client"]["client_id"] == "web"
    assert home.api.operations.health("web")["version"] == __version__


@pytest.mark.parametrize(("days", "said"), [(1, "86400 s ahead of the API's"), (-1, "86400 s behind the API's")])
def test_a_clock_that_is_wrong_by_a_day_is_told_of_once_and_seen_at_the_api(
    home: Node, days: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    online = _online(home)
    assert isinstance(online.clock, FakeClock)
    online.clock.advance(days * 86_400)
    attendance = online.attendance()
    for _ in range(3):
        attendance.attend()
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    seconds = home.api.operations.health("web")["clock_offset"]
    assert abs(seconds - days * 86_400) <= 60
    assert said.split(" s ")[1] in line
    assert "runs are not on time" in line


def test_while_the_api_is_away_it_is_asked_less_and_less_often_and_one_line_says_so(
    home: Node, caplog: pytest.LogCaptureFixture
) -> None:
    home.line.away = True
    daemon = Daemon(8)
    _online(home).attendance().serve(daemon)
    assert daemon.waited == [5, 10, 20, 40, 80, 160, 300, 300]
    assert len([each for each in caplog.records if "cannot register" in each.getMessage()]) == 1


def test_what_the_node_lets_others_execute_is_known_to_the_api(home: Node, tmp_path: Path) -> None:
    policy = tmp_path / "node-policy.toml"
    policy.write_text('allowed_commands = ["/usr/local/bin/quiesce"]\nallowed_backup_paths = ["/srv"]\n')
    _online(home, policy_file=str(policy)).attendance().attend()
    assert home.person.get("/clients/web")["client"]["allowed_commands"] == ["/usr/local/bin/quiesce"]
    for command, status in (("/usr/local/bin/quiesce", 201), ("rm -r /", 422)):
        action = {"freezer_action": {"action": "exec", "command": command}}
        made = home.person.send("POST", "/jobs", {"client_id": "web", "job_actions": [action], "job_schedule": {}})
        assert made.status == status, made


def test_without_a_policy_nothing_is_executed_and_the_api_knows_that_too(home: Node) -> None:
    _online(home).attendance().attend()
    told = home.person.get("/clients/web")["client"]
    assert (told["allowed_commands"], told["allowed_files"]) == ([], [])
