"""What documents may make a node execute."""

from __future__ import annotations

from typing import Any

import pytest

from freezer.errors import DocumentError
from freezer.model.actions import read_freezer_action
from freezer.model.execution import NOTHING, NodePolicy, executed, foreign, read_policy, refusal
from freezer.options.table import OPTIONS

_POLICY = NodePolicy(frozenset({"/usr/bin/freeze-db now", "true"}), frozenset({"/etc/freezer/my.cnf"}))


def _refused(policy: NodePolicy, **options: Any) -> str | None:
    return refusal(read_freezer_action({"action": "backup", **options}, ()), policy)


def test_whole_commands_and_files_that_are_named_are_allowed_and_nothing_else() -> None:
    assert _refused(_POLICY, pre_command="/usr/bin/freeze-db  now") is None
    assert _refused(_POLICY, mode="mysql", mysql_conf="/etc/freezer/my.cnf") is None
    for command in ("/usr/bin/freeze-db", "/usr/bin/freeze-db now; id", "true | id", "/etc/freezer/my.cnf"):
        assert _refused(_POLICY, post_command=command) is not None
    for path in ("/etc/freezer/../shadow", "true", "/etc/freezer/MY.CNF"):
        assert _refused(_POLICY, mysql_conf=path) is not None


def test_without_a_policy_no_option_that_executes_is_allowed_under_any_of_its_names() -> None:
    marked = [option for option in OPTIONS if option.executes and not option.command_line_only]
    assert {"command", "pre_command", "mysql_conf", "probe"} <= {option.name for option in marked}
    for option in marked:
        for name in (
            option.name,
            option.name.upper(),
            option.name.replace("_", "-"),
            *(a.name for a in option.aliases),
        ):
            assert _refused(NOTHING, **{name: "/bin/x"}) == f"{option.name}: '/bin/x' is not among what may be executed"


def test_what_executes_nothing_needs_no_policy() -> None:
    action = read_freezer_action({"action": "backup", "path_to_backup": "/etc", "log_file": "/x"}, ())
    assert list(executed(action)) == []
    assert refusal(action, NOTHING) is None


def test_another_project_sets_only_what_the_table_lets_tenants_set() -> None:
    fits = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}
    assert foreign(read_freezer_action(fits, ())) is None
    for option, value in (("path_to_backup", "/etc"), ("log_file", "/x"), ("proxy", "http://x"), ("ssh_key", "/k")):
        said = foreign(read_freezer_action({**fits, option: value}, ()))
        assert said == f"{option} cannot be set for a client that serves every project"


def test_a_policy_is_read_and_written_and_none_is_not_an_empty_one() -> None:
    assert read_policy({}) is None
    assert read_policy({"allowed_commands": None}) is None
    assert read_policy({"allowed_files": []}) == NOTHING
    assert read_policy(_POLICY.document()) == _POLICY


@pytest.mark.parametrize("value", ["true", [""], [" "], [1], [["a"]], ["x" * 5000], ["a"] * 1001, {"a": 1}])
@pytest.mark.parametrize("key", ["allowed_commands", "allowed_files"])
def test_what_is_no_list_of_texts_is_refused(key: str, value: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        read_policy({key: value})
    assert caught.value.path[0] == key
