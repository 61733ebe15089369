"""Trusts, made and removed in a real Keystone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from freezer.api.config import ApiSettings, read_settings
from freezer.api.scope import Identity, Scope
from freezer.api.server import make_application
from freezer.api.service.trusts import TrustWanted
from freezer.api.store.contract import Unit
from freezer.api.store.known import Known
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.store import SqlStore
from freezer.api.store.trusts import State, Trust
from freezer.api.trusts.keeper import Delegated, Keeper
from freezer.api.trusts.keystone import KeystoneAway, RealKeystone
from freezer.clock import SystemClock
from freezer.cmd.manage.program import main
from freezer.crypto.keyring import KeyRing
from freezer.testing.clock import FakeClock
from servers import keystone
from servers.processes import free_ports
from servers.session import openstack
from support.behind_keystone import behind_keystone
from support.wsgi import Answer, InProcess

# What Keystone's middleware stands on uses modules that Python is about to remove.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

_DAY = 86_400
_ADMIN = """
[trust_admin]
auth_url = {url}
auth_type = password
username = admin
password = {admin}
project_name = admin
user_domain_id = default
project_domain_id = default
"""
_ACTION = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "vol"}
_CENTRAL = {
    "is_central": True,
    "supported_modes": ["cindernative"],
    "supported_actions": ["backup"],
    "supported_storages": ["swift"],
    "supported_engines": [],
}


@dataclass(frozen=True)
class User:
    """Somebody whom Keystone knows, in one project."""

    call: InProcess
    id: str
    token: str
    project: str

    def send(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        root = f"/v2/{self.project}"
        return self.call.send(method, root + path, document, **{"X_Auth_Token": self.token, **headers})

    def made(self, path: str, document: object) -> Any:
        answer = self.send("POST", path, document)
        assert answer.status == 201, answer
        return answer.json()

    def job(self, client: str, **more: object) -> str:
        document = {"client_id": client, "job_actions": [{"freezer_action": _ACTION}], **more}
        return str(self.made("/jobs", document)["job_id"])

    def shown(self, job: str) -> Any:
        answer = self.send("GET", f"/jobs/{job}")
        assert answer.status == 200, answer
        return answer.json()


@dataclass(frozen=True)
class Cloud:
    """A server of its own, with a new project, a user in it, and a central client."""

    folder: Path
    database: str
    admin: keystone.Admin
    call: InProcess
    alice: User
    boss: User
    central: str
    trustee: str

    def user(self, role: str = "member", project: str = "") -> User:
        """One more."""
        name = uuid.uuid4().hex
        at = project or self.alice.project
        id = self.admin.make("user", name=name, domain_id="default", password=name)
        self.admin.grant(at, id, self.admin.find("role", role))
        return User(self.call, id, self.admin.token(name, name, self._named(at)), at)

    def _named(self, project: str) -> str:
        return str(self.admin.ask("GET", f"/projects/{project}")["project"]["name"])

    def trusts(self, user: User) -> list[Any]:
        """What Keystone has of a trustor."""
        found: list[Any] = self.admin.ask("GET", f"/OS-TRUST/trusts?trustor_user_id={user.id}")["trusts"]
        return found

    def settings(self) -> ApiSettings:
        return read_settings([str(self.folder / "freezer-api.conf")])

    def store(self) -> SqlStore:
        ring = KeyRing(str(self.folder / "trust.keys"))
        return SqlStore(open_engine(self.database), SystemClock(), Known(ring=ring))

    def keeper(self, clock: Any = None, *, admin: bool = False) -> Keeper:
        """What a housekeeper works with."""
        settings = self.settings()
        path = self.folder / "freezer-api.conf"
        files = [str(path)]
        if admin:
            more = self.folder / "admin.conf"
            more.write_text(_ADMIN.format(url=self.admin.url, admin=keystone.ADMIN))
            files.append(str(more))
        real = RealKeystone(files, settings.trusts_section, "trust_admin")
        return Keeper(self.store(), real, Delegated(days=settings.trusts_days), clock or SystemClock())

    def rows(self) -> list[Trust]:
        def read(unit: Unit) -> list[Trust]:
            return [each for state in (unit.trusts.leaving(100), unit.trusts.unchecked(2**40, 100)) for each in state]

        return self.store().read(read)

    def at(self, seconds: float) -> InProcess:
        """The same server, as it will be."""
        return InProcess(make_application(self.settings(), FakeClock(SystemClock().now() + seconds)))


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    url = str(openstack()["auth_url"])
    call = behind_keystone(tmp_path, url)
    database = read_settings([str(tmp_path / "freezer-api.conf")]).database
    admin = keystone.Admin(url)
    name = f"tenant-{uuid.uuid4().hex[:8]}"
    project = admin.make("project", name=name, domain_id="default")
    trustee = admin.find("user", "swift")
    boss = User(
        call, admin.find("user", "admin"), admin.token("admin", keystone.ADMIN, "admin"), admin.find("project", "admin")
    )
    empty = User(call, "", "", project)
    central = f"central-{name}"
    cloud = Cloud(tmp_path, database, admin, call, empty, boss, central, trustee)
    boss.made("/clients", {"client_id": central, **_CENTRAL})
    return Cloud(tmp_path, database, admin, call, cloud.user(), boss, central, trustee)


def test_a_job_on_a_central_client_gets_a_trust_with_the_least_that_is_needed(cloud: Cloud) -> None:
    job = cloud.alice.shown(cloud.alice.job(cloud.central))
    (trust,) = cloud.trusts(cloud.alice)
    told = {"trust_id": trust["id"], "trustor_user_id": cloud.alice.id}
    assert job["user_credentials"] == told
    assert {key: job[key] for key in told} == told
    assert job["credential"]["state"] == "valid"
    assert (trust["trustee_user_id"], trust["project_id"]) == (cloud.trustee, cloud.alice.project)
    assert trust["impersonation"] is False
    assert trust["expires_at"] is not None
    whole = cloud.admin.ask("GET", f"/OS-TRUST/trusts/{trust['id']}")["trust"]
    assert [each["name"] for each in whole["roles"]] == ["member"]
    assert cloud.boss.send("GET", "/jobs?all_projects=true").json()["jobs"][0]["trust_id"] == trust["id"]


def test_jobs_of_one_user_in_one_project_share_a_trust_which_goes_with_the_last(cloud: Cloud) -> None:
    first, second = cloud.alice.job(cloud.central), cloud.alice.job(cloud.central)
    assert cloud.alice.shown(first)["trust_id"] == cloud.alice.shown(second)["trust_id"]
    cloud.alice.send("DELETE", f"/jobs/{first}")
    assert len(cloud.trusts(cloud.alice)) == 1
    cloud.alice.send("DELETE", f"/jobs/{second}")
    assert cloud.trusts(cloud.alice) == []
    assert cloud.rows() == []


def test_jobs_of_ordinary_clients_have_none(cloud: Cloud) -> None:
    cloud.alice.made("/clients", {"client_id": "mine"})
    job = cloud.alice.made("/jobs", {"client_id": "mine", "job_actions": []})["job_id"]
    assert "user_credentials" not in cloud.alice.shown(job)
    assert cloud.trusts(cloud.alice) == []


@pytest.mark.parametrize("way", ["patch", "replace", "create by replacing"])
def test_p6_a_job_that_comes_to_a_central_client_later_gets_a_trust_too(cloud: Cloud, way: str) -> None:
    cloud.alice.made("/clients", {"client_id": "mine"})
    actions = [{"freezer_action": _ACTION}]
    job = cloud.alice.made("/jobs", {"client_id": "mine", "job_actions": actions})["job_id"]
    moved = {"client_id": cloud.central, "job_actions": actions}
    match way:
        case "patch":
            assert cloud.alice.send("PATCH", f"/jobs/{job}", {"client_id": cloud.central}).status == 200
        case "replace":
            cloud.alice.made(f"/jobs/{job}", moved)
        case _:
            job = cloud.alice.made("/jobs/by-replacing", moved)["job_id"]
    assert cloud.alice.shown(job)["credential"]["state"] == "valid"
    assert len(cloud.trusts(cloud.alice)) == 1
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {"client_id": "mine"}).status in {200, 422}


def test_a_job_that_leaves_its_central_client_leaves_its_trust(cloud: Cloud) -> None:
    cloud.alice.made("/clients", {"client_id": "mine"})
    job = cloud.alice.job(cloud.central)
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {"client_id": "mine"}).status == 200
    assert "trust_id" not in cloud.alice.shown(job)
    assert cloud.trusts(cloud.alice) == []


def test_a_job_whose_trust_was_taken_back_begins_no_run_until_somebody_saves_it_for_its_client(cloud: Cloud) -> None:
    job, other = cloud.alice.job(cloud.central), cloud.alice.job(cloud.central)
    claim = {"job_id": job, "cause": "event", "holder": "central", "ttl": 60}
    assert cloud.alice.send("POST", f"/jobs/{job}/event", {"start": None}).status == 202
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {"user_credentials": {}}).status == 200
    shown = cloud.alice.shown(job)
    assert ("trust_id" in shown, shown["credential"]["state"]) == (False, "withdrawn")
    assert len(cloud.trusts(cloud.alice)) == 1  # that of the other job
    refused = cloud.alice.send("POST", "/runs", claim)
    assert (refused.status, refused.json()["reason"]) == (409, "withdrawn")
    assert "its trust was taken back" in refused.json()["description"]
    assert cloud.alice.send("PATCH", f"/jobs/{other}", {"user_credentials": {}}).status == 200
    assert cloud.trusts(cloud.alice) == []
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {"description": "an edit gives no trust"}).status == 200
    assert cloud.alice.send("POST", "/runs", claim).status == 409
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {"client_id": cloud.central}).status == 200
    assert cloud.alice.shown(job)["credential"]["state"] == "valid"
    assert cloud.alice.send("POST", "/runs", claim).status == 201


def test_empty_credentials_of_a_job_that_acts_for_nobody_mean_nothing(cloud: Cloud) -> None:
    document = {"client_id": cloud.central, "job_actions": [{"freezer_action": _ACTION}], "user_credentials": {}}
    job = cloud.alice.made("/jobs", document)["job_id"]
    assert cloud.alice.shown(job)["credential"]["state"] == "valid"
    changed = cloud.alice.send("PATCH", f"/jobs/{job}", {"user_credentials": {"trust_id": "another"}})
    assert (changed.status, "made by the API itself" in changed.json()["description"]) == (400, True)


def test_a_refused_job_has_made_no_trust(cloud: Cloud) -> None:
    wrong = {**_ACTION, "mode": "nova"}
    document = {"client_id": cloud.central, "job_actions": [{"freezer_action": wrong}]}
    assert cloud.alice.send("POST", "/jobs", document).status == 422
    assert (cloud.trusts(cloud.alice), cloud.rows()) == ([], [])


def test_who_may_not_delegate_is_told_so_and_nothing_is_left(cloud: Cloud) -> None:
    boss = User(cloud.call, cloud.boss.id, cloud.boss.token, cloud.alice.project)
    document = {"client_id": cloud.central, "job_actions": [{"freezer_action": _ACTION}]}
    answer = boss.send("POST", "/jobs", document)
    assert (answer.status, answer.json()["title"]) == (422, "Missing required credentials")
    assert cloud.alice.send("GET", "/jobs").json() == {"jobs": []}
    assert cloud.rows() == []


def test_p7_a_trust_is_shared_only_if_it_gives_what_is_wanted_now(cloud: Cloud) -> None:
    first = cloud.alice.shown(cloud.alice.job(cloud.central))["trust_id"]
    config = cloud.folder / "freezer-api.conf"
    config.write_text(config.read_text().replace("trusts_days", "trusts_delegated_roles = reader\ntrusts_days"))
    reader = User(cloud.at(0), cloud.alice.id, cloud.alice.token, cloud.alice.project)
    second = reader.shown(reader.job(cloud.central))["trust_id"]
    assert second != first
    roles = cloud.admin.ask("GET", f"/OS-TRUST/trusts/{second}")["trust"]["roles"]
    assert [each["name"] for each in roles] == ["reader"]


def test_p7_what_others_delete_waits_for_the_trustors_next_request(cloud: Cloud) -> None:
    job = cloud.alice.job(cloud.central)
    assert cloud.user().send("DELETE", f"/jobs/{job}").status == 204
    assert len(cloud.trusts(cloud.alice)) == 1
    assert [each.state for each in cloud.rows()] == [State.LEAVING]
    soon = User(cloud.at(120), cloud.alice.id, cloud.alice.token, cloud.alice.project)
    assert soon.send("GET", "/jobs").status == 200
    assert (cloud.trusts(cloud.alice), cloud.rows()) == ([], [])


def test_p7_or_is_done_by_the_administrator_that_is_configured(cloud: Cloud) -> None:
    job = cloud.alice.job(cloud.central)
    cloud.user().send("DELETE", f"/jobs/{job}")
    cloud.keeper().housekeep()
    assert len(cloud.trusts(cloud.alice)) == 1
    cloud.keeper(admin=True).housekeep()
    assert (cloud.trusts(cloud.alice), cloud.rows()) == ([], [])


def test_p7_a_job_whose_maker_is_gone_says_so_and_a_colleague_takes_over(cloud: Cloud) -> None:
    job = cloud.alice.job(cloud.central)
    bob = cloud.user()
    cloud.admin.ask("PATCH", f"/users/{cloud.alice.id}", {"user": {"enabled": False}})
    cloud.keeper(FakeClock(SystemClock().now() + 2 * _DAY)).housekeep()
    broken = bob.shown(job)["credential"]
    assert broken["state"] == "broken"
    assert "Keystone answers" in broken["problem"]
    assert bob.send("PATCH", f"/jobs/{job}", {"description": "an edit changes no trust"}).status == 200
    assert bob.shown(job)["trustor_user_id"] == cloud.alice.id
    assert bob.send("PATCH", f"/jobs/{job}", {"client_id": cloud.central}).status == 200
    assert (bob.shown(job)["trustor_user_id"], bob.shown(job)["credential"]["state"]) == (bob.id, "valid")


def test_before_its_end_a_trust_is_replaced_by_a_request_of_its_trustor_alone(cloud: Cloud) -> None:
    jobs = [cloud.alice.job(cloud.central) for _ in range(2)]
    before = cloud.alice.shown(jobs[0])["trust_id"]
    later = cloud.at(25 * _DAY)
    bob = cloud.user()
    bob = User(later, bob.id, bob.token, bob.project)
    assert bob.shown(jobs[0])["credential"]["state"] == "expiring"
    assert bob.shown(jobs[0])["trust_id"] == before
    alice = User(later, cloud.alice.id, cloud.alice.token, cloud.alice.project)
    assert alice.send("GET", "/sessions").status == 200
    shown = [alice.shown(job) for job in jobs]
    assert {each["credential"]["state"] for each in shown} == {"valid"}
    (now,) = cloud.trusts(cloud.alice)
    assert {each["trust_id"] for each in shown} == {now["id"]} != {before}


def test_somebody_hears_of_the_end_of_a_trust_once(cloud: Cloud) -> None:
    cloud.alice.job(cloud.central)
    assert cloud.keeper().housekeep() == []
    later = FakeClock(SystemClock().now() + 25 * _DAY)
    (told,) = cloud.keeper(later).housekeep()
    assert (told.trustor, told.project_id) == (cloud.alice.id, cloud.alice.project)
    assert cloud.keeper(later).housekeep() == []


def test_an_answer_that_got_lost_leaves_no_trust_behind(cloud: Cloud) -> None:
    cloud.alice.job(cloud.central)

    class Lossy(RealKeystone):
        def create(self, token: str, trust: Trust) -> str:
            super().create(token, trust)
            raise KeystoneAway("the answer got lost")

    files = [str(cloud.folder / "freezer-api.conf")]
    clock = FakeClock(SystemClock().now())
    lossy = Keeper(cloud.store(), Lossy(files, "keystone_authtoken", "trust_admin"), Delegated(days=30), clock)
    identity = Identity(cloud.alice.id, cloud.alice.project, frozenset({"member"}), token=cloud.alice.token)
    with pytest.raises(Exception, match="the answer got lost") as caught:
        lossy.make(identity, TrustWanted(cloud.alice.project, lossy.delegation()))
    assert getattr(caught.value, "status", 0) == 503
    assert len(cloud.trusts(cloud.alice)) == 2
    clock.advance(120)
    cloud.keeper(clock).attend(identity)
    assert len(cloud.trusts(cloud.alice)) == 1
    assert [each.state for each in cloud.rows()] == [State.ACTIVE]


def test_without_keystone_a_job_on_a_central_client_is_not_made(cloud: Cloud, tmp_path: Path) -> None:
    config = cloud.folder / "freezer-api.conf"
    away = tmp_path / "away.conf"
    away.write_text(config.read_text().replace(cloud.admin.url, f"http://127.0.0.1:{free_ports(1)[0]}/v3"))
    keeper = Keeper(
        cloud.store(), RealKeystone([str(away)], "keystone_authtoken", "trust_admin"), Delegated(), SystemClock()
    )
    with pytest.raises(Exception, match="Keystone cannot be asked") as caught:
        keeper.delegation()
    assert getattr(caught.value, "status", 0) == 503
    identity = Identity(cloud.alice.id, cloud.alice.project, frozenset({"member"}), token="t")
    keeper.attend(identity)  # is logged, and nothing else


def test_ids_of_trusts_are_sealed_with_keys_outside_of_the_database(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    job = cloud.alice.job(cloud.central, description="d")
    cloud.alice.send("PATCH", f"/jobs/{job}", {"description": "e"})
    trust = cloud.alice.shown(job)["trust_id"]
    engine = open_engine(cloud.database)
    with engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            assert trust not in repr(connection.execute(select(table)).all()), table
    engine.dispose()
    main(["--config-file", str(cloud.folder / "freezer-api.conf"), "rotate-keys"])
    assert capsys.readouterr().out == "1\n"
    assert cloud.alice.shown(job)["trust_id"] == trust
    (cloud.folder / "trust.keys").write_text("A" * 43 + "\n")
    assert cloud.alice.shown(job)["credential"]["state"] == "unreadable"
    assert cloud.alice.shown(job)["trust_id"] is None


def test_what_is_read_may_be_sent_back_and_nothing_else(cloud: Cloud) -> None:
    job = cloud.alice.job(cloud.central)
    read = cloud.alice.shown(job)
    for key in ("job_id", "project_id", "user_id", "job_actions", "job_schedule"):
        del read[key]
    assert cloud.alice.send("PATCH", f"/jobs/{job}", {**read, "description": "x"}).status == 200
    planted = {"user_credentials": {**read["user_credentials"], "trust_id": "planted"}}
    assert cloud.alice.send("PATCH", f"/jobs/{job}", planted).status == 400


def test_another_project_neither_sees_nor_uses_a_trust(cloud: Cloud) -> None:
    job = cloud.alice.job(cloud.central)
    other = cloud.user(project=cloud.admin.find("project", "other"))
    assert other.send("GET", f"/jobs/{job}").status == 404
    mine = other.shown(other.job(cloud.central))
    assert mine["trustor_user_id"] == other.id
    assert mine["trust_id"] != cloud.alice.shown(job)["trust_id"]
    store = cloud.store()
    found = store.read(
        lambda unit: unit.trusts.suitable(Scope("p").project_id or "", cloud.alice.id, cloud.trustee, ("member",), 0)
    )
    assert found is None
