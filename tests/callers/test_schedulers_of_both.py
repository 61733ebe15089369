"""Our scheduler at the original's API 19.0.0, the original's scheduler 19.0.0 at ours, and both at ours at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schedulers
from originals import Somebody
from schedulers import Watcher, ours, serving_upstream, theirs, wait

from servers import keystone
from support.fetching import fetched

DAILY = {"schedule_interval": "1 days"}


@pytest.fixture(scope="module")
def upstream_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    """The original's API 19.0.0."""
    bin = fetched("freezer-api 19.0.0", schedulers.upstream_api)
    with serving_upstream(bin, tmp_path_factory.mktemp("upstream")) as url:
        yield Watcher(url, {})


@pytest.fixture(scope="module")
def our_api(about: Mapping[str, Any], keystone_user: Callable[[str], Somebody]) -> Watcher:
    """Ours, behind Keystone."""
    token = keystone.Admin(about["auth_url"]).token("demo", "demo", "demo")
    return Watcher(f"{about['url']}/v2/{keystone_user('demo').project}", {"X_Auth_Token": token})


def _backup(folder: Path, name: str) -> dict[str, object]:
    (folder / "source").mkdir(exist_ok=True)
    (folder / "source" / "file").write_text("what must come back")
    return {"action": "backup", "mode": "fs", "backup_name": name, "storage": "local", "hostname": "here",
            "container": str(folder / "container"), "path_to_backup": str(folder / "source")}  # fmt: skip


def _obeys(api: Watcher, client: str, folder: Path, log: Callable[[], str]) -> None:
    """A scheduler registers, runs a job at once, obeys events, and reports backups."""
    wait(lambda: api.is_known(client), True, log)
    once = api.job(client, _backup(folder, f"{client}-once"))
    daily = api.job(client, _backup(folder, f"{client}-daily"), **DAILY)
    wait(lambda: api.state(once)[:2], ("completed", "success"), log)
    wait(lambda: api.state(daily)[0], "scheduled", log)
    wait(lambda: api.backed_up(f"{client}-once"), [str(folder / "source")], log)  # told beside the state of the job
    started = api.schedule(once)["time_started"]
    time.sleep(1.1)  # times are whole seconds
    api.ask(once, "start")
    wait(lambda: (api.schedule(once)["time_started"] > started, api.state(once)[0]), (True, "completed"), log)
    assert api.state(once) == ("completed", "success", "")
    api.ask(daily, "stop")
    wait(lambda: api.standing(daily), ("stop", ""), log)
    assert api.schedule(daily)["schedule_interval"] == "1 days"


def _in_session(api: Watcher, client: str, folder: Path, log: Callable[[], str]) -> None:
    """Two jobs of a session run, and the session knows."""
    session = api.made("/sessions", {"schedule": {}, "hold_off": 30})["session_id"]
    jobs = [api.job(client, _backup(folder, f"{client}-{n}"), **DAILY) for n in range(2)]
    for job in jobs:
        assert api.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    wait(lambda: api.get(f"/sessions/{session}")["status"], "completed", log)
    found = api.get(f"/sessions/{session}")
    assert (found["result"], found["session_tag"]) == ("success", 1)


def test_ours_does_at_the_original_s_api_what_the_original_s_does(
    upstream_api: Watcher, unique: str, tmp_path: Path
) -> None:
    env = {"OS_BACKUP_URL": upstream_api.base, "OS_AUTH_TYPE": "none"}
    with ours(env, unique, tmp_path) as log:
        _obeys(upstream_api, unique, tmp_path, log)
    with ours(env, unique, tmp_path) as log:  # what has run does not run again
        daily = upstream_api.job(unique, _backup(tmp_path, "after"), **DAILY)
        wait(lambda: upstream_api.state(daily)[0], "scheduled", log)
        _in_session(upstream_api, unique, tmp_path, log)
        wait(lambda: upstream_api.backed_up(f"{unique}-once"), [str(tmp_path / "source")] * 2, log)


def test_the_scheduler_of_19_0_0_works_at_our_api(
    our_api: Watcher, keystone_user: Callable[[str], Somebody], unique: str, tmp_path: Path
) -> None:
    bin = fetched("freezer 19.0.0", schedulers.upstream)
    with theirs(bin, keystone_user("demo").env, unique, tmp_path) as log:
        _obeys(our_api, unique, tmp_path, log)
        _in_session(our_api, unique, tmp_path, log)
    runs = our_api.get("/runs", {"match": [{"client_id": unique}]})["runs"]
    assert {each["kind"] for each in runs} == {"legacy"}


def test_both_work_for_their_clients_at_one_api_and_nothing_of_200_edits_and_events_is_lost(
    our_api: Watcher, keystone_user: Callable[[str], Somebody], unique: str, tmp_path: Path
) -> None:
    bin = fetched("freezer 19.0.0", schedulers.upstream)
    env = keystone_user("demo").env
    names = {"ours": f"{unique}a", "theirs": f"{unique}b"}
    with theirs(bin, env, names["theirs"], tmp_path) as their_log, ours(env, names["ours"], tmp_path) as our_log:
        for name in names.values():
            wait(partial(our_api.is_known, name), True, their_log, our_log)
        jobs = {
            our_api.job(name, _backup(tmp_path, name), **DAILY): f"{kind} {number}"
            for kind, name in names.items()
            for number in range(5)
        }
        all_stand = partial(wait, lambda: {name: our_api.standing(job) for job, name in jobs.items()})
        all_stand(dict.fromkeys(jobs.values(), ("scheduled", "")), their_log, our_log)
        for number in range(20):
            for job in jobs:
                if number % 5 == 4:
                    our_api.ask(job, "start" if number % 10 == 4 else "stop")
                else:
                    change = {"description": f"{number}", "job_schedule": {"schedule_interval": f"{number + 1} days"}}
                    assert our_api.send("PATCH", f"/jobs/{job}", change).status == 200
            time.sleep(0.1)  # so that their reports, a second apart, fall between
        all_stand(dict.fromkeys(jobs.values(), ("stop", "")), their_log, our_log)
    for job in jobs:
        found = our_api.get(f"/jobs/{job}")
        assert (found["description"], found["job_schedule"]["schedule_interval"]) == ("18", "19 days")
    kinds = {name: our_api.get(f"/clients/{name}").get("scheduler") for name in names.values()}
    assert kinds == {names["ours"]: "leasing", names["theirs"]: None}


def test_two_of_ours_go_through_a_round_with_a_barrier_as_programs(
    our_api: Watcher, keystone_user: Callable[[str], Somebody], unique: str, tmp_path: Path
) -> None:
    env, names = keystone_user("demo").env, (f"{unique}a", f"{unique}b")
    for name in names:
        our_api.made("/clients", {"client_id": name, "hostname": name})
    jobs = [our_api.job(name, {**_backup(tmp_path, name), "hostname": name}) for name in names]
    session = our_api.made("/sessions", {"schedule": {}, "hold_off": 60, "barrier": 300})["session_id"]
    for job in jobs:
        assert our_api.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    with ours(env, names[0], tmp_path) as first, ours(env, names[1], tmp_path) as second:

        def said() -> str:
            return f"{our_api.get(f'/sessions/{session}')}\n{first()}\n{second()}"

        wait(lambda: our_api.get(f"/sessions/{session}")["status"], "completed", said)
        found = our_api.get(f"/sessions/{session}")
        assert (found["result"], found["session_tag"], found["round"]["state"]) == ("success", 1, "released"), said()
    runs = [our_api.get("/runs", {"match": [{"job_id": job}]})["runs"] for job in jobs]
    assert [(each["cause"], each["state"]) for found in runs for each in found] == [("session", "success")] * 2
    assert {each["scheduler"] for name in names for each in [our_api.get(f"/clients/{name}")]} == {"leasing"}
