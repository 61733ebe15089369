"""The API as the office of a scheduler: leases, what is told, and runs that begin while it is away."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from freezer.errors import ApiDenied
from freezer.model.inventory import Holding, Place, StoredBackup
from freezer.model.run_reports import ActionResult, Failure, Progress
from freezer.model.runs import Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Refused, Told
from support.offices import Node, node


@pytest.fixture(scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def home(_home: Node) -> Node:
    _home.line.away, _home.line.lost = False, 0
    _home.line.paths.clear()
    _home.clock.advance(60)
    return _home


_DONE = Told(state="success", exit_code=0)


def _backup(name: str) -> dict[str, object]:
    return {"backup_name": name, "container": "c", "hostname": "h", "time_stamp": 1_700_000_000, "level": 0}


def test_a_run_is_held_told_of_and_ended(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    assert (hold.offline, hold.fence.number, hold.until) == (False, 1, home.clock.boottime() + 60)
    office.tell(hold, Told(actions={0: ActionResult(state="running")}))
    office.log(hold, "begins\n")
    office.tell(hold, Told(progress=Progress(phase="backup")))
    office.backup(hold, _backup("one"))
    office.log(hold, "ends\n")
    run = home.run(hold)
    assert (run["state"], run["actions"]) == ("running", {})
    office.tell(hold, Told(state="partial", exit_code=3, failures=[Failure("/x\0", "odd \ud800")]))
    # The end, and what was told before it, at once: nobody is to take the run over meanwhile.
    run = home.run(hold)
    assert (run["state"], run["exit_code"], run["actions"]["0"]["state"]) == ("partial", 3, "running")
    assert (run["progress"]["phase"], len(run["backups"])) == ("backup", 1)
    assert run["failures"] == [{"path": "/x\ufffd", "reason": "odd ?"}]
    assert home.log_of(hold) == "begins\nends\n"


def test_whatever_answers_get_lost_everything_is_told_once_and_in_order(home: Node) -> None:
    office = home.office()
    home.line.lost = 1
    hold = office.take(home.wanted())
    for number in range(5):
        office.log(hold, f"{number}\n")
        office.tell(hold, Told(failures=[Failure(str(number), "r")]))
    office.backup(hold, _backup("lost"))
    office.tell(hold, _DONE)
    while True:
        home.line.lost = 2
        if not office.delivery.deliver():
            break
    run = home.run(hold)
    assert home.log_of(hold) == "0\n1\n2\n3\n4\n"
    assert [each["path"] for each in run["failures"]] == ["0", "1", "2", "3", "4"]
    assert (run["state"], len(run["backups"]), run["fence"]) == ("success", 1, 1)


def test_what_was_told_outlives_the_scheduler(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    home.line.away = True
    office.log(hold, "before\n")
    office.tell(hold, _DONE)
    assert office.delivery.deliver()
    home.line.away = False
    assert not home.office().delivery.deliver()
    assert (home.run(hold)["state"], home.log_of(hold)) == ("success", "before\n")


def test_a_stale_fence_loses_the_state_of_its_run_but_never_its_backup(home: Node) -> None:
    mine, other = home.office("node/1"), home.office("node/2")
    hold = mine.take(home.wanted())
    home.place.lapse(home.run(hold))
    taken = other.take(hold.wanted)
    assert mine.renew(hold)[1] == "lost"
    mine.tell(hold, Told(state="failed", error="lost"))
    mine.log(hold, "late\n")
    mine.backup(hold, _backup("late"))
    assert not mine.delivery.deliver()
    run = home.run(hold)
    assert (run["state"], run["fence"], len(run["backups"])) == ("running", 2, 1)
    assert run["superseded"][0]["state"] == "failed"
    other.tell(taken, _DONE)
    assert not other.delivery.deliver()
    assert home.run(hold)["state"] == "success"


def test_what_was_verified_and_removed_is_kept_with_the_backups_whoever_holds_the_run(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    for name in ("good", "bad", "old"):
        office.backup(hold, _backup(name))
    ids = {name: f"c_h_{name}_1700000000_0" for name in ("good", "bad", "old")}
    office.tell(hold, _DONE)
    failed = ((ids["bad"], "its data is gone"), ("c_h_nobody-knows_1_0", "odd"))
    office.upkeep(hold, Upkeep(way="drill", passed=(ids["good"],), failed=failed, removed=(ids["old"],)))
    home.line.lost = 2
    while office.delivery.deliver():
        pass
    good, bad, old = (home.api.backups.get(id) for id in ids.values())
    assert (good["verified"], bad["verified"], old["status"]) == ("passed", "failed", "gone")
    (told,) = bad["verifications"]
    assert (told["kind"], told["by"], told["detail"]) == ("drill", "node", "its data is gone")
    assert len(good["verifications"]) == 1


def test_the_records_agree_with_what_a_place_holds_but_for_the_newest(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    for name, made in (("kept", 1_700_000_000), ("lost", 1_700_000_000), ("new", int(home.clock.now()))):
        office.backup(hold, {**_backup(name), "container": "shelf", "time_stamp": made})
    rows = [StoredBackup(name=f"h_{name}", time=1_700_000_000) for name in ("kept", "unknown")]
    place = Place(storage="local", container="shelf", hostname="h")
    office.upkeep(hold, Upkeep(held=(Holding(place=place, backups=tuple(rows), at=home.clock.now()),)))
    while office.delivery.deliver():
        pass
    found = [each for each in home.api.backups.each() if each["backup_metadata"]["container"] == "shelf"]
    assert {each["backup_metadata"]["backup_name"]: each["status"] for each in found} == {
        "kept": "available", "lost": "gone", "new": "available", "unknown": "available",
    }  # fmt: skip


def test_whoever_may_not_tell_what_a_place_holds_tells_the_rest(home: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ApiDenied("a node may not", status=403)

    monkeypatch.setattr(home.api.inventory, "reconcile", refuse)
    office = home.office()
    hold = office.take(home.wanted())
    held = Holding(place=Place(storage="swift", container="c"), backups=(), at=1.0)
    office.upkeep(hold, Upkeep(held=(held,)))
    office.tell(hold, _DONE)
    assert not office.delivery.deliver()
    assert home.run(hold)["state"] == "success"


def test_what_earlier_tries_told_of_actions_comes_with_the_hold(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    office.tell(hold, Told(actions={0: ActionResult(state="success", exit_code=0)}))
    again = office.take(hold.wanted, after=hold.fence)
    assert again.done == {0: ActionResult(state="success", exit_code=0)}
    assert again.fence.number == 2


def test_a_run_that_is_given_back_may_be_taken_again_at_once_if_it_says_so(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    office.tell(hold, Told(state="waiting", retry_after=0))
    assert office.take(hold.wanted).fence.number == 2


@pytest.mark.parametrize("event", ["stop", "abort"])
def test_who_renews_hears_what_is_asked_of_the_job(home: Node, event: str) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    assert office.renew(hold)[1] == ""
    home.person.send("POST", f"/jobs/{hold.wanted.job_id}/event", {event: None})
    home.clock.advance(20)
    longer, order = office.renew(hold)
    assert (order, longer.until) == (event, home.clock.boottime() + 60)
    office.tell(hold, Told(state="aborted"))
    office.delivery.deliver()
    schedule = home.api.jobs.get(hold.wanted.job_id)["job_schedule"]
    assert (schedule["event"], schedule["status"]) == ("", "stop" if event == "stop" else "completed")


def test_refusals_say_why(home: Node) -> None:
    mine, other = home.office("node/1"), home.office("node/2")
    hold = mine.take(home.wanted())
    with pytest.raises(Refused, match="is held by node/1") as caught:
        other.take(hold.wanted)
    assert caught.value.reason == "held"
    mine.tell(hold, _DONE)
    mine.delivery.deliver()
    with pytest.raises(Refused) as caught:
        other.take(hold.wanted)
    assert caught.value.reason == "over"
    home.api.operations.pause("job", job := home.job()["job_id"])
    with pytest.raises(Refused) as caught:
        mine.take(home.wanted(home.api.jobs.get(job)))
    assert caught.value.reason == "paused"
    home.api.jobs.delete(job)
    with pytest.raises(Refused, match="Job not found") as caught:
        mine.take(home.wanted({**home.job(), "job_id": job}))
    assert caught.value.reason == "unknown"


def test_a_run_that_begins_while_the_api_is_away_is_known_to_it_afterwards(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    home.line.away = True
    hold = office.take(wanted)
    assert (hold.offline, hold.fence) == (True, Fence(0, 1))
    for minute in range(60):
        home.clock.advance(60)
        hold, order = office.renew(hold)
        assert (order, hold.until) == ("", home.clock.boottime() + 60)
        office.log(hold, f"minute {minute}\n")
        office.tell(hold, Told(progress=Progress(done_bytes=minute)))
        assert office.delivery.deliver()
    office.backup(hold, _backup("offline"))
    office.tell(hold, _DONE)
    home.line.away = False
    assert not office.delivery.deliver()
    run = home.run(hold)
    assert (run["run_id"], run["state"], run["fence"], run["offline"]) == (wanted.run_id, "success", 1, True)
    assert home.log_of(hold).count("\n") == 60
    assert len(run["backups"]) == 1
    assert home.outbox().waiting() == 0


def test_an_offline_run_that_goes_on_when_the_api_is_back_holds_its_lease(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    home.line.away = True
    hold = office.take(wanted)
    home.line.away = False
    home.clock.advance(60)
    office.delivery.deliver()
    home.person.send("POST", f"/jobs/{wanted.job_id}/event", {"abort": None})
    assert office.renew(hold)[1] == "abort"
    with pytest.raises(Refused) as caught:
        home.office("node/2").take(wanted)
    assert caught.value.reason == "held"
    office.tell(hold, Told(state="aborted"))
    assert not office.delivery.deliver()
    assert home.run(hold)["state"] == "aborted"


def test_a_second_try_of_an_offline_run_follows_the_first(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    home.line.away = True
    first = office.take(wanted)
    office.tell(first, Told(actions={0: ActionResult(state="success")}))
    second = home.office().take(wanted, after=first.fence)
    assert second.fence == Fence(0, 2)
    office.tell(second, _DONE)
    home.line.away = False
    assert not office.delivery.deliver()
    run = home.run(second)
    assert (run["state"], run["fence"], run["actions"]["0"]["state"]) == ("success", 2, "success")


def test_a_claim_whose_answer_was_lost_is_made_good_by_the_offline_run(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    home.line.lost = 4
    hold = office.take(wanted)
    assert hold.offline
    office.tell(hold, _DONE)
    assert office.delivery.deliver()  # the lease that nobody knew of is not over yet
    home.place.lapse(home.run(hold))
    assert not office.delivery.deliver()
    assert (home.run(hold)["state"], home.run(hold)["fence"]) == ("success", 2)


def test_of_two_schedulers_of_one_machine_one_executes_a_run_while_the_api_is_away(home: Node) -> None:
    mine, other, wanted = home.office("node/1"), home.office("node/2"), home.wanted()
    home.line.away = True
    mine.take(wanted)
    with pytest.raises(Refused, match="another scheduler of this machine") as caught:
        other.take(wanted)
    assert caught.value.reason == "held"


def test_an_offline_run_that_somebody_else_has_executed_meanwhile_is_lost(
    home: Node, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other, wanted = home.office("node/1"), home.office("node/2"), home.wanted()
    home.line.away = True
    hold = mine.take(wanted)
    home.line.away = False
    theirs = other.take(wanted)
    other.tell(theirs, _DONE)
    other.delivery.deliver()
    mine.backup(hold, _backup("also"))
    mine.tell(hold, Told(state="failed"))
    home.clock.advance(60)
    with caplog.at_level(logging.WARNING):
        assert not mine.delivery.deliver()
    assert "was executed while the API was away, and is not ours" in caplog.text
    assert mine.renew(hold)[1] == "lost"
    run = home.run(hold)
    assert (run["state"], len(run["backups"])) == ("success", 1)


def test_a_pool_begins_nothing_that_the_api_cannot_be_asked_for(home: Node) -> None:
    office, wanted = home.office(offline=False), home.wanted()
    home.line.away = True
    with pytest.raises(Refused, match="before the API can be asked") as caught:
        office.take(wanted)
    assert caught.value.reason == "away"


def test_while_the_api_is_known_to_be_away_runs_begin_without_asking_it(home: Node) -> None:
    office = home.office()
    wanted = [home.wanted() for _ in range(10)]
    home.line.away = True
    office.take(wanted[0])
    home.line.paths.clear()
    assert all(office.take(each).offline for each in wanted[1:])
    assert home.line.paths == []


def test_an_online_run_goes_on_while_the_api_is_away_and_ends_as_one_try(home: Node) -> None:
    office = home.office()
    hold = office.take(home.wanted())
    home.line.away = True
    home.clock.advance(3600)
    hold, order = office.renew(hold)
    assert (order, hold.until) == ("", home.clock.boottime() + 60)
    office.tell(hold, _DONE)
    home.line.away = False
    home.place.lapse(home.run(hold))
    assert not office.delivery.deliver()
    assert (home.run(hold)["state"], home.run(hold)["fence"]) == ("success", 1)


def test_a_job_that_rests_says_so_and_its_event_is_answered(home: Node) -> None:
    office, job = home.office(), home.job()
    office.noted(job, "scheduled")
    office.delivery.deliver()
    assert home.api.jobs.get(job["job_id"])["job_schedule"]["status"] == "scheduled"
    home.person.send("POST", f"/jobs/{job['job_id']}/event", {"stop": None})
    office.noted(job, "scheduled")  # has not heard of it yet
    office.delivery.deliver()
    seen = home.api.jobs.get(job["job_id"])
    assert seen["job_schedule"]["event"] == "stop"
    office.noted(seen, "completed")
    office.noted(seen, "stop")
    assert home.outbox().waiting() == 1
    office.delivery.deliver()
    schedule = home.api.jobs.get(job["job_id"])["job_schedule"]
    assert (schedule["status"], schedule["event"]) == ("stop", "")


def test_what_the_end_of_a_run_has_answered_is_not_answered_again(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    hold = office.take(wanted)
    home.person.send("POST", f"/jobs/{wanted.job_id}/event", {"abort": None})
    seen = home.api.jobs.get(wanted.job_id)
    office.tell(hold, Told(state="aborted"))
    answered = home.api.jobs.get(wanted.job_id)["job_schedule"]
    assert answered["event"] == ""
    office.noted(seen, "stop")
    office.delivery.deliver()
    assert home.api.jobs.get(wanted.job_id)["job_schedule"] == answered


def test_without_room_for_what_it_will_tell_no_run_begins(home: Node) -> None:
    office, wanted = home.office(), home.wanted()
    reserve = home.folder / "node-1.reserve"
    reserve.unlink(missing_ok=True)
    reserve.symlink_to("/dev/full")
    with pytest.raises(Refused, match="no room") as caught:
        office.take(wanted)
    assert caught.value.reason == "full"


def test_what_nobody_takes_does_not_keep_the_rest_from_being_told(home: Node, caplog: pytest.LogCaptureFixture) -> None:
    office = home.office()
    gone, hold = office.take(home.wanted()), office.take(home.wanted())
    office.backup(gone, {"status": "nonsense"})
    office.tell(gone, _DONE)
    office.tell(hold, _DONE)
    assert not office.delivery.deliver()
    assert "backup of" in caplog.text
    assert (home.run(gone)["state"], home.run(hold)["state"]) == ("success", "success")
