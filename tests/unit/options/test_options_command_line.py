from __future__ import annotations

import pytest

from freezer.errors import UsageError
from freezer.options import HelpRequest, VersionRequest
from freezer.options.commandline import parse

LOCAL = "--storage local -C /b -F /x"


def given(line: str) -> list[tuple[str, str | None]]:
    return [(each.option.name, each.text) for each in parse(line.split("␣")).assignments]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--container␣/b", [("container", "/b")]),
        ("--container=/b", [("container", "/b")]),
        ("--container=a=b", [("container", "a=b")]),
        ("-C␣/b", [("container", "/b")]),
        ("-C/b", [("container", "/b")]),
        ("-C=/b", [("container", "/b")]),
        ("-qd", [("quiet", "true"), ("debug", "true")]),
        ("-qC/b", [("quiet", "true"), ("container", "/b")]),
        ("--path_to_backup␣/x", [("path_to_backup", "/x")]),
        ("--engine␣tar", [("engine_name", "tar")]),
        ("--engine-name␣tar", [("engine_name", "tar")]),
        ("--nosync", [("sync", "false")]),
        ("--no-sync", [("sync", "false")]),
        ("--noincremental", [("incremental", "false")]),
        ("--no-incremental", [("no_incremental", "true")]),
        ("--no-incremental␣true", [("no_incremental", "true")]),
        ("--no_incremental␣False␣-q", [("no_incremental", "False"), ("quiet", "true")]),
        ("--snapshot", [("snapshot", "true")]),
        ("--snapshot␣-q", [("snapshot", "true"), ("quiet", "true")]),
        ("--snapshot␣/dev/vg/lv", [("snapshot", "/dev/vg/lv")]),
        ("--upload-limit␣=␣1k", [("upload_limit", "1k")]),
        ("--upload-limit␣-1", [("upload_limit", "-1")]),
        ("--metadata-out␣-", [("metadata_out", "-")]),
        ("--exclude=-x", [("exclude", "-x")]),
        ("--exclude␣", [("exclude", None)]),
        ("backup␣-q", [("action", "backup"), ("quiet", "true")]),
        ("-q␣backup", [("quiet", "true"), ("action", "backup")]),
        ("-q␣--␣backup", [("quiet", "true"), ("action", "backup")]),
        ("--all-hosts␣list", [("all_hosts", "true"), ("action", "list")]),
    ],
)
def test_arguments_are_read_as_19_0_0_and_its_elders_read_them(line, expected):
    assert given(line) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--container", "--container needs a value: a text"),
        ("--container␣--quiet", "--container needs a value: a text"),
        ("-C", "-C needs a value: a text"),
        ("--nosync=yes", "--nosync takes no value, but 'yes' was given"),
        ("backup␣restore", "unexpected argument 'restore'"),
        ("bakcup", "'bakcup' is no action"),
        ("-Z", "-Z is no option"),
        ("--max-lebel␣3", "--max-lebel is no option; did you mean --max-level?"),
        ("--dst-file␣x", "--dst-file is no option any more: --restore-abs-path says where to restore to"),
        (
            "--encrypt-pass␣x",
            None,  # a prefix of --encrypt-pass-file that 19.0.0 understands
        ),
    ],
)
def test_what_is_unknown_or_incomplete_is_refused_in_one_line(line, message):
    if message is None:
        assert given(line) == [("encrypt_pass_file", "x")]
        return
    with pytest.raises(UsageError) as caught:
        parse(line.split("␣"))
    assert caught.value.message == message
    assert caught.value.exit_code == 2


def test_both_forms_are_the_same(agent):
    flat = agent.understood(f"--action backup {LOCAL} --max-level 2")
    worded = agent.understood(f"backup {LOCAL} --max-level 2")
    assert flat == worded


def test_two_different_actions_are_refused(agent):
    with pytest.raises(UsageError, match="backup and restore: only one action can be given"):
        agent.understood(f"restore --action backup {LOCAL}")


def test_an_action_given_twice_alike_is_fine(agent):
    assert agent.understood(f"backup --action backup {LOCAL}").action == "backup"


def test_without_an_action_it_is_a_backup_as_in_19_0_0(agent):
    assert agent.understood(LOCAL).action == "backup"


def test_the_last_of_several_values_counts_but_exclude_keeps_all(agent):
    settings = agent.understood(f"{LOCAL} --max-level 1 --max-level 2 --exclude a --exclude b").settings
    assert settings.optional_integer("max_level") == 2
    assert settings.texts("exclude") == ("a", "b")


def test_no_arguments_show_help_and_fail_as_19_0_0_does(agent):
    result = agent.load("")
    assert isinstance(result, HelpRequest)
    assert result.exit_code == 1


def test_help_and_version_are_answered_before_anything_is_checked(agent):
    assert agent.load("--version --max-level nonsense") == VersionRequest()
    result = agent.load("--action restore --help")
    assert isinstance(result, HelpRequest)
    assert result.exit_code == 0
    assert "--restore-abs-path" in result.text


def test_the_form_of_upstreams_scheduler_is_recognised(agent):
    job = agent.write("job.ini", "[action]\naction = backup\nstorage = local\npath_to_backup = /x\n")
    assert agent.understood(f"--metadata-out - --config {job}").upstream_form
    assert agent.understood(f"--config {job} --metadata-out -").upstream_form
    assert not agent.understood(f"--metadata-out - --config {job} -q").upstream_form
    assert not agent.understood(f"--metadata-out /r --config {job}").upstream_form
    assert not agent.understood(f"--config {job}").upstream_form
