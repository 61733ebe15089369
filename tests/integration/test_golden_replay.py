"""Every recorded request to the original's API gets the recorded answer, or a better one where it was wrong."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from freezer.testing.clock import FakeClock
from servers import keystone
from servers.session import api_of_recordings
from support.api import STORES, USUAL, fresh_database, serving
from support.behind_keystone import behind_keystone
from support.golden import PEOPLE, PROJECTS, Replay, World, groups, made_up, steps
from support.wsgi import OverHttp

# Recorded with Keystone itself: what its middleware answers, and trusts.
_WITH_KEYSTONE = "keystone"
_RECORDED = [(version, group) for version in ("v2", "v1") for group in groups(version)]
_WITHOUT_V1 = {("v2", "versions")}
"""What the original answers of versions when it serves but one."""

_CENTRAL = {("v2", "central_trust")}
"""Central clients are seen in every project, so that others would meet them."""


def _differences(replay: Replay, version: str, group: str, *, keystone: bool) -> list[str]:
    wrong = []
    for step in steps(version, group):
        if keystone or step.get("needs") != _WITH_KEYSTONE:
            found = replay.differences(step)
            wrong += [f"{version}/{group}/{step['id']}: {each}" for each in found[:1]]
    return wrong


_BY_DATABASE = [(*each, database) for each in _RECORDED for database in (STORES if each[0] == "v2" else (USUAL,))]


@pytest.mark.parametrize(("version", "group", "database"), _BY_DATABASE)
def test_recorded_requests_are_answered_as_the_original_does_or_better(
    tmp_path: Path, version: str, group: str, database: str
) -> None:
    clock = FakeClock(time.time())
    url = fresh_database(tmp_path, database)
    call = serving(tmp_path, clock, database=url, enable_v1_api=(version, group) not in _WITHOUT_V1)
    assert _differences(Replay(call, made_up(), clock.sleep), version, group, keystone=False) == []


def test_v1_is_served_beside_v2(tmp_path: Path) -> None:
    call = serving(tmp_path)
    assert call.send("GET", "/v1").status == 200
    assert call.send("GET", "/v1/jobs").json() == {"jobs": []}


@pytest.fixture(scope="module")
def known() -> Callable[[], World]:
    """Makes people whom Keystone knows, in new projects."""
    admin = keystone.Admin(str(api_of_recordings()["auth_url"]))
    roles = {each["name"]: each["id"] for each in admin.ask("GET", "/roles")["roles"]}

    def make() -> World:
        unique = uuid.uuid4().hex[:8]
        projects = {name: admin.make("project", name=f"{name}-{unique}", domain_id="default") for name in PROJECTS}
        names = {f"project:{name}": id for name, id in projects.items()}
        headers: dict[str | None, Mapping[str, str]] = {None: {}, "badtoken": {"X-Auth-Token": "gAAAA" + unique}}
        for alias, (project, given) in PEOPLE.items():
            user = f"{alias}-{unique}"
            id = names[f"user:{alias}"] = admin.make("user", name=user, domain_id="default", password=user)
            for role in given.split(","):
                admin.grant(projects[project], id, roles[role])
            headers[alias] = {"X-Auth-Token": admin.token(user, user, f"{project}-{unique}")}
        headers["unscoped"] = {"X-Auth-Token": admin.token(f"demo-{unique}", f"demo-{unique}", None)}
        return World(names, headers)

    return make


# What Keystone's middleware stands on uses modules that Python is about to remove.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_jobs_of_central_clients_get_trusts_as_the_originals_do_or_better(
    tmp_path: Path, known: Callable[[], World]
) -> None:
    call = behind_keystone(tmp_path, str(api_of_recordings()["auth_url"]))
    for version, group in sorted(_CENTRAL):
        assert _differences(Replay(call, known()), version, group, keystone=True) == []


@pytest.mark.parametrize(("version", "group"), [each for each in _RECORDED if each not in {*_WITHOUT_V1, *_CENTRAL}])
def test_the_same_over_http_with_tokens_of_keystone(known: Callable[[], World], version: str, group: str) -> None:
    replay = Replay(OverHttp(str(api_of_recordings()["url"])), known())
    assert _differences(replay, version, group, keystone=True) == []
