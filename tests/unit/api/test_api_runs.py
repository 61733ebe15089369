"""Runs: claimed, held, reported, taken over; by v2 alone."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from freezer.api.scope import EVERYTHING, Scope
from freezer.api.service import run_upkeep
from freezer.api.store.contract import Kind, Unit
from freezer.model.runs import run_id
from support.api import Person
from support.people import person
from support.run_places import Place, Worker, fence, place


@pytest.fixture(scope="module")
def server() -> Place:
    return place(Path(_DIRECTORY.name))


_DIRECTORY = TemporaryDirectory(prefix="freezer-runs-")


@pytest.fixture
def worker(server: Place) -> Worker:
    return server.worker()


def test_a_due_run_is_made_by_its_first_claim_under_the_id_that_everybody_computes(worker: Worker) -> None:
    job, due = worker.due_job()
    run = worker.claim(job, due, "one", ttl=30)
    assert run["run_id"] == run_id(job, "schedule", due)
    assert (run["state"], run["holder"], run["fence"], run["ttl"]) == ("running", "one", 1, 30)
    assert (run["kind"], run["cause"], run["due"], run["client_id"]) == ("leased", "schedule", due, "node")
    assert abs(run["lease_until"] - time.time() - 30) < 20
    assert worker.schedule_of(run)["status"] == "running"


def test_what_somebody_holds_is_refused_to_others_and_to_itself(worker: Worker) -> None:
    job, due = worker.due_job()
    worker.claim(job, due, "one")
    for holder in ("two", "one"):
        answer = worker.ask(job, due, holder)
        assert (answer.status, answer.json()["reason"]) == (409, "held")


def test_a_run_whose_lease_is_over_is_taken_by_the_next_under_a_greater_fence(server: Place, worker: Worker) -> None:
    job, due = worker.due_job()
    first = worker.claim(job, due, "one")
    server.lapse(first)
    second = worker.claim(job, due, "two")
    assert (second["run_id"], second["fence"], second["holder"]) == (first["run_id"], 2, "two")
    assert [each["holder"] for each in second["tries"]] == ["one", "two"]


def test_a_stale_fence_loses_the_run_but_its_report_is_kept_and_its_backup_counts(
    server: Place, worker: Worker
) -> None:
    job, due = worker.due_job()
    first = worker.claim(job, due, "one")
    server.lapse(first)
    second = worker.claim(job, due, "two")
    assert worker.renew(first).json()["reason"] == "superseded"
    for _ in range(2):  # the second time is a repeated request
        answer = worker.tell(first, state="success", exit_code=0, backups=["b1"])
        assert (answer.status, answer.json()["reason"]) == (409, "superseded")
    backup = {"backup_name": "b", "container": "c", "hostname": "h", "run_id": first["run_id"], "time_stamp": 5}
    made = worker.person.made("/backups", backup)["backup_id"]
    found = worker.run(second)
    assert (found["state"], found["holder"], found["exit_code"]) == ("running", "two", None)
    assert [(each["fence"], each["state"]) for each in found["superseded"]] == [(1, "success")]
    assert found["backups"] == ["b1", made]
    assert worker.told(second, state="success")["state"] == "success"
    assert [each["backup_id"] for each in worker.person.get(f"/backups?run_id={first['run_id']}")["backups"]] == [made]


def test_a_holder_that_was_late_and_not_replaced_goes_on(server: Place, worker: Worker) -> None:
    run = worker.begun()
    server.lapse(run)
    assert worker.renew(run).status == 200
    server.lapse(run)
    server.store.write(lambda unit: run_upkeep.expire(unit, 1000))
    assert worker.run(run)["state"] == "waiting"
    assert _states(worker, "waiting") == [run["run_id"]]
    assert worker.renew(run).status == 200
    assert (worker.run(run)["state"], worker.run(run)["fence"]) == ("running", 1)
    assert _states(worker, "waiting") == []
    assert worker.ask(run["job_id"], run["due"], "two").json()["reason"] == "held"


def _states(worker: Worker, state: str) -> list[str]:
    return [run["run_id"] for run in worker.person.get(f"/runs?state={state}")["runs"]]


def test_every_report_of_a_try_is_applied_once_and_in_order(worker: Worker) -> None:
    run = worker.begun()
    failure = {"path": "etc/shadow", "reason": "Permission denied"}
    for _ in range(2):
        found = worker.told(run, sequence=1, failures=[failure], progress={"phase": "reading", "done_bytes": 5})
    assert (found["failures"], found["failures_total"]) == ([failure], 1)
    answer = worker.tell(run, sequence=3, failures=[failure])
    assert (answer.status, answer.json()["reason"]) == (409, "gap")
    last = {"sequence": 2, "state": "partial", "exit_code": 3, "failures": [failure], "more_failures": 7}
    found = worker.told(run, **last)
    assert (found["state"], found["exit_code"], found["failures_total"]) == ("partial", 3, 9)
    assert found["progress"] == {"phase": "reading", "done_bytes": 5}
    assert worker.told(run, **last) == found
    assert worker.tell(run, sequence=3, error="late").json()["reason"] == "over"


def test_what_became_of_each_action_is_kept_for_whoever_takes_over(server: Place, worker: Worker) -> None:
    run = worker.begun()
    worker.told(run, actions={"0": {"state": "success", "exit_code": 0}})
    worker.told(run, actions={"1": {"state": "running", "started": 5}})
    server.lapse(run)
    taken = worker.claim(run["job_id"], run["due"], "two")
    assert taken["actions"] == {"0": {"state": "success", "exit_code": 0}, "1": {"state": "running", "started": 5}}


@pytest.mark.parametrize(
    ("state", "result"), [("success", "success"), ("partial", "success"), ("failed", "fail"), ("aborted", "aborted")]
)
def test_the_end_of_a_run_is_told_of_its_job_in_the_words_of_the_original(
    worker: Worker, state: str, result: str
) -> None:
    run = worker.begun()
    worker.told(run, state=state)
    schedule = worker.schedule_of(run)
    assert (schedule["status"], schedule["result"]) == ("completed", result)
    assert schedule["time_ended"] >= schedule["time_started"] > 0
    assert worker.ask(run["job_id"], run["due"]).json()["reason"] == "over"


def test_a_run_that_is_given_back_waits_for_its_time_and_then_for_anybody(worker: Worker) -> None:
    run = worker.begun()
    given = worker.told(run, state="waiting", retry_after=3600, exit_code=1, error="no route to host")
    assert (given["state"], given["holder"], given["lease_until"]) == ("waiting", "", None)
    assert given["tries"][0]["error"] == "no route to host"
    assert worker.ask(run["job_id"], run["due"], "two").json()["reason"] == "held"
    assert worker.renew(run).json()["reason"] == "released"
    other = worker.begun()
    worker.told(other, state="waiting")
    assert worker.claim(other["job_id"], other["due"], "two")["fence"] == 2


def test_a_holder_may_replace_its_own_try_by_naming_it(worker: Worker) -> None:
    run = worker.begun()
    assert worker.ask(run["job_id"], run["due"], "other", **fence(run)).status == 409
    again = worker.claim(run["job_id"], run["due"], **fence(run))
    assert again["fence"] == 2
    assert worker.ask(run["job_id"], run["due"], **fence(run)).status == 409


def test_a_claim_whose_answer_was_lost_is_answered_again(worker: Worker) -> None:
    job, due = worker.due_job()
    document = {"job_id": job, "cause": "schedule", "due": due, "holder": "h"}
    answers = [worker.person.send("POST", "/runs", document, Idempotency_Key="k") for _ in range(2)]
    assert [each.status for each in answers] == [201, 201]
    assert answers[0].body == answers[1].body


def test_of_one_job_only_one_run_is_held_at_a_time(worker: Worker) -> None:
    soon = int(time.time()) + 30
    job, _ = worker.due_job(schedule_interval="1 days", schedule_start_date=_date(soon))
    run = worker.claim(job, soon)
    worker.person.send("POST", f"/jobs/{job}/event", {"start": None})
    event = {"job_id": job, "cause": "event", "holder": "h"}
    assert worker.person.send("POST", "/runs", event).json()["reason"] == "busy"
    worker.told(run, state="success")
    assert worker.schedule_of(run)["status"] == "scheduled"
    assert worker.person.send("POST", "/runs", event).status == 201


def test_an_event_is_answered_by_one_run(worker: Worker) -> None:
    job, _ = worker.due_job(schedule_date="2001-01-01T00:00:00")
    event = {"job_id": job, "cause": "event", "holder": "h"}
    assert worker.person.send("POST", "/runs", event).json()["reason"] == "not_asked"
    worker.person.send("POST", f"/jobs/{job}/event", {"start": None})
    number = worker.person.get(f"/jobs/{job}")["event_number"]
    run = worker.person.made("/runs", event)
    assert (run["run_id"], run["event_number"]) == (run_id(job, "event", number), number)
    assert worker.schedule_of(run)["event"] == ""
    assert worker.person.send("POST", "/runs", event).json()["reason"] == "not_asked"
    assert worker.person.send("POST", "/runs", {**event, "event_number": number}).json()["reason"] == "held"
    assert worker.person.send("POST", "/runs", {**event, "event_number": number + 1}).json()["reason"] == "not_asked"


def test_an_event_that_is_asked_for_by_an_edit_or_of_a_job_made_anew_has_a_number_of_its_own(worker: Worker) -> None:
    def run() -> str:
        made = worker.person.made("/runs", {"job_id": "again", "cause": "event", "holder": "h"})
        worker.told(made, state="failed")
        return str(made["run_id"])

    found = set()
    for _ in range(2):
        worker.person.job(job_id="again", job_schedule={"event": "start", "schedule_date": "2001-01-01T00:00:00"})
        found.add(run())
        worker.person.send("PATCH", "/jobs/again", {"job_schedule": {"event": "start"}})
        found.add(run())
        assert worker.person.send("DELETE", "/jobs/again").status == 204
    assert len(found) == 4


def test_the_holder_hears_of_an_abort_when_it_renews_and_the_end_answers_it(worker: Worker) -> None:
    run = worker.begun()
    assert worker.renew(run).json()["event"] == ""
    worker.person.send("POST", f"/jobs/{run['job_id']}/event", {"abort": None})
    assert worker.renew(run).json()["event"] == "abort"
    worker.told(run, state="aborted")
    assert worker.schedule_of(run)["event"] == ""


def test_nothing_is_claimed_long_before_it_is_due(worker: Worker) -> None:
    when = int(time.time()) + 3600
    job, _ = worker.due_job(schedule_date=_date(when))
    answer = worker.ask(job, when)
    assert answer.status == 400
    assert "can be claimed 60 seconds before" in answer.json()["description"]
    soon = int(time.time()) + 30
    job, _ = worker.due_job(schedule_date=_date(soon))
    assert worker.ask(job, soon).status == 201


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def test_only_instants_of_the_schedule_can_be_claimed_unless_the_run_was_begun_without_the_api(worker: Worker) -> None:
    job, due = worker.due_job(schedule_date="2026-01-01T00:00:00")
    answer = worker.ask(job, due)
    assert (answer.status, answer.json()["description"]) == (422, f"Job {job} is not due at {due} by its schedule")
    assert worker.ask(job, due, offline=True).json()["offline"] is True


def test_the_rounds_of_a_session_are_runs(worker: Worker) -> None:
    job, _ = worker.due_job()
    document = {"job_id": job, "cause": "session", "session_tag": 4, "holder": "h"}
    assert worker.person.send("POST", "/runs", document).status == 422
    session = worker.person.made("/sessions", {"schedule": {}})["session_id"]
    worker.person.send("PUT", f"/sessions/{session}/jobs/{job}")
    assert worker.person.send("POST", "/runs", document).status == 400  # no such round has begun
    worker.person.send("PATCH", f"/sessions/{session}", {"session_tag": 4})
    run = worker.person.made("/runs", document)
    assert (run["run_id"], run["session_id"], run["session_tag"]) == (run_id(job, "session", 4, session), session, 4)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cause": "whim"}, "cause: Invalid enum value 'whim'"),
        ({"due": "now"}, "due: Expected `int`, got `str`"),
        ({"due": None}, "due: Expected `int`, got `null`"),
        ({"ttl": 0}, "ttl: Expected `int` >= 1"),
        ({"ttl": 10**6}, "ttl: Expected `int` <= 3600"),
        ({"holder": ""}, "holder: Expected `str` of length >= 1"),
        ({"holder": "a\nb"}, "holder must be printable"),
        ({"session_tag": 1}, "a run whose cause is schedule has due, not session_tag"),
        ({"fence": 1}, "incarnation and fence belong together"),
        ({"nonsense": 1}, "Object contains unknown field `nonsense`"),
    ],
)
def test_a_claim_that_means_nothing_is_refused_in_one_line(worker: Worker, wrong: object, told: str) -> None:
    document = {"job_id": "j", "cause": "schedule", "due": 5, "holder": "h"}
    assert isinstance(wrong, dict)
    answer = worker.person.send("POST", "/runs", {**document, **wrong})
    assert (answer.status, answer.json()["description"]) == (400, told)


def test_a_report_of_an_original_scheduler_is_a_run_of_its_own_kind(worker: Worker) -> None:
    job, _ = worker.due_job()
    began, ended = {"time_started": 1000, "time_ended": -1}, {"time_started": 1000, "time_ended": 1060}
    for schedule in (
        {"status": "scheduled"},
        {"status": "running", "result": "", **began},
        {"status": "running", "result": "", "current_pid": 5, **began},
        {"status": "completed", "result": "fail", **ended},
        {"status": "completed", "result": "fail", **ended},
        {"status": "running", "result": "", **began},
    ):
        _report(worker.person, job, schedule)
    (run,) = worker.person.get(f"/runs?job_id={job}")["runs"]
    told = [run[key] for key in ("kind", "cause", "state", "started", "ended", "holder", "tries")]
    assert told == ["legacy", "legacy", "failed", 1000, 1060, "", []]
    _report(worker.person, job, {"status": "completed", "result": "success", "time_started": 2000, "time_ended": 2001})
    assert len(worker.person.get(f"/runs?job_id={job}")["runs"]) == 2


def _report(person: Person, job: str, schedule: object) -> None:
    document = {"job_schedule": schedule, "session_id": "", "session_tag": 0}
    assert person.send("PATCH", f"/jobs/{job}", document).status == 200


def test_two_kinds_of_schedulers_stop_all_claims_for_a_client_until_somebody_says_which_it_is(worker: Worker) -> None:
    assert "scheduler" not in worker.person.get("/clients/node")
    _report(worker.person, worker.person.job(), {"status": "scheduled"})
    run = worker.begun()
    assert worker.person.get("/clients/node")["scheduler"] == "leasing"
    _report(worker.person, run["job_id"], {"status": "running", "time_started": 5})
    assert worker.person.get("/clients/node")["scheduler"] == "mixed"
    job, due = worker.due_job()
    answer = worker.ask(job, due)
    assert (answer.status, answer.json()["reason"]) == (409, "mixed")
    assert "freezer client-scheduler node leasing" in answer.json()["hint"]
    assert worker.told(run, state="success")["state"] == "success"
    assert worker.person.send("PATCH", "/clients/node", {"description": "still mixed"}).status == 200
    assert worker.person.send("PUT", "/clients/node/scheduler", {"scheduler": "leasing"}).status == 200
    assert worker.ask(job, due).status == 201
    worker.person.send("PUT", "/clients/node/scheduler", {"scheduler": "legacy"})
    assert "scheduler" not in worker.person.get("/clients/node")


def test_runs_are_those_of_a_project(worker: Worker) -> None:
    run = worker.begun()
    stranger = Person(worker.person.call, "elsewhere")
    path = f"/runs/{run['run_id']}"
    for method, at, document in (
        ("GET", path, None),
        ("DELETE", path, None),
        ("PATCH", path, {**fence(run), "state": "failed"}),
        ("PUT", f"{path}/lease", fence(run)),
        ("GET", f"{path}/log", None),
        ("POST", f"{path}/log", {**fence(run), "sequence": 1, "pieces": ["x"]}),
    ):
        assert stranger.send(method, at, document).status == 404, (method, at)
    claim = {"job_id": run["job_id"], "cause": "schedule", "due": run["due"], "holder": "h"}
    assert stranger.send("POST", "/runs", claim).status == 422
    assert stranger.get("/runs")["runs"] == []
    assert worker.run(run)["state"] == "running"
    everybody = Person(worker.person.call, "elsewhere", roles="admin")
    assert run["run_id"] in [each["run_id"] for each in everybody.get("/runs?all_projects=true&limit=1000")["runs"]]
    assert stranger.send("GET", "/runs?all_projects=true").status == 403


def test_readers_look_and_do_nothing_else(worker: Worker) -> None:
    run = worker.begun()
    reader = Person(worker.person.call, worker.person.project, roles="reader")
    assert reader.get(f"/runs/{run['run_id']}")["state"] == "running"
    assert reader.send("PATCH", f"/runs/{run['run_id']}", {**fence(run), "state": "failed"}).status == 403
    assert reader.send("PUT", f"/runs/{run['run_id']}/lease", fence(run)).status == 403
    assert reader.send("DELETE", f"/runs/{run['run_id']}").status == 403
    claim = {"job_id": run["job_id"], "cause": "schedule", "due": run["due"], "holder": "h"}
    assert reader.send("POST", "/runs", claim).status == 403


def test_the_first_version_knows_no_runs() -> None:
    assert person(version="v1").send("GET", "/runs").status == 404


def test_a_list_leaves_the_failures_out_and_finds_by_state_client_and_job(worker: Worker) -> None:
    first, second = worker.begun(), worker.begun()
    worker.told(first, state="partial", failures=[{"path": "p", "reason": "r"}])
    (found,) = worker.person.get("/runs?state=partial&client_id=node")["runs"]
    assert found["run_id"] == first["run_id"]
    assert "failures" not in found
    assert worker.run(first)["failures"] == [{"path": "p", "reason": "r"}]
    (found,) = worker.person.get("/runs", {"match": [{"job_id": second["job_id"]}]})["runs"]
    assert found["run_id"] == second["run_id"]


def test_failures_are_named_up_to_a_number_and_counted_beyond(worker: Worker) -> None:
    run = worker.begun()
    some = [{"path": str(number), "reason": "r"} for number in range(600)]
    worker.told(run, failures=some)
    found = worker.told(run, failures=some)
    assert (len(found["failures"]), found["failures_total"]) == (1000, 1200)


def test_a_run_is_removed_only_when_it_is_over_and_its_job_cannot_run_again_by_that(worker: Worker) -> None:
    run = worker.begun()
    worker.write(run, 1, "x")
    assert worker.person.send("DELETE", f"/runs/{run['run_id']}").json()["reason"] == "newest"
    worker.person.send("DELETE", f"/jobs/{run['job_id']}")
    assert worker.person.send("DELETE", f"/runs/{run['run_id']}").json()["reason"] == "held"
    worker.told(run, state="failed")
    assert worker.person.send("DELETE", f"/runs/{run['run_id']}").status == 204
    assert worker.person.send("GET", f"/runs/{run['run_id']}").status == 404


def test_what_is_kept_is_the_newest_run_of_a_job_and_those_that_are_young(server: Place, worker: Worker) -> None:
    job = worker.person.job()
    for began in (1000, 2000, 3000):
        schedule = {"status": "completed", "result": "success", "time_started": began, "time_ended": began + 1}
        _report(worker.person, job, schedule)
    held = worker.begun()
    server.store.write(lambda unit: run_upkeep.forget(unit, 2500, 100))
    assert [run["started"] for run in worker.person.get(f"/runs?job_id={job}")["runs"]] == [3000]
    server.store.write(lambda unit: run_upkeep.forget(unit, int(time.time()) + 9, 100))
    assert len(worker.person.get(f"/runs?job_id={job}")["runs"]) == 1
    assert worker.run(held)["state"] == "running"


def test_missed_runs_are_one_record_that_nobody_can_claim(server: Place, worker: Worker) -> None:
    job, due = worker.due_job()

    def miss(unit: Unit) -> None:
        found = unit.get(Kind.JOB, Scope(worker.person.project), job, lock=True)
        assert found is not None
        run_upkeep.record_missed(unit, found, due - 200, due, 3, due + 9)

    server.store.write(miss)
    server.store.write(miss)
    (run,) = worker.person.get(f"/runs?job_id={job}")["runs"]
    assert (run["state"], run["missed"]) == ("missed", {"first": due - 200, "last": due, "count": 3})
    assert worker.ask(job, due).json()["reason"] == "over"
    found = server.store.read(lambda unit: unit.get(Kind.JOB, EVERYTHING, job))
    assert found is not None
    latest = server.store.read(lambda unit: run_upkeep.latest(unit, [found])[found.id])
    assert latest is not None
    assert latest.id == run["run_id"]
