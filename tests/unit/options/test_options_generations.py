"""Command lines and documents of every generation, word for word."""

from __future__ import annotations

import json

import pytest

from freezer.errors import NotBuiltError, UsageError
from freezer.options.commandline import parse
from freezer.options.document import parse_action
from freezer.options.values import convert

FREEZERC = {
    "simple backup": (
        "--file-to-backup /data/dir/to/backup --container freezer_new-data-backup --backup-name my-backup-name",
        {
            "path_to_backup": "/data/dir/to/backup",
            "container": "freezer_new-data-backup",
            "backup_name": "my-backup-name",
        },
    ),
    "windows": (
        (
            r"--action backup --mode fs --backup-name testwindows --path-to-backup C:\path\to\backup "
            r"--container freezer_windows --log-file C:\path\to\log\freezer.log"
        ),
        {"mode": "fs", "log_file": r"C:\path\to\log\freezer.log", "path_to_backup": r"C:\path\to\backup"},
    ),
    "mongo on LVM": (
        (
            "--lvm-srcvol /dev/mongo/mongolv --lvm-dirmount /var/lib/snapshot-backup --lvm-volgroup mongo "
            "--file-to-backup /var/lib/snapshot-backup/mongod_ops2 --container freezer_mongodb-backup-prod "
            "--exclude *.lock --mode mongo --backup-name mongod-ops2"
        ),
        {"lvm_srcvol": "/dev/mongo/mongolv", "exclude": "*.lock", "mode": "mongo", "lvm_volgroup": "mongo"},
    ),
    "mysql on LVM": (
        (
            "--lvm-srcvol /dev/mysqlvg/mysqlvol --lvm-dirmount /var/snapshot-backup --lvm-volgroup mysqlvg "
            "--file-to-backup /var/snapshot-backup --mysql-conf /root/.freezer/freezer-mysql.conf --container "
            "freezer_mysql-backup-prod --mode mysql --backup-name mysql-ops002"
        ),
        {"mysql_conf": "/root/.freezer/freezer-mysql.conf", "mode": "mysql"},
    ),
    "cinder backup": (
        "--cinder-vol-id 3ad7a62f-217a-48cd-a861-43ec0a04a78b",
        {"cinder_vol_id": "3ad7a62f-217a-48cd-a861-43ec0a04a78b"},
    ),
    "cinder restore": (
        "--action restore --cinder-inst-id 3ad7a62f-217a-48cd-a861-43ec0a04a78b",
        {"action": "restore", "cinder_vol_id": "3ad7a62f-217a-48cd-a861-43ec0a04a78b"},
    ),
    "nova": (
        "--mode nova --no-incremental true --nova-inst-id ID --backup-name nova_backup --engine nova",
        {"mode": "nova", "no_incremental": True, "nova_inst_id": "ID", "engine_name": "nova"},
    ),
    "local restore": (
        (
            "--action restore --container /local_backup_storage/ --backup-name adminui.git "
            "--hostname git-HP-DL380-host-001 --restore-abs-path /home/git/repositories/adminui.git/ "
            "--restore-from-date 2014-05-23T23:23:23 --storage local"
        ),
        {"hostname": "git-HP-DL380-host-001", "restore_abs_path": "/home/git/repositories/adminui.git"},
    ),
    "ssh restore with an abbreviated option": (
        (
            "--action restore --restore-abs-pat /data/dir/to/backup --container /remote-machine-path/ "
            "--backup-name my-backup-name --storage ssh --ssh-username ubuntu "
            "--ssh-key ~/.ssh/id_rsa --ssh-host 8.8.8.8"
        ),
        {"restore_abs_path": "/data/dir/to/backup", "ssh_key": "/root/.ssh/id_rsa", "ssh_host": "8.8.8.8"},
    ),
    "restore of another host": (
        "--action restore --restore-from-host another_host --restore-abs-path /x",
        {"hostname": "another_host"},
    ),
    "objects of a container": (
        "--action info --container freezer_testcontainer -l",
        {"action": "info", "container": "freezer_testcontainer", "list": True},
    ),
    "removal before a date": (
        (
            "--action admin --container freezer_dev-test --remove-before-date 2016-07-11T00:00:00 "
            "--backup-name dev-test-01"
        ),
        {"action": "admin", "backup_name": "dev-test-01"},
    ),
    "removal from a date": (
        (
            "--action admin --nova-inst-id ID --backup-name nova_backup --engine nova "
            "--remove-from-date 2019-10-19T00:29:27"
        ),
        {"action": "admin", "nova_inst_id": "ID"},
    ),
    "limits with blanks around the sign": (
        "--action backup -F /etc/ -C freezer --upload-limit = 1k",
        {"path_to_backup": "/etc", "container": "freezer", "upload_limit": 1024},
    ),
    "segment size": ("--max-seg-size 67108864", {"max_segment_size": 67108864}),
    "abbreviated old name": ("--max-seg-s 67108864", {"max_segment_size": 67108864}),
}


@pytest.mark.parametrize("name", FREEZERC)
def test_command_lines_of_the_older_programs_are_understood(name):
    line, expected = FREEZERC[name]
    found = {each.option.name: convert(each, "/root") for each in parse(line.split()).assignments}
    assert expected.items() <= found.items()


def test_freezerc_backs_up_locally_and_in_increments(agent):
    line = "--file-to-backup /data/dir/to/backup --container /tmp/my_backup_path/ --backup-name my --storage local"
    found = agent.understood(line, program="/usr/bin/freezerc")
    assert found.action == "backup"
    assert found.settings.text("path_to_backup") == "/data/dir/to/backup"
    assert found.incremental.incremental
    assert "freezerc" in found.incremental.reason
    assert found.notices == ()


def test_older_names_under_the_new_program_get_a_notice(agent):
    found = agent.understood("--file-to-backup /x --storage local")
    assert found.notices == ("--file-to-backup is an older name of --path-to-backup",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--file-to-backup /x --lvm-srcvol /dev/vg/lv", "--lvm-srcvol: this build does not have volume snapshots yet"),
        ("--nova-inst-id ID --storage local", "--nova-inst-id: this build does not have OpenStack yet"),
        ("--mode mysql -F /x --storage local", "--mode mysql: this build does not have databases yet"),
        ("-F /x --snapshot --storage local", "--snapshot: this build does not have volume snapshots yet"),
        ("-F /x --snapshot yes --storage local", "--snapshot: this build does not have volume snapshots yet"),
        ("-F /x --storage local -e rsync", "--engine rsync: this build does not have the rsync formats yet"),
    ],
)
def test_what_this_build_lacks_is_said_in_one_line(agent, line, message):
    with pytest.raises(NotBuiltError) as caught:
        agent.understood(line)
    assert caught.value.message == message
    assert caught.value.exit_code == 2


OLD_BACKUP = {
    "action": "backup",
    "mode": "fs",
    "src_file": "/home/tylerdurden/project_mayhem",
    "backup_name": "project_mayhem_backup",
    "container": "my_backup_container",
    "max_backup_level": 7,
    "always_backup_level": 3,
    "restart_always_backup": 30,
    "no_incremental": False,
    "encrypt_pass_file": "private_key_file",
    "log_file": "/var/log/freezer.log",
    "hostname": False,
    "max_cpu_priority": False,
}
OLD_RESTORE = {
    "action": "restore",
    "restore-abs-path": "/home/tylerdurden/project_mayhem",
    "container": "my_backup_container",
    "backup-name": "project_mayhem_backup",
    "restore-from-host": "another_host",
    "max_cpu_priority": True,
}


def test_the_job_document_of_the_older_api_backs_up(agent):
    found = agent.job(json.dumps({"freezer_action": OLD_BACKUP | {"storage": "local"}}), name="job.json")
    settings = found.settings
    assert found.action == "backup"
    assert settings.text("path_to_backup") == "/home/tylerdurden/project_mayhem"
    assert settings.optional_integer("max_level") == 7
    assert settings.optional_integer("always_level") == 3
    assert settings.optional_number("restart_always_level") == 30.0
    assert settings.text("hostname") == "h1"
    assert not settings.flag("max_priority")
    assert found.incremental.incremental


def test_the_job_document_of_the_older_api_restores(agent):
    found = agent.job(json.dumps(OLD_RESTORE), line="--storage local", name="job.json")
    assert found.action == "restore"
    assert found.settings.text("restore_abs_path") == "/home/tylerdurden/project_mayhem"
    assert found.settings.text("hostname") == "another_host"
    assert found.settings.flag("max_priority")


def test_the_readmes_nova_document_is_understood():
    found = parse_action(
        {
            "action": "backup",
            "mode": "nova",
            "nova_inst_id": "ba830e56-6ed7-4001-a455-ae3da165b3b2",
            "backup-name": "nova_backup_by_json",
            "container": "freezer_backups",
            "engine_name": "nova",
            "no_incremental": True,
        },
        "job",
    )
    assert [(each.option.name, each.text) for each in found][-2:] == [
        ("engine_name", "nova"),
        ("no_incremental", "True"),
    ]


def test_the_readmes_file_with_several_storages_is_understood(agent):
    text = (
        "[default]\naction = backup\nmode = fs\npath_to_backup = /foo/\nbackup_name = mytest6\nalways_level = 2\n"
        "max_segment_size = 67108864\ncontainer = /tmp/backup/\nstorage = local\n"
        "[storage:first]\nstorage=local\ncontainer = /tmp/backup1/\n"
        "[storage:second]\nstorage=local\ncontainer = /tmp/backup2/\n"
        "[storage:swift]\nstorage=swift\ncontainer = test\nosrc = openrc.osrc\n"
    )
    places = agent.job(text).settings.storages
    assert [(place.name, place.storage, place.container) for place in places] == [
        ("first", "local", "/tmp/backup1/"),
        ("second", "local", "/tmp/backup2/"),
        ("swift", "swift", "test"),
    ]
    assert places[2].optional_text("osrc") == "openrc.osrc"


def test_the_readmes_file_with_limits_is_understood(agent):
    found = agent.job(
        "[default]\naction = backup\nstorage = local\ncontainer = /home/saad/backups_freezers\n"
        "backup_name = freezer_jobs\npath_to_backup = /etc\nupload_limit=2k\ndownload_limit=1k\n",
        line="--upload-limit 1k",
    )
    assert found.settings.integer("upload_limit") == 1024
    assert found.settings.integer("download_limit") == 1024
    assert found.settings.source("upload_limit") == "command line"


def test_a_list_of_actions_is_not_for_the_agent(agent):
    job = {"job_actions": [{"freezer_action": OLD_BACKUP}, {"freezer_action": OLD_RESTORE}]}
    with pytest.raises(UsageError, match="the agent runs one action, but the job has 2"):
        agent.job(json.dumps(job), name="job.json")
