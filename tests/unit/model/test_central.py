"""What a scheduler that serves every project does for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DocumentError
from freezer.model.actions import read_freezer_action
from freezer.model.central import CINDER_NATIVE, CentralPolicy, capabilities
from freezer.model.clients import CAPABILITIES
from freezer.model.execution import tenants_options
from freezer.options.table import BY_NAME

_POLICY = CentralPolicy("service", CINDER_NATIVE)
_VOLUME = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}
_DANGEROUS = (
    "path_to_backup", "restore_abs_path", "log_file", "proxy", "insecure", "ssh_key", "ssh_host", "mysql_conf",
    "encrypt_pass_file", "osrc", "config", "command", "pre_command", "post_command", "on_failure", "probe",
)  # fmt: skip


def _refusal(policy: CentralPolicy = _POLICY, project: str = "tenant", **options: Any) -> str | None:
    return policy.refusal_of({"project_id": project, "job_actions": [{"freezer_action": options}]})


def test_a_volumes_backup_and_restore_are_done() -> None:
    assert _refusal(**_VOLUME) is None
    assert _refusal(action="restore", mode="cindernative", cindernative_vol_id="v", cindernative_backup_id="b") is None


@pytest.mark.parametrize(
    "action",
    [
        {"action": "backup", "path_to_backup": "/etc/freezer"},
        {"action": "backup", "path_to_backup": "/etc", "mode": None, "storage": None},
        {"action": "backup", "mode": None},
        {},
        {"mode": "cindernative"},
    ],
)
def test_p1_what_is_left_out_counts_as_what_the_agent_would_take(action: dict[str, Any]) -> None:
    assert _refusal(**action) is not None


@pytest.mark.parametrize("key", ["Mode", "MODE", "mode ", "mOdE"])
def test_p2_no_spelling_of_a_key_leads_around_the_check(key: str) -> None:
    refusal = _refusal(**_VOLUME, **{key: "fs"})
    assert refusal is not None
    assert "given twice" in refusal
    assert _refusal(action="backup", **{key: "fs"}) is not None


def test_p3_engines_are_checked_by_either_name() -> None:
    policy = CentralPolicy("service", {**CAPABILITIES, "supported_engines": ("rsync",)}, frozenset({"path_to_backup"}))
    backup = {"action": "backup", "mode": "fs", "storage": "swift"}
    for key in ("engine", "engine_name"):
        assert _refusal(policy, **backup, **{key: "rsync"}) is None
        assert "engine: tar" in str(_refusal(policy, **backup, **{key: "tar"}))
    assert "engine: tar" in str(_refusal(policy, **backup))


@pytest.mark.parametrize("option", [each for each in _DANGEROUS if each in BY_NAME])
def test_p4_nothing_of_the_schedulers_own_machine_can_be_named(option: str) -> None:
    kind = BY_NAME[option].kind.value
    value: object = "true" if kind in ("flag", "switch") else "/etc/x"
    assert _refusal(**{**_VOLUME, option: value}) is not None


@given(st.sampled_from(sorted(set(BY_NAME) - tenants_options("cindernative") - {"action", "mode"})))
def test_p4_every_option_that_is_not_meant_for_others_is_refused(option: str) -> None:
    try:
        read_freezer_action({"action": "backup", option: "1"}, ())
    except DocumentError:
        return  # no document can have it
    assert _refusal(**{**_VOLUME, option: "1"}) is not None


def test_p9_a_command_is_never_executed_for_another_project() -> None:
    policy = CentralPolicy("service", capabilities({"supported_actions": ["all"]}, central=True))
    assert "command cannot be set" in str(_refusal(policy, action="exec", command="id"))


def test_the_schedulers_own_project_may_name_its_machine() -> None:
    policy = CentralPolicy("service", CAPABILITIES)
    backup = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar"}
    assert _refusal(policy, "service", **backup) is None
    assert _refusal(policy, "tenant", **backup) is not None


def test_an_unknown_option_is_named() -> None:
    assert "colour" in str(_refusal(**_VOLUME, colour="red"))


def test_the_usual_capabilities_are_narrow_for_a_central_scheduler_and_can_be_widened() -> None:
    assert capabilities({}, central=True) == CINDER_NATIVE
    assert capabilities({}, central=False) == CAPABILITIES
    wide = capabilities({key: ["all"] for key in CAPABILITIES}, central=True)
    assert wide == CAPABILITIES
    some = capabilities({"supported_modes": ["nova", "cindernative"], "supported_engines": None}, central=True)
    assert some == {**CINDER_NATIVE, "supported_modes": ("nova", "cindernative")}
