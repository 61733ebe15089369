"""The role of nodes: each acts for one client, until its key is taken away."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freezer.api.store.sql.engine import open_engine
from support.api import Person, fresh_database, serving
from support.people import person, shared
from support.wsgi import Answer, InProcess

_BACKUP = {"backup_name": "b", "container": "c", "hostname": "h"}
_REPORT = {"job_schedule": {"status": "running"}, "session_id": "", "session_tag": 0}


@dataclass(frozen=True)
class Node:
    """A machine with a key."""

    call: InProcess
    project: str
    token: str

    def send(self, method: str, path: str, document: object = None, version: str = "v2") -> Answer:
        root = f"/v2/{self.project}" if version == "v2" else "/v1"
        return self.call.send(method, root + path, document, X_Auth_Token=self.token)

    def get(self, path: str, search: object = None) -> Any:
        answer = self.send("GET", path, search)
        assert answer.status == 200, answer
        return answer.json()


def _node(owner: Person, client: str = "node") -> Node:
    issued = owner.made(f"/clients/{client}/key", None)
    assert isinstance(owner.call, InProcess)
    return Node(owner.call, owner.project, issued["token"])


def _two() -> tuple[Person, Node, Node]:
    owner = person()
    owner.client("one")
    owner.client("two")
    return owner, _node(owner, "one"), _node(owner, "two")


def test_a_node_reads_its_own_jobs_and_reports_on_them() -> None:
    owner, one, two = _two()
    mine, other = owner.job("one"), owner.job("two")
    assert [each["job_id"] for each in one.get("/jobs")["jobs"]] == [mine]
    assert [each["job_id"] for each in two.get("/jobs", {"match_not": [{"status": "completed"}]})["jobs"]] == [other]
    assert one.get("/jobs", {"match": [{"client_id": "two"}]})["jobs"] == []
    assert one.send("GET", f"/jobs/{other}").status == 404
    assert one.send("PATCH", f"/jobs/{mine}", _REPORT).status == 200
    assert one.send("PATCH", f"/jobs/{other}", _REPORT).status == 404
    assert owner.get(f"/jobs/{mine}")["job_schedule"]["status"] == "running"


def test_a_node_is_told_of_the_changes_of_its_client_alone() -> None:
    owner, one, _ = _two()
    start = one.get("/changes")["last"]
    mine, _other = owner.job("one"), owner.job("two")
    assert [each["id"] for each in one.get(f"/changes?since={start}")["changes"]] == [mine]
    assert [each["id"] for each in one.get(f"/changes?since={start}&client_id=one")["changes"]] == [mine]
    assert one.send("GET", f"/changes?since={start}&client_id=two").status == 404


def test_a_node_edits_nothing() -> None:
    owner, one, _ = _two()
    job = owner.job("one")
    session = owner.made("/sessions", {"schedule": {}})["session_id"]
    owner.send("PUT", f"/sessions/{session}/jobs/{job}")
    backup = owner.made("/backups", _BACKUP)["backup_id"]
    refused = [
        ("PATCH", f"/jobs/{job}", {"description": "mine"}),
        ("PATCH", f"/jobs/{job}", {"job_schedule": {"event": "stop"}}),
        ("POST", "/jobs", {"client_id": "one", "job_actions": []}),
        ("POST", f"/jobs/{job}", {"client_id": "one", "job_actions": []}),
        ("DELETE", f"/jobs/{job}", None),
        ("POST", f"/jobs/{job}/event", {"start": None}),
        ("GET", "/actions", None),
        ("POST", "/actions", {"freezer_action": {"action": "backup"}}),
        ("GET", "/sessions", None),
        ("GET", f"/sessions/{session}", None),
        ("POST", "/sessions", {"schedule": {}}),
        ("DELETE", f"/sessions/{session}/jobs/{job}", None),
        ("POST", "/clients", {"client_id": "three"}),
        ("POST", "/clients", {"client_id": "two"}),
        ("POST", "/clients", {"client_id": "one", "is_central": True}),
        ("DELETE", "/clients/one", None),
        ("POST", "/clients/one/key", None),
        ("DELETE", "/clients/two/key", None),
        ("DELETE", f"/backups/{backup}", None),
        ("GET", "/audit", None),
        ("GET", "/quotas", None),
        ("PATCH", "/quotas", {"jobs": -1}),
        ("GET", "/jobs?all_projects=True", None),
    ]
    for method, path, document in refused:
        assert one.send(method, path, document).status == 403, (method, path)


def test_a_node_tells_what_its_client_can_do_and_sees_no_other() -> None:
    owner, one, _ = _two()
    assert one.send("POST", "/clients", {"client_id": "one", "supported_modes": ["fs"]}).status == 201
    assert one.send("PATCH", "/clients/one", {"description": "d"}).status == 200
    assert owner.get("/clients/one")["client"]["supported_modes"] == ["fs"]
    assert [each["client"]["client_id"] for each in one.get("/clients")["clients"]] == ["one"]
    assert one.send("GET", "/clients/two").status == 404
    assert one.send("PATCH", "/clients/two", {"description": "d"}).status == 404


def test_a_node_keeps_its_own_backups_and_sees_no_others() -> None:
    owner, one, two = _two()
    mine = one.send("POST", "/backups", _BACKUP).json()["backup_id"]
    theirs = owner.made("/backups", _BACKUP)["backup_id"]
    assert [each["backup_id"] for each in one.get("/backups")["backups"]] == [mine]
    assert two.get("/backups", {"match": [{"backup_name": "b"}]})["backups"] == []
    assert one.send("PATCH", f"/backups/{mine}", {"status": "error"}).status == 200
    assert one.send("PATCH", f"/backups/{theirs}", {"status": "error"}).status == 404
    assert two.send("GET", f"/backups/{mine}").status == 404
    assert len(owner.get("/backups")["backups"]) == 2
    assert one.get("/backups")["backups"][0]["status"] == "error"


def test_a_node_takes_part_in_rounds_for_its_own_jobs_only() -> None:
    owner, one, two = _two()
    job = owner.job("one")
    session = owner.made("/sessions", {"schedule": {}})["session_id"]
    owner.send("PUT", f"/sessions/{session}/jobs/{job}")
    start = {"start": {"job_id": job, "current_tag": 0}}
    assert two.send("POST", f"/sessions/{session}/action", start).status == 400
    assert owner.get(f"/sessions/{session}")["session_tag"] == 0
    assert one.send("POST", f"/sessions/{session}/action", start).status == 202
    assert owner.get(f"/sessions/{session}")["session_tag"] == 1


def test_a_node_claims_and_reports_its_own_runs_only() -> None:
    owner, one, two = _two()
    job = owner.job("one")
    owner.send("POST", f"/jobs/{job}/event", {"start": None})
    claim = {"job_id": job, "cause": "event", "holder": "h"}
    assert two.send("POST", "/runs", claim).status == 422
    run = one.send("POST", "/runs", claim).json()
    path, tried = f"/runs/{run['run_id']}", {"incarnation": run["incarnation"], "fence": run["fence"]}
    assert [each["run_id"] for each in one.get("/runs")["runs"]] == [run["run_id"]]
    assert two.get("/runs")["runs"] == []
    for method, at, document in (
        ("GET", path, None),
        ("PUT", f"{path}/lease", tried),
        ("PATCH", path, {**tried, "state": "failed"}),
        ("GET", f"{path}/log", None),
        ("POST", f"{path}/log", {**tried, "sequence": 1, "pieces": ["x"]}),
    ):
        assert two.send(method, at, document).status == 404, (method, at)
        assert one.send(method, at, document).status == 200
    assert two.send("POST", "/backups", {**_BACKUP, "run_id": run["run_id"]}).status == 201
    assert one.get(path)["backups"] == []
    made = one.send("POST", "/backups", {**_BACKUP, "run_id": run["run_id"]}).json()["backup_id"]
    assert one.get(path)["backups"] == [made]
    assert one.send("DELETE", path).status == 403


def test_a_node_is_nobody_in_other_projects_and_by_v1() -> None:
    _, one, _ = _two()
    assert one.call.send("GET", f"/v2/{person().project}/jobs", X_Auth_Token=one.token).status == 403
    assert one.send("GET", "/jobs", version="v1").status == 403
    assert one.send("GET", "/clients", version="v1").status == 403


def test_a_revoked_key_is_refused_at_once_and_a_new_one_replaces_the_old() -> None:
    owner, one, _ = _two()
    again = _node(owner, "one")
    assert one.send("GET", "/jobs").status == 401
    assert again.send("GET", "/jobs").status == 200
    assert owner.send("DELETE", "/clients/one/key").status == 204
    assert again.send("GET", "/jobs").status == 401
    assert owner.send("DELETE", "/clients/one/key").status == 404
    assert owner.send("GET", "/clients/one/key").status == 404


def test_a_removed_client_has_no_key_left() -> None:
    owner, one, _ = _two()
    assert owner.send("DELETE", "/clients/one").status == 204
    assert one.send("GET", "/jobs").status == 401
    owner.client("one")
    assert owner.get("/clients/one")["bound"] is False


def test_clients_say_whether_they_are_bound() -> None:
    owner = person()
    owner.client("one")
    owner.client("two")
    _node(owner, "two")
    assert [each["bound"] for each in owner.get("/clients")["clients"]] == [False, True]
    about = owner.get("/clients/two/key")
    assert (about["client_id"], about["made_by"]) == ("two", owner.user)
    assert "token" not in about


def test_keys_of_others_and_of_central_clients_are_not_issued(tmp_path: Path) -> None:
    call, central = serving(tmp_path), "center"
    owner, boss = Person(call, "p"), Person(call, "adm", "admin,member")
    owner.client("one")
    assert Person(call, "q").send("POST", "/clients/one/key").status == 404
    boss.client(central, is_central=True)
    refused = boss.send("POST", f"/clients/{central}/key")
    assert (refused.status, "role service" in refused.json()["hint"]) == (409, True)
    assert owner.send("POST", f"/clients/{central}/key").status == 403
    assert Person(call, "p", "reader").send("POST", "/clients/one/key").status == 403


@pytest.mark.parametrize(
    "token", ["fzn1..", "fzn1.x", "fzn1.x.y", "fzn1." + "a" * 5000, "fzn1.\udcff.\udcff", "fzn1..."]
)
def test_a_token_that_is_none_is_refused(token: str) -> None:
    answer = shared().send("GET", "/v2/p/jobs", X_Auth_Token=token)
    assert answer.status == 401


def test_a_stolen_database_holds_no_token(tmp_path: Path) -> None:
    url = fresh_database(tmp_path)
    owner = Person(serving(tmp_path, database=url), "p")
    owner.client()
    secret = _node(owner).token.rpartition(".")[2]
    for path in tmp_path.glob("*.db*"):
        assert secret.encode() not in path.read_bytes()


def test_a_database_that_fails_is_told_as_to_everybody_else(tmp_path: Path) -> None:
    url = fresh_database(tmp_path)
    owner = Person(serving(tmp_path, database=url), "p")
    owner.client()
    one = _node(owner)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE node_key")
    engine.dispose()
    answer = one.send("GET", "/jobs")
    assert (answer.status, answer.json()["title"]) == (500, "Internal Server Error")


def test_a_job_stays_with_its_client_however_others_are_named(tmp_path: Path) -> None:
    call, name = serving(tmp_path), "both"
    boss, alice = Person(call, "adm", "admin,member"), Person(call, "p")
    alice.client(name)
    job = alice.job(name)
    mine = _node(alice, name)
    boss.client(name, is_central=True)
    assert alice.send("PATCH", f"/jobs/{job}", {"client_id": name, "description": "edited"}).status == 200
    assert [each["job_id"] for each in mine.get("/jobs")["jobs"]] == [job]
    # Registered anew, it is another client; the job stays that of the one it was made for.
    assert alice.send("DELETE", f"/clients/{name}").status == 204
    assert alice.send("PATCH", f"/jobs/{job}", {"description": "again"}).status == 200
    assert alice.send("POST", "/clients", {"client_id": name}).status == 409


def test_reports_of_many_nodes_at_once_are_all_kept() -> None:
    owner = person()
    names = [f"n{number}" for number in range(6)]
    jobs = {}
    for name in names:
        owner.client(name)
        jobs[name] = owner.job(name)
    nodes = {name: _node(owner, name) for name in names}

    def report(name: str) -> None:
        assert nodes[name].send("PATCH", f"/jobs/{jobs[name]}", _REPORT).status == 200

    threads = [threading.Thread(target=report, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each["job_schedule"]["status"] for each in owner.get("/jobs")["jobs"]} == {"running"}
