"""Rules: the original's names and file, and ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.api.policy import RULES, Policy
from freezer.api.refusals import Refusal
from freezer.api.scope import Identity
from freezer.testing.clock import FakeClock


def _who(*roles: str, project: str = "p") -> Identity:
    return Identity("u", project, frozenset(roles))


def test_an_operators_file_replaces_single_rules_and_is_seen_after_a_while(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("{}\n")
    clock = FakeClock()
    policy = Policy(clock, policy_file=str(file))
    assert policy.allows("jobs:create", _who("member"), "p")
    file.write_text('"jobs:create": "role:boss"\n')
    clock.advance(6)
    assert not policy.allows("jobs:create", _who("member"), "p")
    assert policy.allows("jobs:create", _who("boss"), "p")
    assert policy.allows("jobs:update", _who("member"), "p")


def test_a_refusal_is_a_403(tmp_path: Path) -> None:
    policy = Policy(FakeClock(), policy_file=str(tmp_path / "none.yaml"))
    with pytest.raises(Refusal) as caught:
        policy.check("jobs:create", _who("member", project="q"), "p")
    assert caught.value.status == 403


def test_nobody_without_a_role_and_no_member_of_another_project_passes_a_rule(tmp_path: Path) -> None:
    policy = Policy(FakeClock(), policy_file=str(tmp_path / "none.yaml"))
    for rule in (name for name, _ in RULES if not name.startswith("v1:")):
        assert not policy.allows(rule, _who(), "p"), rule
        assert not policy.allows(rule, _who("member", "reader", project="q"), "p"), rule
        assert not policy.allows(rule, Identity("u", "", frozenset({"member"})), ""), rule
        assert policy.allows(rule, _who("admin", project="q"), "p"), rule


_ORIGINAL = {
    *(
        f"{kind}:{verb}"
        for kind in ("clients", "actions", "jobs", "sessions", "backups")
        for verb in ("get", "get_all")
    ),
    *(
        f"{kind}:{verb}"
        for kind in ("clients", "actions", "jobs", "sessions", "backups")
        for verb in ("create", "delete")
    ),
    *(f"{kind}:update" for kind in ("actions", "jobs", "sessions", "backups")),
    *("actions:replace", "sessions:replace", "sessions:action:create", "sessions:job:add", "sessions:job:remove"),
    *("jobs:event:create", "clients:create_central", "jobs:get_all_projects"),
}


def test_every_rule_of_the_originals_can_be_replaced_by_its_name(tmp_path: Path) -> None:
    assert {name for name, _ in RULES} >= _ORIGINAL
    file = tmp_path / "policy.yaml"
    rules = "".join(f'"{name}": "rule:context_is_admin or role:backup_operator"\n' for name in sorted(_ORIGINAL))
    file.write_text(rules)
    policy = Policy(FakeClock(), policy_file=str(file))
    for name in _ORIGINAL:
        assert policy.allows(name, _who("backup_operator", project="q"), "p"), name
        assert not policy.allows(name, _who("member"), "p"), name


def test_a_node_passes_only_the_rules_of_its_own_work(tmp_path: Path) -> None:
    policy = Policy(FakeClock(), policy_file=str(tmp_path / "none.yaml"))
    allowed = {name for name, _ in RULES if not name.startswith("v1:") and policy.allows(name, _who("node"), "p")}
    for name in allowed:
        assert not policy.allows(name, _who("node", project="q"), "p"), name
    assert not {each for each in allowed if each.endswith((":delete", "event:create", "replace", "key:create"))}
    assert {"jobs:get", "jobs:update", "backups:create"} <= allowed
    assert not {"jobs:create", "actions:get", "sessions:get", "audit:get", "quotas:update"} & allowed
