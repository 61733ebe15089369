"""What shells run that no test can run, looked at by ShellCheck: the DevStack plugin, and the commands of the
Containerfile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from servers.environment import UnavailableError, environment

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]
_REQUIREMENTS = _ROOT / "tests" / "servers" / "requirements-shellcheck.txt"
# SC2034: settings are read by whoever sources the file. SC2154: variables in capitals are DevStack's.
_EXCUSED = "SC2034,SC2154"


@pytest.fixture(scope="module")
def shellcheck() -> Path:
    try:
        return environment(_REQUIREMENTS) / "shellcheck"
    except UnavailableError as error:
        pytest.skip(f"machine limit: no ShellCheck: {error}")


def _complaints(shellcheck: Path, text: str) -> str:
    command = [shellcheck, "--shell=bash", f"--exclude={_EXCUSED}", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", ["plugin.sh", "settings"])
def test_the_devstack_plugin(shellcheck: Path, name: str) -> None:
    assert _complaints(shellcheck, (_ROOT / "devstack" / name).read_text()) == ""


def test_the_plugin_knows_the_variables_that_it_has_always_had() -> None:
    settings = (_ROOT / "devstack" / "settings").read_text()
    for name, default in (("FREEZER_API_SERVER_TYPE", "apache2"), ("FREEZER_API_PORT", "9090")):
        assert f"{name}=${{{name}:-{default}}}" in settings


def test_the_commands_of_the_container_file(shellcheck: Path) -> None:
    text = (_ROOT / "Containerfile").read_text().replace("\\\n", " ")
    commands = re.findall(r"^RUN (.+)$", text, re.MULTILINE)
    assert len(commands) >= 2
    assert _complaints(shellcheck, "\n".join(commands)) == ""


def test_what_the_container_file_copies_is_there() -> None:
    text = (_ROOT / "Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (_ROOT / name).exists(), name


def test_shellcheck_would_complain(shellcheck: Path) -> None:
    assert "SC2086" in _complaints(shellcheck, "rm -rf $somewhere\n")
