"""The scheduler's settings: every spelling, file and variable of the original's, and what cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from freezer.cmd.scheduler.options import given_keys, given_log, make_parser
from freezer.errors import UsageError
from freezer.scheduler.keys import KEYS
from freezer.scheduler.oslo import list_opts
from freezer.scheduler.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[3]


def settings(home: Path, *words: str, **environ: str) -> Settings:
    """What the program makes of a command line, the files below ``home``, and variables."""
    options = make_parser("", ["start"], versioned=False).parse_args([*words, "start"])
    given, log = given_keys(options), given_log(options)
    files, folders = options.config_file, options.config_dir
    return read_settings({"HOME": str(home), **environ}, given, files, folders, log=log, etc=str(home / "etc"))


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        *(((word, "node"), "client_id", "node") for word in ("-c", "--client-id", "--client_id")),
        (("--scheduler-client-id", "node"), "client_id", "node"),
        *(((word,), "no_api", True) for word in ("-n", "--no-api", "--no_api", "--scheduler-no-api")),
        *(((word,), "no_api", False) for word in ("--nono-api", "--nono_api", "--scheduler-nono-api")),
        *(((word, "/j"), "jobs_dir", "/j") for word in ("-f", "--conf", "--jobs-dir", "--scheduler-jobs-dir")),
        *(((word, "7"), "interval", 7) for word in ("-i", "--interval", "--scheduler-interval")),
        (("-i", "0"), "interval", 1),
        *(((word,), "no_daemon", True) for word in ("--no-daemon", "--no_daemon", "--scheduler-no-daemon")),
        *(((word,), "insecure", True) for word in ("--insecure", "--scheduler-insecure", "-k")),
        *(((word,), "disable_exec", True) for word in ("--disable-exec", "--disable_exec", "--scheduler-disable-exec")),
        *(
            ((word, "9"), "concurrent_jobs", 9)
            for word in ("--concurrent-jobs", "--concurrent_jobs", "--scheduler-concurrent-jobs")
        ),
        (("--enable-v1-api",), "enable_v1_api", True),
        (("--scheduler-centralized-scheduler",), "centralized_scheduler", True),
        (("--scheduler-centralized-scheduler",), "offline_runs", "hold"),
        (("--coordination-backend-url", "redis://"), "backend_url", "redis://"),
        (("--capabilities-supported-modes", "fs, mongo"), "supported_modes", ("fs", "mongo")),
    ],
)
def test_every_spelling_of_the_original_is_understood(
    tmp_path: Path, words: tuple[str, ...], field: str, value: object
) -> None:
    assert getattr(settings(tmp_path, *words), field) == value


@pytest.mark.parametrize("key", [key for key in KEYS if key.section == "service_auth"], ids=lambda key: key.name)
def test_credentials_come_from_variables_files_and_options_the_later_the_stronger(tmp_path: Path, key: object) -> None:
    name = key.name  # type: ignore[attr-defined]
    word = name.removeprefix("OS_").lower()
    assert settings(tmp_path, **{name: "1"}).cloud[name] == "1"
    file = tmp_path / "scheduler.conf"
    for written in (f"os_{word}", word, word.replace("_", "-"), f"OS_{word}"):
        file.write_text(f"[service_auth]\n{written} = 2\n")
        assert settings(tmp_path, **{name: "1"}).cloud[name] == "2"
    file.write_text(f"[DEFAULT]\nos-{word.replace('_', '-')} = 2\n")
    assert settings(tmp_path, **{name: "1"}).cloud[name] == "2"
    dashed = word.replace("_", "-")
    for option in (f"--service_auth-{dashed}", f"--os-{dashed}", f"--os_{word}"):
        assert settings(tmp_path, option, "3").cloud[name] == "3"


def test_files_are_those_of_the_original_in_its_order(tmp_path: Path) -> None:
    for folder, name, interval in (("etc/freezer", "scheduler.conf", 1), ("etc", "freezer.conf", 2)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(f"[scheduler]\ninterval = {interval}\n")
    assert settings(tmp_path).interval == 1
    (tmp_path / ".freezer").mkdir()
    (tmp_path / ".freezer" / "scheduler.conf").write_text("[scheduler]\nconcurrent_jobs = 3\n")
    assert settings(tmp_path).interval == 2
    assert settings(tmp_path).concurrent_jobs == 3
    assert settings(tmp_path, "--concurrent-jobs", "4").concurrent_jobs == 4
    (tmp_path / ".freezer" / "scheduler.conf.d").mkdir()
    (tmp_path / ".freezer" / "scheduler.conf.d" / "a.conf").write_text("[scheduler]\ninterval = 5\n")
    assert settings(tmp_path).interval == 5
    named = tmp_path / "named.conf"
    named.write_text("[scheduler]\ninterval = 6\n")
    assert settings(tmp_path, "--config-file", str(named), "--config-dir", str(tmp_path)).interval == 6


@pytest.mark.parametrize("spelling", ["client_id", "client-id"])
def test_what_stood_in_the_default_section_still_may(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "scheduler.conf").write_text(f"[DEFAULT]\n{spelling} = node\nconf = /j\nno-api = True\n")
    found = settings(tmp_path)
    assert (found.client_id, found.jobs_dir, found.no_api) == ("node", "/j", True)


def test_the_directory_of_jobs_may_stand_in_a_variable(tmp_path: Path) -> None:
    assert settings(tmp_path).jobs_dir == "/etc/freezer/scheduler/conf.d"
    assert settings(tmp_path, FREEZER_SCHEDULER_CONF_D="/v").jobs_dir == "/v"
    assert settings(tmp_path, "-f", "/o", FREEZER_SCHEDULER_CONF_D="/v").jobs_dir == "/o"


def test_what_nobody_knows_and_what_does_nothing_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.conf"
    file.write_text(
        "[DEFAULT]\nmax_level = 3\nnonsense = 1\nuse_syslog = true\n[scheduler]\nintervall = 5\n"
        "enable_v1_api = true\n[keystone_authtoken]\nwhatever = 1\n[coordination]\nbackend_url = redis://\n"
    )
    found = settings(tmp_path)
    assert [each.removeprefix(f"{file}: ").split(" ", 4)[:4] for each in found.notices] == [
        ["line", "3:", "[DEFAULT]", "nonsense"],
        ["line", "6:", "[scheduler]", "intervall"],
        ["line", "7:", "[scheduler]", "enable_v1_api"],
        ["line", "11:", "[coordination]", "backend_url"],
    ]
    assert found.log.syslog


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scheduler]\ninterval = often\n", "line 2: [scheduler] interval: 'often' is not possible; allowed: a whole"),
        ("[scheduler]\nno_api = maybe\n", "allowed: true or false"),
        ("[scheduler]\noffline_runs = never\n", "allowed: run, hold"),
        ("[scheduler]\nlease_seconds = 1\n", "a whole number from 3 to 3600"),
        ("interval = 5\n", "line 1 stands before the first [section]"),
    ],
)
def test_what_cannot_be_names_file_line_and_what_may_be(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "scheduler.conf").write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        settings(tmp_path)


def test_pid_file_and_state_are_nobody_elses(tmp_path: Path) -> None:
    root = os.geteuid() == 0
    found = settings(tmp_path)
    assert found.state_dir == ("/var/lib/freezer/scheduler" if root else f"{tmp_path}/.freezer/scheduler")
    assert found.pid_file == ("/run/freezer/scheduler.pid" if root else f"{found.state_dir}/scheduler.pid")
    assert settings(tmp_path, "--scheduler-state-dir", "/s").pid_file == "/s/scheduler.pid"


def test_options_of_the_log_reach_it(tmp_path: Path) -> None:
    log = settings(tmp_path, "-d", "--log-file", "f", "--log-dir", "/l", "--use-json", "--nouse-syslog").log
    assert (log.debug, log.file, log.directory, log.json, log.syslog) == (True, "f", "/l", True, False)


def test_oslo_config_knows_every_option_and_which_are_secret() -> None:
    listed = {(section, each.name): each for section, options in list_opts() for each in options}
    assert listed.keys() == {(key.section, key.key) for key in KEYS}
    assert {name for (_, name), each in listed.items() if each.secret} == {"os_password", "os_token"}
    assert {each.name for each in listed["scheduler", "jobs_dir"].deprecated_opts} == {"jobs_dir", "conf"}


def test_the_generated_sample_is_read_and_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("oslo_log")
    sample = tmp_path / "scheduler.conf"
    command = ["--config-file", str(ROOT / "config-generator" / "scheduler.conf"), "--output-file", str(sample)]
    subprocess.run([sys.executable, "-m", "oslo_config.generator", *command], check=True, cwd=tmp_path)
    lines = sample.read_text().splitlines()
    lines = [line[1:] if line.startswith("#") and line[1:2].isalpha() else line for line in lines]
    sample.write_text("\n".join(line for line in lines if not line.endswith(("= <None>", "="))))
    assert "[scheduler]\n" in sample.read_text()
    read = settings(tmp_path)
    plain = settings(tmp_path / "nowhere")
    names = [key.name for key in KEYS if key.section != "service_auth"]
    assert {name for name in names if getattr(read, name) != getattr(plain, name)} == set()


def test_the_sample_in_etc_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "scheduler.conf").write_text((ROOT / "etc" / "freezer-scheduler.conf.sample").read_text())
    found = settings(tmp_path)
    assert found.notices == ()
    assert (found.client_id, found.cloud["OS_USERNAME"]) == ("node12", "backup")


@pytest.mark.parametrize("page", ["scheduler.md", "troubleshooting.md"])
def test_options_on_the_pages_of_the_scheduler_exist(page: str) -> None:
    text = (ROOT / "docs" / "guide" / page).read_text()
    parser = make_parser("", ["start"], versioned=False)
    known = {spelling for action in parser._actions for spelling in action.option_strings} | {"--namespace"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known


def test_the_keys_that_the_guide_explains_are_all_that_the_original_does_not_have() -> None:
    text = (ROOT / "docs" / "guide" / "scheduler.md").read_text()
    for key in KEYS:
        assert not key.ours or f"`{key.key}`" in text, key.key
