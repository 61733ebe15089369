"""Secrets planted in every input come out nowhere: not in what the agent prints, logs, reports or stores, not in any
temporary file, and not in the arguments or the environment of a program it starts.

Every run happens under strace, which shows each byte that is written, sent or handed to another program, also where
the file is gone afterwards. What the agent was itself started with (the first ``execve``) is the user's own doing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from freezer.options.document import parse_action
from freezer.options.table import OPTIONS

CANARY = "Kanarie7Zx"  # nothing that a message, a path or the source could hold by chance
SECRETS = tuple(option for option in OPTIONS if option.secret)
URLS = ("endpoint", "proxy")
CLOUD = ("OS_PASSWORD", "OS_TOKEN", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_PASSCODE", "ACCESS_KEY", "SECRET_KEY",
         "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # fmt: skip
TRACED = "trace=execve,execveat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="strace is a Linux program"),
]


def test_there_are_secret_options_to_try():
    assert {option.name for option in SECRETS} >= {"ssh_password", "ftp_password", "secret_key"}


@dataclass(frozen=True)
class Seen:
    """A run: exit code, its two outputs, and everything that it wrote or started."""

    code: int
    out: str
    err: str
    traced: str

    def leaks(self, *folders: Path) -> list[str]:
        """Where the canary was seen."""
        found = [f"{name}: {text}" for name, text in (("stdout", self.out), ("stderr", self.err)) if CANARY in text]
        found += [f"traced: {line[:300]}" for line in self.traced.splitlines()[1:] if CANARY in line]
        for folder in folders:
            files = (path for path in folder.rglob("*") if path.is_file())
            found += [f"file: {path}" for path in files if CANARY.encode() in path.read_bytes()]
        return found


@pytest.fixture
def lab(tmp_path):
    """A source and a place for everything that the agent writes."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    for name in ("source", "written", "written/tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "source" / "file").write_text("nothing secret\n")
    secret = tmp_path / "pass"
    secret.write_text(f"{CANARY}\n")
    secret.chmod(0o600)
    return tmp_path


@pytest.fixture
def run(lab):
    """Runs the agent under strace, with a canary in every variable that holds credentials."""

    def start(*words, variables=(), bare=False):
        trace = lab / "trace"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(lab / "home"),
            "TMPDIR": str(lab / "written" / "tmp"),
            **dict.fromkeys(CLOUD, CANARY),
            **dict(variables),
        }
        written = lab / "written"
        places = () if bare else ("--storage", "local", "-C", written / "container", "-N", "web", "--hostname", "h",
                                  "--debug", "--log-file", written / "log")  # fmt: skip
        command = ["strace", "-f", "--seccomp-bpf", "-v", "-s", "100000", "-e", TRACED, "-o", trace,
                   sys.executable, "-m", "freezer.cmd.agent", *words, *places]  # fmt: skip
        done = subprocess.run(
            [str(word) for word in command], check=False, capture_output=True, text=True, env=environment
        )
        return Seen(done.returncode, done.stdout, done.stderr, trace.read_text(errors="replace"))

    return start


def test_the_detector_sees_a_secret_that_is_written_or_handed_on(lab, run):
    """The other tests prove something only because this one finds what it should."""
    seen = run("exec", "--command", f"sh -c 'echo {CANARY}'")
    assert [leak for leak in seen.leaks() if leak.startswith("traced") and "execve" in leak]
    (lab / "written" / "deep").mkdir()
    (lab / "written" / "deep" / "note").write_text(f"psst: {CANARY}")
    assert [leak for leak in seen.leaks(lab / "written") if leak.startswith("file")]


def test_a_whole_life_of_an_encrypted_backup_shows_no_secret(lab, run):
    secret = ("--encrypt-pass-file", lab / "pass")
    report = ("--metadata-out", lab / "written" / "report")
    hooks = ("--pre-command", "env", "--post-command", "env")
    runs = [
        run("backup", "-F", lab / "source", *secret, *report, *hooks),
        run("backup", "-F", lab / "source", *secret, "--incremental", "--json"),
        run("list", "--json"),
        run("show", "--json", *secret),
        run("info", "-l", "--json"),
        run("check", "--read-data", "--json", *secret),
        run("restore", "--restore-abs-path", lab / "written" / "out", *secret, "--json"),
        run("backup", "-F", lab / "source", "--encryption", "aes-256-cfb", "--allow-unauthenticated", *secret),
        run("admin", "--remove-older-than", "1", "--json"),
        run("exec", "--command", "env", "--json"),
    ]
    assert [seen.code for seen in runs] == [0] * len(runs), [seen.err for seen in runs if seen.code]
    assert [leak for seen in runs for leak in seen.leaks(lab / "written")] == []


@pytest.mark.parametrize("action", ["restore", "show", "check", "backup"])
def test_a_wrong_passphrase_is_not_repeated(lab, run, action):
    other = lab / "other"
    other.write_text("another one\n")
    other.chmod(0o600)
    assert run("backup", "-F", lab / "source", "--encrypt-pass-file", other).code == 0
    words = {
        "restore": ("--restore-abs-path", lab / "out"),
        "backup": ("-F", lab / "source", "--incremental"),
        "check": ("--read-data",),
    }
    seen = run(action, *words.get(action, ()), "--encrypt-pass-file", lab / "pass")
    assert seen.code == 1
    assert seen.leaks(lab / "written") == []


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe" + CANARY.encode(), CANARY.encode() + b"\0rest\n", CANARY.encode() * 40_000, CANARY.encode() + b"\r\n"],
    ids=["no UTF-8", "a null byte", "very long", "a carriage return"],
)
def test_an_odd_pass_file_is_not_repeated_whether_it_works_or_not(lab, run, content):
    (lab / "pass").write_bytes(content)
    assert run("backup", "-F", lab / "source", "--encrypt-pass-file", lab / "pass").leaks(lab / "written") == []


@pytest.mark.parametrize("option", SECRETS, ids=lambda option: option.name)
@pytest.mark.parametrize(
    "text",
    [
        "[default]\nstorage = ssh\ncontainer = x\n{key} = {value}\n",
        "[storage:main]\nstorage = ssh\ncontainer = x\n{key} = {value}\n",
        '{{"freezer_action": {{"storage": "ssh", "{key}": "{value}"}}}}',
    ],
    ids=["INI", "INI, a storage's section", "JSON"],
)
def test_a_secret_in_a_job_file_is_not_shown(lab, run, option, text):
    job = lab / "job"
    job.write_text(text.format(key=option.name, value=CANARY))
    seen = run("backup", "-F", lab / "source", "--config", job, bare=True)
    assert seen.code != 0
    assert seen.leaks(lab / "written", lab / "home") == []


@pytest.mark.parametrize(
    "lines",
    ["{key} {value}", "{key} = {value}\n{key} = {value}", "{key}s = {value}", "{key} {value}: {value}", "{value}"],
    ids=["no equals sign", "given twice", "misspelt", "a colon within", "value alone"],
)
def test_a_job_file_that_cannot_be_read_is_not_quoted(lab, run, lines):
    job = lab / "job.ini"
    job.write_text("[default]\n" + lines.format(key="ftp_password", value=f"-{CANARY}") + "\n")
    seen = run("backup", "-F", lab / "source", "--config", job)
    assert seen.code == 2
    assert str(job) in seen.err
    assert seen.leaks(lab / "written") == []


@pytest.mark.parametrize("value", [f'"{CANARY}', f'["{CANARY}"]', f'{{"x": "{CANARY}"}}', f'"{CANARY}", "x": 1'])
def test_a_json_job_that_cannot_be_read_is_not_quoted(lab, run, value):
    job = lab / "job.json"
    job.write_text(f'{{"job_actions": [{{"freezer_action": {{"storage": "ssh", "ssh_password": {value}}}}}]}}')
    seen = run("backup", "-F", lab / "source", "--config", job, bare=True)
    assert seen.code == 2
    assert str(job) in seen.err
    assert seen.leaks(lab / "written", lab / "home") == []


@pytest.mark.parametrize("option", SECRETS, ids=lambda option: option.name)
def test_a_secret_in_this_machine_s_configuration_or_environment_is_not_shown(lab, run, option):
    configuration = lab / "home" / ".freezer" / "freezer-agent.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[DEFAULT]\n{option.name} = {CANARY}\n")
    seen = run("backup", "-F", lab / "source", "--pre-command", "env", "--metadata-out", "-")
    assert seen.code == 0, seen.err
    assert seen.leaks(lab / "written") == []
    configuration.unlink()
    seen = run("exec", "--command", "env", variables={f"OS_DEFAULT__{option.name.upper()}": CANARY})
    assert seen.code == 0, seen.err
    assert seen.leaks(lab / "written") == []


@pytest.mark.parametrize("key", URLS)
def test_a_password_in_a_url_is_not_shown(lab, run, key):
    url = f"https://me:{CANARY}@example.org/path"
    configuration = lab / "home" / ".freezer" / "freezer-agent.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[DEFAULT]\n{key} = {url}\n")
    runs = [run("backup", "-F", lab / "source", "--json"), run("backup", f"--{key}", url, "-F", lab / "source")]
    configuration.unlink()
    variable = {f"OS_DEFAULT__{key.upper()}": url}
    runs.append(run("backup", "-F", lab / "source", "--pre-command", "env", variables=variable))
    runs.append(run("exec", "--command", "env", variables=variable))
    assert [leak for seen in runs for leak in seen.leaks(lab / "written")] == []


@pytest.mark.parametrize("form", [(), ("--json",), ("--metadata-out", "-")], ids=["human", "json", "report"])
@pytest.mark.parametrize(
    "typed",
    ["{key}={value}", "{key} {value}", "{key} -{value}", "{key}x={value}", "{key}={value} --storage=nowhere"],
    ids=["equals", "blank", "begins with a dash", "misspelt", "another mistake"],
)
def test_a_secret_on_the_command_line_is_not_repeated(lab, run, typed, form):
    words = typed.format(key="--ssh-password", value=CANARY).split()
    seen = run("backup", "-F", lab / "source", *words, *form, bare=True)
    assert seen.code != 0
    assert seen.leaks(lab / "written", lab / "home") == []


@pytest.mark.parametrize("hook", ["--pre-command", "--post-command", "--on-failure"])
def test_arguments_of_commands_reach_the_command_and_nothing_else(lab, run, hook):
    command = f"sh -c 'exit 3' {CANARY}"
    seen = run("backup", "-F", lab / "source", hook, command, "--metadata-out", lab / "written" / "report", "--json")
    assert [leak for leak in seen.leaks(lab / "written") if not re.match(r"traced: \d+ +execve\(", leak)] == []


def test_a_traceback_shows_no_secret(lab, run):
    """Something breaks deep inside, with secrets in the variables of every frame."""
    (lab / "breaking").mkdir()
    (lab / "breaking" / "sitecustomize.py").write_text(
        "import freezer.crypto.passphrase as passphrase\n"
        "made = passphrase.Passphrase.from_line\n"
        "def broken(line):\n"
        "    whole = made(line)\n"
        "    raise RuntimeError(f'cannot use {whole.secret}')\n"
        "passphrase.Passphrase.from_line = broken\n"
    )
    words = ("-F", lab / "source", "--encrypt-pass-file", lab / "pass")
    seen = run("backup", *words, variables={"PYTHONPATH": str(lab / "breaking")})
    assert seen.code == 1
    assert "Traceback" in seen.err
    assert "cannot use <secret>" in seen.err
    assert seen.leaks(lab / "written") == []


@pytest.mark.parametrize("option", SECRETS, ids=lambda option: option.name)
def test_an_option_s_secret_shows_itself_nowhere(option):
    (assignment,) = parse_action({option.name: CANARY}, "a job")
    assert CANARY not in repr(assignment)
