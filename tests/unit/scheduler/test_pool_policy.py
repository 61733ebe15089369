"""What an agent is told of the rules for other projects, and looks at once more."""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.clock import SystemClock
from freezer.model.actions import read_freezer_action
from freezer.model.central import CINDER_NATIVE, CentralPolicy
from freezer.model.runs import Fence
from freezer.scheduler.pool.assembly import Central
from freezer.scheduler.pool.executor import CentralExecutor, nobody
from freezer.stint.brief import Brief
from freezer.stint.policy import Policy

_RULES = CentralPolicy("service", CINDER_NATIVE, frozenset({"path_to_backup"}))
_CENTRAL = Central(lambda: _RULES, lambda _job: {}, nobody)
_VOLUME = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}


def _told(project: str, node: Policy = Policy()) -> Policy:  # noqa: B008  it is frozen
    """The policy that stands in the run directory of a project's job, as its agent reads it there."""
    policy = _CENTRAL.policy_of(node, {"job_id": "j", "project_id": project})
    brief = Brief("r", 0, Fence(1, 1), 0, policy=policy)
    read = msgspec.json.decode(msgspec.json.encode(brief), type=Brief).policy
    assert read is not None
    return read


def _refusal(policy: Policy, **options: Any) -> str | None:
    return policy.refusal(read_freezer_action(options, ()))


def test_an_agent_of_a_tenants_job_does_what_is_meant_for_tenants_and_nothing_else() -> None:
    policy = _told("tenant")
    assert _refusal(policy, **_VOLUME) is None
    assert "log_file cannot be set" in str(_refusal(policy, **_VOLUME, log_file="/etc/cron.d/x"))
    assert "does not support mode: fs" in str(_refusal(policy, action="backup", path_to_backup="/etc"))


def test_an_agent_of_the_schedulers_own_project_may_name_its_machine() -> None:
    assert _refusal(_told("service"), **_VOLUME, log_file="/var/log/x") is None
    assert "does not support mode: fs" in str(_refusal(_told("service"), action="backup", path_to_backup="/etc"))


def test_the_policy_of_the_node_holds_as_well() -> None:
    policy = _told("tenant", Policy(actions=frozenset({"restore"})))
    assert "the action backup is not among those" in str(_refusal(policy, **_VOLUME))
    assert "is not among what may be executed" in str(_refusal(_told("service"), **_VOLUME, pre_command="id"))


def test_its_executor_keeps_to_the_same_rules() -> None:
    inner: Any = object()  # nobody asks it here
    assert isinstance(_CENTRAL.around(inner, SystemClock()), CentralExecutor)
