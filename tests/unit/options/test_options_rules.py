from __future__ import annotations

import pytest

from freezer.errors import NotBuiltError, UsageError
from freezer.options.resolve import resolve
from freezer.options.rules import wants_snapshot
from freezer.options.table import BY_NAME
from freezer.options.values import Assignment

LOCAL = "--storage local -F /x"


@pytest.mark.parametrize(
    ("line", "program", "incremental", "reason"),
    [
        ("", "freezer-agent", False, "full because neither --incremental nor a level option is given"),
        ("", "freezerc", True, "incremental because that is what freezerc does"),
        ("", "C:freezerc.exe", False, "full because neither --incremental nor a level option is given"),
        ("--incremental", "freezer-agent", True, "incremental because of --incremental"),
        ("--noincremental", "freezerc", False, "full because incremental is given as false"),
        ("--max-level 3", "freezer-agent", True, "incremental because of --max-level"),
        ("--always-level 3", "freezer-agent", True, "incremental because of --always-level"),
        ("--restart-always-level 3", "freezer-agent", True, "incremental because of --restart-always-level"),
        ("--max-level 0", "freezer-agent", False, "full because neither --incremental nor a level option is given"),
        ("--no-incremental", "freezerc", False, "full because of --no-incremental"),
        ("--no-incremental true", "freezer-agent", False, "full because of --no-incremental"),
        (
            "--no-incremental false",
            "freezer-agent",
            True,
            "incremental because no_incremental is given as false",
        ),
    ],
)
def test_the_generations_agree_on_when_a_backup_is_incremental(agent, line, program, incremental, reason):
    found = agent.understood(f"{LOCAL} {line}", program=program).incremental
    assert (found.incremental, found.reason) == (incremental, reason)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--no-incremental --max-level 2", "--no-incremental and --max-level contradict each other"),
        ("--no-incremental --always-level 2", "--no-incremental and --always-level contradict each other"),
        ("--no-incremental --incremental", "--no-incremental and --incremental contradict each other"),
        ("--noincremental --max-level 2", "--max-level needs increments, but incremental is given as false"),
        (
            "--remove-older-than 3 --remove-from-date 2026-01-01",
            "only one of --remove-older-than and --remove-from-date can be given",
        ),
        ("--read-data", "--read-data has no meaning for backup, only for check"),
        ("--delete", "--delete has no meaning for backup, only for restore"),
        ("--all-hosts", "--all-hosts has no meaning for backup, only for list, check and copy"),
    ],
)
def test_options_that_contradict_each_other_are_refused(agent, line, message):
    with pytest.raises(UsageError) as caught:
        agent.understood(f"{LOCAL} {line}")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backup", "backup needs --path-to-backup: directory or file to back up"),
        ("restore", "restore needs --restore-abs-path: directory to restore into; it is created if need be"),
        (
            "exec",
            "exec needs --command: the command of action exec; | makes a pipeline, no shell is involved",
        ),
        (
            "admin",
            (
                "admin needs a rule that says what to remove: --remove-older-than DAYS, --remove-before-date DATE "
                "or one of the --keep options"
            ),
        ),
        (
            "show --restore-from-date 2026-01-01 --restore-backup-id x",
            "only one of --restore-from-date and --id can be given",
        ),
        (
            "restore --restore-abs-path /x --restore-level 0 --restore-backup-id x",
            "only one of --restore-level and --id can be given",
        ),
    ],
)
def test_what_an_action_needs_is_asked_for(agent, line, message):
    with pytest.raises(UsageError) as caught:
        agent.understood(f"{line} --storage local")
    assert caught.value.message == message


def test_exec_needs_no_storage(agent):
    assert agent.understood("exec --command id").action == "exec"


@pytest.mark.parametrize("action", ["info", "admin --keep-last 1", "restore --restore-abs-path /x"])
def test_options_of_19_0_0_that_the_action_does_not_use_are_ignored_as_there(agent, action):
    assert agent.understood(f"{action} --storage local --exclude x --max-level 3").notices == ()


@pytest.mark.parametrize("action", ["list", "check", "check-storage"])
def test_options_of_19_0_0_that_an_action_of_ours_does_not_use_are_a_notice(agent, action):
    found = agent.understood(f"{action} --storage local --restore-from-date 2026-01-01")
    assert found.notices == (f"--restore-from-date has no meaning for {action}, only for restore and show",)
    assert agent.job(f"[a]\naction = {action}\nstorage = local\nrestore_from_date = 2026-01-01\n").notices == ()


def test_listing_objects_needs_the_container_they_are_in(agent):
    with pytest.raises(UsageError, match="info --list needs --container"):
        agent.understood("info -l --storage local")
    assert agent.understood("info -l --storage local -C /c").settings.flag("list")
    agent.job("[a]\naction = info\nlist = true\n[storage:one]\nstorage = local\ncontainer = /c\n")


@pytest.mark.parametrize("given", ["", "cindernative_backup_container = $container\n"])
def test_the_container_of_cinder_backups_is_the_container_if_nothing_else_is_said(agent, given):
    found = agent.job(f"[a]\nstorage = local\npath_to_backup = /x\ncontainer = /c\n{given}")
    assert found.settings.text("cindernative_backup_container") == "/c"
    with pytest.raises(NotBuiltError, match="cindernative"):
        agent.understood(f"{LOCAL} --cindernative-backup-container other")


def test_our_options_in_the_configuration_of_the_machine_are_for_the_actions_that_have_them(agent):
    agent.write(".freezer/freezer-agent.conf", "[DEFAULT]\ncompression_level = fast\ndisable_exec = true\n")
    environ = {"OS_DEFAULT__READ_DATA": "true"}
    assert agent.understood("list --storage local", environ=environ).notices == ()


def test_our_options_in_a_job_for_another_action_are_a_notice(agent):
    found = agent.job("[a]\nstorage = local\npath_to_backup = /x\nread_data = true\n")
    assert found.notices == (f"--read-data has no meaning for backup, only for check (in {agent.home}/job.ini)",)


def test_removal_never_follows_a_restore_and_says_so(agent):
    found = agent.understood("restore --storage local --restore-abs-path /x --remove-older-than 3")
    assert found.notices == ("--remove-older-than has no effect on a restore: only admin and backup remove backups",)


def test_dates_without_offset_say_that_they_were_taken_as_utc(agent):
    line = "restore --storage local --restore-abs-path /x --restore-from-date"
    assert agent.understood(f"{line} 2026-01-01").notices == ("--restore-from-date has no offset and is taken as UTC",)
    assert agent.understood(f"{line} 2026-01-01T00:00:00Z").notices == ()


def test_unbuilt_options_with_their_default_values_ask_for_nothing(agent):
    line = "--ssh-port 22 --lvm-snapsize 1G --snapshot false --timeout 120 --ssh-key ~/.ssh/id_rsa --engine tar"
    assert agent.understood(f"{LOCAL} {line}").notices == ()


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("freezer_{mode}_{resource_id}", "freezer_fs_h1"),
        ("{backup_media}-{storage}-{container}-{project_id}", "fs-local-freezer_backups-None"),
        ("plain", "plain"),
        ("{mode}{mode}", "fsfs"),
        ("{mode}_{unknown}", "{mode}_{unknown}"),
        ("{mode.__class__}", "{mode.__class__}"),
        ("{}", "{}"),
        ("{", "{"),
    ],
)
def test_backup_names_are_filled_in_and_others_stay_as_they_are(agent, template, name):
    found = agent.understood([*LOCAL.split(), "-N", template])
    assert found.backup_name == name
    assert found.settings.text("backup_name") == template


def snapshot(**texts: str) -> bool:
    layer = [Assignment(BY_NAME[name], text, name, "command line") for name, text in texts.items()]
    return wants_snapshot(resolve([layer], "/h", "h1"))


def test_naming_the_volume_alone_asks_for_the_snapshot():
    assert not snapshot()
    assert snapshot(lvm_srcvol="/dev/vg/lv")
    assert snapshot(snapshot="true")
    assert snapshot(snapshot="/dev/vg/lv")
    assert not snapshot(snapshot="false", lvm_srcvol="/dev/vg/lv")
