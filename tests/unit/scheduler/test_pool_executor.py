"""Jobs of other projects: refused, or executed in the name of their users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from freezer.errors import FreezerError, PermissionDenied, TransientError
from freezer.model.central import CINDER_NATIVE, CentralPolicy
from freezer.model.runs import Fence
from freezer.scheduler.contract import Document, Hold, Office, Order, Orders, Outcome, Wanted
from freezer.scheduler.pool.executor import CentralExecutor, nobody
from freezer.testing.clock import FakeClock

_POLICY = CentralPolicy("service", CINDER_NATIVE)
_VOLUME = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}


class Inner:
    """Executes anything."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        self.executed.append(hold.wanted.job_id)
        return Outcome("success", 0)

    def forget(self, run_id: str) -> None:
        """Nothing is kept."""

    def runs(self) -> frozenset[str]:
        return frozenset()


class Told:
    """Orders that come after so many looks."""

    def __init__(self, clock: FakeClock, order: Order = "", after: int = 0) -> None:
        self._clock = clock
        self._order = order
        self._after = after

    def present(self) -> Order:
        return self._order if self._after <= 0 else ""

    def wait(self, seconds: float) -> Order:
        self._clock.sleep(seconds)
        self._after -= 1
        return self.present()

    def until(self) -> float:
        return float("inf")


class Users:
    """Lets agents act, once ``problems`` are through."""

    def __init__(self, *problems: FreezerError) -> None:
        self.problems = list(problems)
        self.now = 0

    @contextmanager
    def acting(self, _job: Document, /) -> Iterator[None]:
        if self.problems:
            raise self.problems.pop(0)
        self.now += 1
        yield
        self.now -= 1


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _hold(action: Mapping[str, Any] = _VOLUME, project: str = "tenant") -> Hold:
    job = {"job_id": "j", "project_id": project, "job_actions": [{"freezer_action": action}]}
    return Hold(Wanted(job, "schedule", 1), Fence(1, 1), float("inf"))


def _execute(executor: CentralExecutor, hold: Hold, orders: Orders) -> Outcome | None:
    office: Any = None  # nobody asks it here
    return executor.execute(hold, office, orders)


def test_a_job_is_executed_while_somebody_acts_for_its_user(clock: FakeClock) -> None:
    users, inner = Users(), Inner()
    outcome = _execute(CentralExecutor(inner, lambda: _POLICY, users.acting, clock), _hold(), Told(clock))
    assert outcome == Outcome("success", 0)
    assert (inner.executed, users.now) == (["j"], 0)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"action": "backup", "path_to_backup": "/etc"}, "action 0: this scheduler does not support mode: fs"),
        ({**_VOLUME, "log_file": "/etc/cron.d/x"}, "action 0: log_file cannot be set for a client that serves"),
        ({"action": "exec", "command": "id"}, "action 0: this scheduler does not support action: exec"),
        ({**_VOLUME, "mode ": "fs"}, "action 0: mode is given twice"),
    ],
)
def test_p4_p9_what_nobody_may_ask_of_the_machine_fails_before_an_agent_exists(
    clock: FakeClock, action: Mapping[str, Any], said: str
) -> None:
    inner = Inner()
    outcome = _execute(CentralExecutor(inner, lambda: _POLICY, nobody, clock), _hold(action), Told(clock))
    assert outcome is not None
    assert outcome.state == "failed"
    assert str(outcome.error).startswith(said)
    assert inner.executed == []


def test_a_run_whose_user_took_the_trust_back_fails_with_the_reason(clock: FakeClock) -> None:
    inner, users = Inner(), Users(PermissionDenied("Keystone knows no trust of alice"))
    outcome = _execute(CentralExecutor(inner, lambda: _POLICY, users.acting, clock), _hold(), Told(clock))
    assert outcome == Outcome("failed", None, "Keystone knows no trust of alice")
    assert inner.executed == []


def test_a_run_waits_for_keystone(clock: FakeClock) -> None:
    inner, users = Inner(), Users(*(TransientError("away") for _ in range(12)))
    assert _execute(CentralExecutor(inner, lambda: _POLICY, users.acting, clock), _hold(), Told(clock)) == Outcome(
        "success", 0
    )


def test_but_not_for_ever(clock: FakeClock) -> None:
    inner, users = Inner(), Users(*(TransientError("away") for _ in range(1000)))
    begun = clock.monotonic()
    outcome = _execute(CentralExecutor(inner, lambda: _POLICY, users.acting, clock), _hold(), Told(clock))
    assert outcome == Outcome("failed", None, "away")
    assert 900 <= clock.monotonic() - begun <= 1000


@pytest.mark.parametrize(("order", "expected"), [("abort", Outcome("aborted")), ("lost", None), ("leave", None)])
def test_p8_what_waits_for_keystone_can_be_aborted_and_left(
    clock: FakeClock, order: Order, expected: Outcome | None
) -> None:
    inner, users = Inner(), Users(*(TransientError("away") for _ in range(1000)))
    executor = CentralExecutor(inner, lambda: _POLICY, users.acting, clock)
    assert _execute(executor, _hold(), Told(clock, order, after=3)) == expected
    assert inner.executed == []
