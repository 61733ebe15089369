"""Job files, configuration files and the environment."""

from __future__ import annotations

import json

import pytest

from freezer.errors import UsageError

BASE = "[action]\naction = backup\nstorage = local\npath_to_backup = /x\n"


def test_all_sections_but_those_of_storages_are_merged_and_later_ones_win(agent):
    settings = agent.job(f"{BASE}max_level = 1\n[job]\nmax_level = 2\n[DEFAULT]\nbackup_name = n\n").settings
    assert settings.optional_integer("max_level") == 2
    assert settings.text("backup_name") == "n"


@pytest.mark.parametrize(
    "key", ["path_to_backup", "path-to-backup", "Path_To_Backup", "file_to_backup", "SRC-FILE", "path-to_backup"]
)
def test_keys_are_names_and_spellings_in_any_case_with_dashes_or_underscores(agent, key):
    found = agent.job(f"[a]\naction = backup\nstorage = local\n{key} = /home/me\n")
    assert found.settings.text("path_to_backup") == "/home/me"


def test_names_of_the_command_line_are_keys_too(agent):
    settings = agent.job(f"{BASE}engine = tar\nos_auth_ver = 3\nlvm-snap-perm = ro\n").settings
    assert settings.given("engine_name")
    assert settings.given("os_identity_api_version")
    assert settings.given("lvm_snapperm")


@pytest.mark.parametrize("word", ["None", "none", "False", "", "null"])
def test_none_false_and_nothing_mean_not_set(agent, word):
    settings = agent.job(f"{BASE}remove_from_date = {word}\nhostname = {word}\nmax_level = {word}\n").settings
    assert not settings.is_set("remove_from_date")
    assert not settings.given("max_level")
    assert settings.text("hostname") == "h1"


@pytest.mark.parametrize(
    ("word", "value"), [("True", True), ("false", False), ("yes", True), ("off", False), ("1", True)]
)
def test_flags_take_the_words_of_ini_files(agent, word, value):
    assert agent.job(f"{BASE}incremental = {word}\n").settings.flag("incremental") is value


def test_a_flag_that_is_none_keeps_its_default(agent):
    settings = agent.job(f"{BASE}sync = None\n").settings
    assert settings.flag("sync")
    assert not settings.given("sync")


@pytest.mark.parametrize(
    ("text", "value"), [("100%", "100%"), ("100%%", "100%"), ("%(x)s", "%(x)s"), ("a%%%b", "a%%b")]
)
def test_percent_signs_are_ordinary_and_doubled_ones_are_one(agent, text, value):
    assert agent.job(f"{BASE}exclude = {text}\n").settings.texts("exclude") == (value,)


def test_several_patterns_stand_on_lines_or_in_a_list_as_the_scheduler_writes_it(agent):
    assert agent.job(f"{BASE}exclude = *.o\n  *.tmp\n").settings.texts("exclude") == ("*.o", "*.tmp")
    assert agent.job(f"{BASE}exclude = ['a b', 'c']\n").settings.texts("exclude") == ("a b", "c")
    for pattern in ("[ab]*", "['x]*", "['x]"):
        assert agent.job(f"{BASE}exclude = {pattern}\n").settings.texts("exclude") == (pattern,)


def test_bytes_that_are_no_utf8_survive(agent):
    path = agent.home / "job.ini"
    path.write_bytes(b"\xef\xbb\xbf[a]\nstorage = local\npath_to_backup = /x/\xff\n")
    assert agent.understood(f"--config {path}").settings.text("path_to_backup") == "/x/\udcff"


def test_the_command_line_wins_over_the_job_file(agent):
    found = agent.job(f"{BASE}max_level = 2\n", "restore --restore-abs-path /r --max-level 5")
    assert found.action == "restore"
    assert found.settings.optional_integer("max_level") == 5


def test_a_storage_section_takes_the_place_of_the_main_storage_and_inherits_only_defaults(agent):
    found = agent.job("[a]\npath_to_backup = /x\ncontainer = /main\n[storage:here]\nstorage = local\ncontainer = /b\n")
    (section,) = found.settings.storages
    assert (section.name, section.storage, section.container) == ("here", "local", "/b")
    assert section.integer("ssh_port") == 22
    assert section.source("container").endswith("job.ini")


def test_without_sections_the_main_options_are_the_one_storage(agent):
    (section,) = agent.job(f"{BASE}container = /b\n").settings.storages
    assert (section.name, section.storage, section.container) == ("", "local", "/b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nmax_lebel = 3\n", "{}: max_lebel is no option; did you mean max_level?"),
        ("[a]\nlog_levle = 3\n", "{}: log_levle is no option; did you mean log_file?"),
        ("[a]\nencryption_password = geheim\n", None),
        ("[a]\nmax_level = 3\nmax_level = 4\n", "{}: line 3: max_level is given twice"),
        ("[a]\nmax_level = 3\nMax-Level = 4\n", "{}: max_level is given twice: as max_level and as Max-Level"),
        ("[a]\nmax_level = 3\n[a]\n", "{}: line 3: there are two sections [a]"),
        ("max_level = 3\n", "{}: line 1 stands before the first [section]"),
        ("[a]\nnonsense\n", "{}: line 2 is neither a [section] nor key = value"),
        ("[a]\nmax_level = x\n", "max_level: 'x' is not possible; allowed: a whole number, at least 0 (in {})"),
        ("[a]\nssh_password = \n[storage:x]\nmax_level = 3\n", "{}: max_level has no place in [storage:x]"),
        ("[storage:x]\nstorage = local\n", "{}: [storage:x] needs container"),
        ("[a]\nconfig = /etc/x\n", "{}: config can be given on the command line only"),
        ('{"max_level": [1]}', "{}: max_level: a list is not possible; allowed: a whole number, at least 0"),
        ('{"max_level": {}}', "{}: max_level: an object is not possible; allowed: a whole number, at least 0"),
        ('{"max_lebel": {}}', "{}: max_lebel is no option; did you mean max_level?"),
        ('{"a": 1, "a": 2}', "{}: a is given twice"),
        ('{"max_level": }', "{}: line 1 is no JSON: Expecting value"),
        ('{"freezer_action": []}', "{}: a freezer_action must be an object"),
        ('{"exclude": [1]}', "{}: exclude: a list may hold texts only"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_with_file_key_and_what_is_allowed(agent, text, message):
    path = agent.write("job.ini", text)
    with pytest.raises(UsageError) as caught:
        agent.understood(f"backup --storage local -F /x --config {path}")
    assert "\n" not in caught.value.message
    assert "geheim" not in caught.value.message
    if message is None:
        assert "the first line of the file that --encrypt-pass-file names" in caught.value.message
    else:
        assert caught.value.message == message.format(path)


def test_a_missing_job_file_is_named(agent):
    with pytest.raises(UsageError, match=r"configuration file /nowhere\.ini cannot be read: No such file"):
        agent.understood("--config /nowhere.ini")


def test_json_values_mean_what_the_scheduler_writes_for_them(agent):
    document = {
        "storage": "local",
        "path-to-backup": "/x",
        "max_level": 3,
        "restart_always_level": 1.5,
        "sync": False,
        "exclude": ["a", "b"],
        "hostname": None,
        "mysql_conf": False,
        "overwrite": "True",
    }
    settings = agent.job(json.dumps({"job_actions": [{"freezer_action": document}]})).settings
    assert settings.optional_integer("max_level") == 3
    assert settings.optional_number("restart_always_level") == 1.5
    assert not settings.flag("sync")
    assert settings.texts("exclude") == ("a", "b")
    assert not settings.given("mysql_conf")
    assert settings.flag("overwrite")


def test_configuration_files_are_found_where_oslo_looks_and_the_first_place_wins(agent):
    agent.write(".freezer/freezer-agent.conf", "[DEFAULT]\nstorage = local\n")
    (agent.etc / "freezer").mkdir()
    (agent.etc / "freezer" / "freezer-agent.conf").write_text("[DEFAULT]\nstorage = swift\nmax_level = 9\n")
    (agent.etc / "freezer.conf").write_text("[DEFAULT]\ncontainer = /machine\nstorage = ssh\n")
    settings = agent.understood("-F /x").settings
    assert settings.text("storage") == "local"
    assert settings.text("container") == "/machine"
    assert not settings.given("max_level")


def test_defaults_files_environment_job_file_and_command_line_win_in_this_order(agent):
    agent.write(
        ".freezer/freezer-agent.conf",
        "[DEFAULT]\n"
        + "".join(f"keep_{each} = 1\n" for each in ("last", "hourly", "daily", "weekly"))
        + "storage = local\n",
    )
    job = agent.write("job.ini", "[a]\nkeep_daily = 3\nkeep_weekly = 3\n")
    environ = {f"OS_DEFAULT__KEEP_{each}": "2" for each in ("HOURLY", "DAILY", "WEEKLY")}
    settings = agent.understood(f"admin --config {job} --keep-weekly 4", environ=environ).settings
    found = {
        each: settings.optional_integer(f"keep_{each}") for each in ("last", "hourly", "daily", "weekly", "monthly")
    }
    assert found == {"last": 1, "hourly": 2, "daily": 3, "weekly": 4, "monthly": None}
    assert settings.source("keep_hourly") == "environment"
    assert settings.source("keep_monthly") == "default"
    assert settings.source("keep_daily") == str(job)


def test_a_configuration_file_may_give_a_key_twice_quote_values_and_continue_lines(agent):
    path = agent.write(
        "a.conf",
        "# c\n[DEFAULT]\nmax_level = 1\nmax_level: 2\nbackup_name = 'a b'\nexclude = x\n  y\nstorage = local\n",
    )
    settings = agent.understood(f"-F /x --config-file {path}").settings
    assert settings.optional_integer("max_level") == 2
    assert settings.text("backup_name") == "a b"
    assert settings.texts("exclude") == ("x", "y")


def test_a_configuration_directory_is_read_in_the_order_of_names(agent):
    agent.write("d/2.conf", "[DEFAULT]\nstorage = local\nmax_level = 2\n")
    agent.write("d/1.conf", "[DEFAULT]\nmax_level = 1\n")
    agent.write("d/3.txt", "nonsense\n")
    assert agent.understood(f"-F /x --config-dir {agent.home}/d").settings.optional_integer("max_level") == 2


def test_unknown_keys_of_shared_configuration_files_are_a_notice_with_file_and_line(agent):
    agent.write(".freezer/freezer.conf", "[DEFAULT]\nstorage = local\nclient_id = x\n[scheduler]\ninterval = 6\n")
    assert agent.understood("-F /x").notices == (
        f"{agent.home}/.freezer/freezer.conf: line 3: client_id is no option of the agent and has no effect",
    )


def test_bad_values_and_lines_of_configuration_files_are_errors(agent):
    path = agent.write("a.conf", "[DEFAULT]\nmax_level = many\n")
    with pytest.raises(
        UsageError, match=r"max_level: 'many' is not possible; allowed: a whole number, at least 0 \(in"
    ):
        agent.understood(f"-F /x --config-file {path}")
    path.write_text("[DEFAULT]\nwhat\n")
    with pytest.raises(UsageError, match=r"a\.conf: line 2 is neither a \[section\] nor key = value"):
        agent.understood(f"-F /x --config-file {path}")
    path.write_text("x = 1\n")
    with pytest.raises(UsageError, match=r"a\.conf: line 1 stands before the first \[section\]"):
        agent.understood(f"-F /x --config-file {path}")


def test_cloud_settings_of_the_machine_do_not_stop_a_local_backup_but_are_mentioned(agent):
    agent.write(
        ".freezer/freezer-agent.conf",
        "[DEFAULT]\nstorage = local\ntimeout = 600\nlvm_snapsize = 1G\n[oslo_concurrency]\nlock_path = /l\n",
    )
    assert [each.split(" (in")[0] for each in agent.understood("-F /x").notices] == [
        "timeout",
        "oslo_concurrency_lock_path",
    ]


def test_a_job_cannot_take_back_that_commands_are_switched_off(agent):
    (agent.etc / "freezer-agent.conf").write_text("[DEFAULT]\ndisable_exec = true\n")
    with pytest.raises(UsageError, match=r"exec is switched off by disable_exec \(in .*freezer-agent\.conf\)"):
        agent.job("[a]\naction = exec\ncommand = id\ndisable_exec = false\n", "--no-disable-exec")


def test_the_sample_files_are_understood(agent):
    from pathlib import Path

    etc = Path(__file__).parents[3] / "etc"
    assert agent.understood(f"--config {etc}/job-backup.ini.sample").settings.texts("exclude") == ("*.tmp", ".cache")
    assert agent.understood(f"--config {etc}/job-restore.ini.sample").action == "restore"
    assert agent.understood(f"--config {etc}/job-admin.ini.sample").action == "admin"
    assert agent.understood(f"list --config-file {etc}/freezer-agent.conf.sample").settings.text("storage") == "local"
