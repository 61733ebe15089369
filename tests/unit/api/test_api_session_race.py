"""Many schedulers report to one session at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from support.api import DATABASES
from support.people import person
from support.sweeps import Trials

_JOBS = 16


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATABASES)
def test_a5_no_report_is_lost_and_every_round_comes_to_its_end(kind: str, trials: Trials) -> None:
    rounds = trials(4, 50)
    alice = person(kind=kind)
    alice.client()
    jobs = [alice.job() for _ in range(_JOBS)]
    session = alice.made("/sessions", {"schedule": {}, "hold_off": 3600})["session_id"]
    for job in jobs:
        assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204

    def act(verb: str, job: str, tag: int, **more: Any) -> Any:
        document = {verb: {"job_id": job, "current_tag": tag, **more}}
        answer = alice.send("POST", f"/sessions/{session}/action", document)
        assert answer.status == 202, answer
        return answer.json()

    for number in range(rounds):
        # The hold-off is over: the next start begins a round.
        assert alice.send("PATCH", f"/sessions/{session}", {"hold_off": 0}).status == 200
        first = act("start", jobs[0], number)
        while first["result"] == "hold-off":
            first = act("start", jobs[0], number)
        assert first == {"result": "success", "session_tag": number + 1}
        assert alice.send("PATCH", f"/sessions/{session}", {"hold_off": 3600}).status == 200
        _at_once([partial(act, "start", job, number) for job in jobs[1:]])
        running = alice.get(f"/sessions/{session}")["jobs"].values()
        assert [each["status"] for each in running] == ["running"] * _JOBS
        _at_once([partial(act, "end", job, number + 1, result="success") for job in jobs])
        found = alice.get(f"/sessions/{session}")
        assert (found["status"], found["result"], found["session_tag"]) == ("completed", "success", number + 1)


def _at_once(calls: list[Callable[[], Any]]) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        start.wait()
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
