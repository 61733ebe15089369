"""Tokens by which agents act for users of other projects, from a real Keystone."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from freezer.clock import SystemClock
from freezer.errors import FreezerError, PermissionDenied, UsageError
from freezer.keystone.access import CloudAccess
from freezer.keystone.credentials import read_credentials
from freezer.scheduler.pool.delegates import Delegates
from servers import keystone
from servers.session import openstack

pytestmark = pytest.mark.integration

_ROLE = "member"


class Cloud:
    """A Keystone, with a user of a new project who trusts the scheduler's."""

    def __init__(self) -> None:
        self.url = str(openstack()["auth_url"])
        self.admin = keystone.Admin(self.url)
        self.name = f"alice-{uuid.uuid4().hex[:8]}"
        self.project = self.admin.make("project", name=self.name, domain_id="default")
        self.alice = self.admin.make("user", name=self.name, domain_id="default", password=self.name)
        self.admin.grant(self.project, self.alice, self.admin.find("role", _ROLE))
        self.variables = {
            "OS_AUTH_URL": self.url,
            "OS_USERNAME": "swift",
            "OS_PASSWORD": keystone.SERVICE,
            "OS_PROJECT_NAME": "service",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_REGION_NAME": "RegionOne",
        }

    def trusting(self) -> keystone.Admin:
        """Somebody who asks with the token of alice."""
        asker = keystone.Admin(self.url)
        asker._token = asker.token(self.name, self.name, self.name)
        return asker

    def trust(self) -> str:
        wanted = {
            "trustor_user_id": self.alice,
            "trustee_user_id": self.admin.find("user", "swift"),
            "project_id": self.project,
            "impersonation": False,
            "roles": [{"name": _ROLE}],
        }
        return str(self.trusting().ask("POST", "/OS-TRUST/trusts", {"trust": wanted})["trust"]["id"])

    def job(self) -> Mapping[str, Any]:
        credentials = {"trust_id": self.trust(), "trustor_user_id": self.alice}
        return {"job_id": uuid.uuid4().hex, "project_id": self.project, "user_credentials": credentials}


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def delegates(cloud: Cloud, tmp_path: Path) -> Iterator[Delegates]:
    return Delegates(cloud.variables, tmp_path / "tokens", SystemClock())


def _access(variables: Mapping[str, str]) -> CloudAccess:
    return CloudAccess(read_credentials(variables, source="the test"))


def test_an_agent_acts_for_the_user_of_its_job_and_for_nobody_else(cloud: Cloud, delegates: Delegates) -> None:
    job = cloud.job()
    with delegates.acting(job):
        given = delegates.variables(job)
        agent = _access(given)
        assert agent.project() == cloud.project
        assert agent.address("identity", "Keystone").startswith("http://127.0.0.1")
        with pytest.raises(FreezerError):  # no token is made from that of a trust
            _access(
                {**cloud.variables, "OS_AUTH_TYPE": "token", "OS_TOKEN": agent.token(), "OS_PROJECT_NAME": "demo"}
            ).token()


def test_p13_the_schedulers_own_password_is_in_nothing_that_an_agent_is_given(
    cloud: Cloud, delegates: Delegates, tmp_path: Path
) -> None:
    job = cloud.job()
    with delegates.acting(job):
        given = delegates.variables(job)
        assert not {"OS_PASSWORD", "OS_USERNAME", "OS_TRUST_ID", "OS_PROJECT_NAME", "OS_TOKEN"} & set(given)
        assert keystone.SERVICE not in "".join(given.values())
        (file,) = (tmp_path / "tokens").iterdir()
        assert keystone.SERVICE not in file.read_text()


def test_p12_a_token_is_on_disk_only_while_an_agent_needs_it_and_for_no_other_users_eyes(
    cloud: Cloud, delegates: Delegates, tmp_path: Path
) -> None:
    job, folder = cloud.job(), tmp_path / "tokens"
    with delegates.acting(job):
        with delegates.acting(job):
            pass
        (file,) = folder.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert job["user_credentials"]["trust_id"] not in file.name + file.read_text()
    assert list(folder.iterdir()) == []


def test_a_trust_that_is_deleted_under_a_running_job_ends_what_its_agent_may_do(
    cloud: Cloud, delegates: Delegates, caplog: pytest.LogCaptureFixture
) -> None:
    job = cloud.job()
    with delegates.acting(job):
        agent = _access(delegates.variables(job))
        token = agent.token()
        cloud.trusting().ask("DELETE", f"/OS-TRUST/trusts/{job['user_credentials']['trust_id']}")
        with pytest.raises(PermissionDenied, match="it has expired, or whoever delegated it has taken it back"):
            agent.renew(token)
        delegates.look()  # other jobs go on
    with pytest.raises(PermissionDenied, match=r"knows no trust|refuses") as caught, delegates.acting(job):
        pytest.fail("nobody lets us act")
    assert keystone.SERVICE not in str(caught.value)
    assert keystone.SERVICE not in caplog.text


def test_a_job_without_a_trust_says_what_to_do(delegates: Delegates) -> None:
    job = {"job_id": "j", "credential": {"state": "expired"}}
    with pytest.raises(PermissionDenied, match=r"job j has no trust .*expired"), delegates.acting(job):
        pytest.fail("there is none")


def test_a_scheduler_without_a_password_cannot_use_trusts(cloud: Cloud, tmp_path: Path) -> None:
    given = {"OS_AUTH_URL": cloud.url, "OS_APPLICATION_CREDENTIAL_ID": "a", "OS_APPLICATION_CREDENTIAL_SECRET": "b"}
    with pytest.raises(UsageError, match="logs in with OS_USERNAME and OS_PASSWORD"):
        Delegates(given, tmp_path, SystemClock())
