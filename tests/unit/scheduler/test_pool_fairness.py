"""One project's runs do not keep back another's, whatever is due."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.scheduler.agenda import Agenda
from freezer.scheduler.contract import Wanted
from freezer.scheduler.pool.turns import Turns

_BEGIN = 1_800_000_000


def _job(project: str, number: int, due: int = _BEGIN) -> dict[str, Any]:
    """A job that is due once."""
    made = {"time_created": due, "time_started": -1, "time_ended": -1, "status": "scheduled"}
    return {"job_id": f"{project}-{number}", "project_id": project, "job_schedule": made, "job_actions": []}


def _agenda(*jobs: dict[str, Any]) -> Agenda:
    agenda = Agenda({}, Turns())
    for job in jobs:
        agenda.put(job, _BEGIN)
    return agenda


def _next(agenda: Agenda, now: float) -> str:
    """The project of the run that begins next."""
    found = agenda.take(now)
    assert found is not None
    assert isinstance(found.wanted, Wanted)
    agenda.begun(found.wanted, now)
    return str(found.job["project_id"])


def test_a_tenant_with_one_run_waits_for_one_of_the_tenant_with_ten_thousand() -> None:
    agenda = _agenda(*(_job("big", number) for number in range(10_000)), _job("small", 0, _BEGIN + 60))
    assert "small" in [_next(agenda, _BEGIN + 61) for _ in range(2)]


def test_a_tenant_whose_runs_last_long_does_not_get_every_worker_that_becomes_free() -> None:
    jobs = [_job("long", number) for number in range(100)]
    agenda = _agenda(*jobs)
    assert [_next(agenda, _BEGIN + 1) for _ in range(8)] == ["long"] * 8  # all workers of this machine
    agenda.put(_job("late", 0, _BEGIN + 3600), _BEGIN + 3600)
    agenda.ended("long-0", _BEGIN + 3601)
    assert _next(agenda, _BEGIN + 3601) == "late"
    agenda.ended("long-1", _BEGIN + 3602)
    assert _next(agenda, _BEGIN + 3602) == "long"


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=2), st.integers(1, 8))
def test_no_project_begins_a_second_run_while_another_waits_for_its_first(counts: dict[str, int], workers: int) -> None:
    agenda = _agenda(*(_job(project, number) for project, count in counts.items() for number in range(count)))
    begun: list[str] = []
    under_way: list[tuple[str, str]] = []
    while len(begun) < sum(counts.values()):
        if len(under_way) == workers:
            agenda.ended(under_way.pop(0)[0], _BEGIN + 1)
        found = agenda.take(_BEGIN + 1)
        assert found is not None
        assert found.wanted is not None
        agenda.begun(found.wanted, _BEGIN + 1)
        under_way.append((found.wanted.job_id, str(found.job["project_id"])))
        begun.append(str(found.job["project_id"]))
    assert set(begun[: len(counts)]) == set(counts)
