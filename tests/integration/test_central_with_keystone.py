"""A central scheduler with a real Keystone: a tenant's job from its making to its backup, in the tenant's name."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.client import Api
from freezer.client.opening import open_api
from freezer.clock import SystemClock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.storage.local.storage import LocalStorage
from servers import keystone
from servers.session import api
from support.pool_stage import scheduler

pytestmark = pytest.mark.integration

_DOMAINS = {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}
_CONFIG = """
[scheduler]
client_id = {client}
centralized_scheduler = true
concurrent_jobs = 2
lease_seconds = 10
tenants_may_set = path_to_backup
state_dir = {folder}
jobs_dir = {folder}/jobs
no_daemon = true
[capabilities]
supported_modes = fs
supported_storages = local
supported_engines = dedup
[service_auth]
auth_url = {url}
username = freezer
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
"""


class Cloud:
    """A tenant, and a central scheduler below ``folder`` with agents that fall asleep before they commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(api()["auth_url"])
        self.client = f"central-{uuid.uuid4().hex[:8]}"
        founding.init(LocalStorage(str(folder / "container"), clock=SystemClock()), SystemClock(), Plan(Opener()))
        (folder / "asleep").mkdir()
        (folder / "state").mkdir(mode=0o700)
        (folder / "source").mkdir()
        (folder / "source" / "file").write_text("text")
        told = {"client": self.client, "folder": folder / "state", "url": self.url, "password": keystone.SERVICE}
        config = folder / "scheduler.conf"
        config.write_text(_CONFIG.format(**told))
        agent = (sys.executable, "-m", "support.sleepy_agent", "100", str(folder / "asleep"))
        self.process: subprocess.Popen[bytes] = scheduler(config, folder / "state", agent, {})
        self.demo = self._api("demo", "demo")

    def _api(self, user: str, project: str) -> Api:
        names = {"OS_USERNAME": user, "OS_PASSWORD": user, "OS_PROJECT_NAME": project}
        return open_api({"OS_AUTH_URL": self.url, **names, **_DOMAINS}, home="/nowhere")

    def job(self) -> str:
        """A job of the tenant, to be run now."""
        action = {
            "action": "backup", "mode": "fs", "engine_name": "dedup", "storage": "local", "backup_name": "b",
            "container": str(self.folder / "container"), "path_to_backup": str(self.folder / "source"),
        }  # fmt: skip
        wanted = {"client_id": self.client, "job_schedule": {}, "job_actions": [{"freezer_action": action}]}
        return self.demo.jobs.create(wanted)

    def agent(self) -> int:
        """The agent that has stopped itself."""
        deadline = time.monotonic() + 180
        while not (found := list((self.folder / "asleep").iterdir())):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        pid = int(found[0].name)
        found[0].unlink()
        return pid

    def said(self) -> str:
        return (self.folder / "state" / "out").read_text(errors="replace")

    def ended(self, job: str) -> str:
        """How the run of a job ended."""
        deadline = time.monotonic() + 180
        while (found := self.demo.runs.latest(job)) is None or found["ended"] is None:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)
        return str(found["state"])


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    deadline = time.monotonic() + 180
    while f"client {made.client} is registered" not in made.said():
        assert time.monotonic() < deadline, made.said()
        time.sleep(0.1)
    yield made
    made.process.kill()
    made.process.wait()
    made.demo.close()


def test_a_tenants_job_is_executed_in_its_name_and_the_password_of_the_scheduler_goes_nowhere(cloud: Cloud) -> None:
    job = cloud.job()
    agent = cloud.agent()
    state = cloud.folder / "state"
    (token,) = (state / "tokens").iterdir()
    assert token.stat().st_mode & 0o077 == 0
    seen = Path(f"/proc/{agent}/environ").read_bytes() + Path(f"/proc/{agent}/cmdline").read_bytes()
    files = [each for each in state.rglob("*") if each.is_file()]
    assert keystone.SERVICE.encode() not in seen + b"".join(each.read_bytes() for each in files)
    trust = cloud.demo.jobs.get(job)["trust_id"]
    assert trust.encode() not in seen
    subprocess.run(["kill", "-CONT", str(agent)], check=True)
    assert cloud.ended(job) == "success"
    (backup,) = cloud.demo.backups.find(search={"match": [{"job_id": job}]})
    assert backup["project_id"] == cloud.demo.project()
    deadline = time.monotonic() + 180
    while list((state / "tokens").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert keystone.SERVICE not in cloud.said()


def test_a_trust_that_is_deleted_under_a_running_job_fails_the_next_run_with_the_reason(cloud: Cloud) -> None:
    job = cloud.job()
    agent = cloud.agent()
    owner = keystone.Admin(cloud.url)
    owner._token = owner.token("demo", "demo", "demo")
    owner.ask("DELETE", f"/OS-TRUST/trusts/{cloud.demo.jobs.get(job)['trust_id']}")
    subprocess.run(["kill", "-CONT", str(agent)], check=True)
    assert cloud.ended(job) == "success"  # its storage needs no token
    before = cloud.demo.runs.latest(job)
    cloud.demo.jobs.start(job)
    deadline = time.monotonic() + 180
    while (latest := cloud.demo.runs.latest(job)) is None or latest["run_id"] == before["run_id"]:
        assert time.monotonic() < deadline, cloud.said()
        time.sleep(0.1)
    assert cloud.ended(job) == "failed"
    latest = cloud.demo.runs.latest(job)
    assert latest is not None
    assert "trust" in str(latest["error"])
