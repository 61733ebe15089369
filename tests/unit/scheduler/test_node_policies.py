"""What the owner of a node lets others do, and how options reach the agent."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import UsageError
from freezer.model.actions import read_freezer_action
from freezer.options.ini import parse_ini
from freezer.scheduler.execution.config import config_of
from freezer.scheduler.execution.surroundings import credentials, surroundings
from freezer.stint import policy as policies
from freezer.stint.policy import Policy


def refusal(policy: Policy, **options: object) -> str | None:
    return policy.refusal(read_freezer_action({"action": "backup", **options}, ()))


def read(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "node-policy.toml"
    path.write_text(text)
    return policies.read(str(path))


def test_without_a_word_nothing_is_executed_and_all_else_is_done() -> None:
    assert refusal(Policy(), path_to_backup="/etc") is None
    assert "pre_command" in str(refusal(Policy(), pre_command="true"))
    assert "mysql_conf" in str(refusal(Policy(), mode="mysql", mysql_conf="/tmp/mine"))


def test_commands_are_allowed_word_for_word(tmp_path: Path) -> None:
    policy = read(tmp_path, 'allowed_commands = ["quiesce  orders"]')
    assert refusal(policy, pre_command="quiesce orders") is None
    assert refusal(policy, pre_command="quiesce orders; rm") is not None


def test_actions_and_options_are_limited_where_they_are_named(tmp_path: Path) -> None:
    policy = read(tmp_path, 'allowed_actions = ["backup"]\nallowed_options = ["path-to-backup", "storage"]')
    assert refusal(policy, path_to_backup="/etc", storage="local") is None
    assert "log_file" in str(refusal(policy, log_file="/etc/cron.d/x"))
    assert "the action exec" in str(policy.refusal(read_freezer_action({"action": "exec", "command": "x"}, ())))


def test_no_link_and_no_spelling_leads_out_of_an_allowed_path(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "link").symlink_to(tmp_path)
    (tmp_path / "inside-not").mkdir()
    policy = Policy(backup_paths=(str(inside),), restore_paths=())
    for good in (inside, inside / "deep", inside / "new" / "one"):
        assert refusal(policy, path_to_backup=str(good)) is None
    for bad in (inside / "link", inside / "link" / "x", tmp_path / "inside-not", inside / ".." / "x", "~"):
        assert "path_to_backup" in str(refusal(policy, path_to_backup=str(bad))), bad
    assert "restore_abs_path" in str(refusal(policy, restore_abs_path=str(inside)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allowed_commands = [", "is no TOML"),
        ("allowed_comands = []", "allowed_comands is not known"),
        ('allowed_commands = "true"', "allowed_commands"),
        ('allowed_options = ["no_such"]', "no_such is no option"),
        ('allowed_restore_paths = ["srv"]', "srv is not absolute"),
    ],
)
def test_a_policy_that_means_nothing_is_refused_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read(tmp_path, text)
    assert "node-policy.toml" in refused.value.message
    assert "\n" not in refused.value.message


def test_a_policy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        policies.read(str(tmp_path / "missing"))


_WORDS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="\ufeff"), min_size=1, max_size=20)


@given(st.lists(_WORDS, min_size=1, max_size=4), _WORDS)
def test_what_is_written_for_the_agent_is_what_it_reads(patterns: list[str], name: str) -> None:
    action = read_freezer_action({"action": "backup", "exclude": patterns, "backup_name": name}, ())
    given: dict[str, tuple[str, ...]] = {}
    for each in parse_ini(config_of(action), "config").assignments:
        if each.text is not None:
            given[each.option.name] = (*given.get(each.option.name, ()), each.text)
    assert given == dict(action.given)


def test_no_value_can_bring_another_line_into_the_file() -> None:
    action = read_freezer_action({"action": "backup", "backup_name": "a\nlog_file = /etc/cron.d/x"}, ())
    with pytest.raises(UsageError, match="backup_name has a line break"):
        config_of(action)


def test_only_what_is_no_secret_is_in_the_environment_of_an_agent() -> None:
    environ = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "XDG_STATE_HOME": "/x",
        "OS_PASSWORD": "s",
        "https_proxy": "s",
        "ANY": "s",
    }
    assert surroundings(environ, "/run") == {
        "PATH": "/bin", "LC_ALL": "C", "XDG_STATE_HOME": "/x", "FREEZER_RUN_DIRECTORY": "/run",
    }  # fmt: skip
    assert credentials(environ) == {"OS_PASSWORD": "s", "https_proxy": "s"}
