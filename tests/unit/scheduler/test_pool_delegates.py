"""Tokens are replaced before they expire, and as long as an agent needs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freezer.errors import TransientError
from freezer.keystone.credentials import Credentials
from freezer.scheduler.pool.delegates import Delegates
from freezer.testing.clock import FakeClock

_VARIABLES = {
    "OS_AUTH_URL": "http://keystone.example/v3",
    "OS_USERNAME": "freezer",
    "OS_PASSWORD": "canary",
    "OS_PROJECT_NAME": "service",
}
_HOUR = 3600.0


class Tokens:
    """What Keystone would give: tokens that live for an hour."""

    def __init__(self, clock: FakeClock, credentials: Credentials) -> None:
        self._clock = clock
        self.credentials = credentials
        self.given = 0
        self.ends = 0.0
        self.away = False
        self.closed = False

    def token(self) -> str:
        if self.ends <= self._clock.now():
            return self.renew("")
        return f"token {self.given}"

    def renew(self, refused: str) -> str:
        if self.away:
            raise TransientError("Keystone is away")
        self.given += 1
        self.ends = self._clock.now() + _HOUR
        return f"token {self.given}"

    def expires(self) -> float:
        return self.ends

    def close(self) -> None:
        self.closed = True


class Stage:
    """Delegates of a Keystone that is one of these."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.opened: list[Tokens] = []
        self.delegates = Delegates(_VARIABLES, folder, self.clock, opener=self._open)

    def _open(self, credentials: Credentials) -> Tokens:
        self.opened.append(Tokens(self.clock, credentials))
        return self.opened[-1]

    def stands(self, job: Mapping[str, Any]) -> str:
        """The token that the agent of a job would read now."""
        return Path(self.delegates.variables(job)["OS_TOKEN_FILE"]).read_text()


def _job(trust: str = "t1", id: str = "j") -> Mapping[str, Any]:
    return {"job_id": id, "user_credentials": {"trust_id": trust, "trustor_user_id": "alice"}}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "tokens")


def test_a_long_backup_always_has_a_token_that_lasts(stage: Stage) -> None:
    job = _job()
    with stage.delegates.acting(job):
        for _ in range(60 * 24):
            assert stage.stands(job) == f"token {stage.opened[0].given}"
            assert stage.opened[0].ends - stage.clock.now() > _HOUR / 4
            stage.clock.sleep(60)
            stage.delegates.look()
    assert 24 <= stage.opened[0].given <= 49


def test_while_keystone_is_away_agents_keep_what_they_have(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    job = _job()
    with stage.delegates.acting(job):
        stage.opened[0].away = True
        stage.clock.sleep(_HOUR * 0.8)
        stage.delegates.look()
        assert stage.stands(job) == "token 1"
        stage.opened[0].away = False
        stage.delegates.look()
        assert stage.stands(job) == "token 2"
    assert "Keystone is away" in caplog.text


def test_jobs_of_one_trust_share_its_token_which_goes_with_the_last(stage: Stage) -> None:
    one, other = _job(id="one"), _job(id="other")
    with stage.delegates.acting(one):
        with stage.delegates.acting(other):
            assert stage.stands(one) == stage.stands(other)
        assert stage.stands(one) == "token 1"
    assert len(stage.opened) == 1
    assert stage.opened[0].closed
    assert list(stage.folder.iterdir()) == []


def test_jobs_of_several_trusts_have_tokens_of_their_own_for_no_project_of_the_schedulers(stage: Stage) -> None:
    one, other = _job("t1"), _job("t2")
    with stage.delegates.acting(one), stage.delegates.acting(other):
        assert stage.delegates.variables(one)["OS_TOKEN_FILE"] != stage.delegates.variables(other)["OS_TOKEN_FILE"]
    identities = [each.credentials.identity for each in stage.opened]
    assert [each["trust_id"] for each in identities] == ["t1", "t2"]
    assert not any("project" in key for each in identities for key in each)


def test_a_scheduler_that_takes_over_a_running_agent_puts_the_token_where_it_looks(stage: Stage) -> None:
    job = _job()
    path = Path(stage.delegates.variables(job)["OS_TOKEN_FILE"])
    again = Stage(stage.folder)
    with again.delegates.acting(job):
        assert path.read_text() == "token 1"


def test_nothing_is_left_if_there_is_no_token(stage: Stage) -> None:
    stage.opened.clear()

    def away(credentials: Credentials) -> Tokens:
        tokens = Tokens(stage.clock, credentials)
        tokens.away = True
        return tokens

    delegates = Delegates(_VARIABLES, stage.folder, stage.clock, opener=away)
    with pytest.raises(TransientError), delegates.acting(_job()):
        pytest.fail("there is no token")
    assert list(stage.folder.iterdir()) == []
