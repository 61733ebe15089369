"""Jobs of sessions at a scheduler: what becomes of a run that is due, and of word from agents at a barrier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from freezer.client.sessions import Told
from freezer.clock import SystemClock
from freezer.errors import ApiInvalid, ApiUnavailable
from freezer.scheduler.contract import Document, Refused, Wanted
from freezer.scheduler.sessions.attending import Attendant
from freezer.scheduler.sessions.office import SessionOffice
from freezer.stint.barrier import Decision, FolderBarrier, decide, decision
from support.offices import Node, node

_HOURLY = {"schedule_interval": "1 hours", "schedule_start_date": "2026-01-01T00:00:00"}


@pytest.fixture
def home(tmp_path: Path):
    with node(tmp_path) as made:
        yield made


@dataclass
class Member:
    """A job in a session of one, and the office that its scheduler has."""

    home: Node
    session: str
    job: Document
    office: SessionOffice

    def wanted(self, due: int) -> Wanted:
        return Wanted(self.job, "schedule", due)


def _member(home: Node, **session: object) -> Member:
    id = home.person.made("/sessions", {"schedule": _HOURLY, **session})["session_id"]
    job = home.person.job(job_schedule=_HOURLY)
    assert home.person.send("PUT", f"/sessions/{id}/jobs/{job}").status == 204
    office = SessionOffice(home.office(offline=False), lambda _: home.api, home.clock)
    return Member(home, id, home.api.jobs.get(job), office)


_DUE = 1_795_255_200


def test_h15_a_due_run_becomes_one_of_the_round_and_the_same_again_after_a_crash(home: Node) -> None:
    member = _member(home, barrier=90)
    hold = member.office.take(member.wanted(_DUE))
    assert (hold.wanted.cause, hold.wanted.number, hold.barrier) == ("session", 1, 90)
    assert home.run(hold)["session_id"] == member.session
    again = member.office.take(member.wanted(_DUE))
    assert (again.wanted.run_id, again.barrier) == (hold.wanted.run_id, 90)
    other = member.office.take(again.wanted, after=again.fence)
    assert (other.wanted.number, other.barrier) == (1, 90)
    assert other.fence > again.fence
    assert home.api.sessions.get(member.session)["session_tag"] == 1


def test_an_instant_whose_round_is_over_is_over(home: Node) -> None:
    member = _member(home)
    member.office.take(member.wanted(_DUE + 3600))
    with pytest.raises(Refused) as refused:
        member.office.take(member.wanted(_DUE))
    assert refused.value.reason == "over"


def test_a_paused_job_begins_no_round(home: Node) -> None:
    member = _member(home)
    home.person.send("PUT", f"/pauses/jobs/{member.job['job_id']}")
    with pytest.raises(Refused) as refused:
        member.office.take(member.wanted(_DUE))
    assert refused.value.reason == "paused"
    assert home.api.sessions.get(member.session)["session_tag"] == 0


def test_a_job_that_was_taken_out_of_its_session_runs_by_itself(home: Node) -> None:
    member = _member(home)
    home.api.sessions.remove_job(member.session, str(member.job["job_id"]))
    once = {"job_schedule": dict.fromkeys(_HOURLY)}
    assert home.person.send("PATCH", f"/jobs/{member.job['job_id']}", once).status == 200
    hold = member.office.take(member.wanted(member.job["job_schedule"]["time_created"]))
    assert (hold.wanted.cause, hold.barrier) == ("schedule", 0)


def test_an_event_starts_a_round(home: Node) -> None:
    member = _member(home)
    home.api.jobs.start(str(member.job["job_id"]))
    job = home.api.jobs.get(str(member.job["job_id"]))
    hold = member.office.take(Wanted(job, "event", int(job["event_number"])))
    assert hold.wanted.cause == "session"
    assert home.api.jobs.get(str(member.job["job_id"]))["job_schedule"]["event"] == ""


@dataclass
class Agent:
    """The run directory of one, and what is answered for it."""

    folder: Path
    answer: Told | Exception

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.barrier = FolderBarrier(str(self.folder), 60.0)
        self.told: list[tuple[str, str]] = []

    def say(self, phase: str, age: float, attempt: str) -> Told:
        assert 0 <= age < 60
        self.told.append((phase, attempt))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def attendant(self) -> Attendant:
        return Attendant(lambda: {"0.1.1.0": str(self.folder)}, self.say, SystemClock())


def test_what_the_api_decides_is_carried_to_the_agent_and_said_no_more(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "stint", Told("preparing", 1, again=0.7))
    attendant = agent.attendant()
    attendant.look()
    assert agent.told == []
    agent.barrier.ready(SystemClock().boottime())
    assert attendant.look() == 0.7
    assert agent.barrier.answer() is None
    agent.answer = Told("released", 1)
    attendant.look()
    attendant.look()
    assert (agent.barrier.answer(), agent.told) == ("", [("ready", "0.1.1.0")] * 2)
    agent.barrier.gone(SystemClock().boottime(), late=False)
    attendant.look()
    attendant.look()
    assert agent.told[2:] == [("passed", "0.1.1.0")]


@pytest.mark.parametrize("answer", [Told("broken", 1, reason="job j ended"), ApiInvalid("job j ended")])
def test_a_barrier_that_is_broken_or_unknown_is_told_with_the_reason(tmp_path: Path, answer: Told | Exception) -> None:
    agent = Agent(tmp_path / "stint", answer)
    agent.barrier.ready(SystemClock().boottime())
    agent.attendant().look()
    assert agent.barrier.answer() == "job j ended"


def test_while_the_api_is_away_it_is_asked_again_and_the_agent_hears_nothing(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "stint", ApiUnavailable("away"))
    agent.barrier.ready(SystemClock().boottime())
    attendant = agent.attendant()
    attendant.look()
    assert decision(str(agent.folder)) is None
    agent.barrier.gone(SystemClock().boottime(), late=True)
    attendant.look()
    agent.answer = Told("broken", 1)
    attendant.look()
    assert agent.told == [("ready", "0.1.1.0"), ("late", "0.1.1.0"), ("late", "0.1.1.0")]


def test_after_a_restart_the_attendant_goes_on_with_what_was_decided(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "stint", Told("released", 1))
    agent.barrier.ready(SystemClock().boottime())
    decide(str(agent.folder), Decision())
    agent.attendant().look()
    assert agent.told == []
