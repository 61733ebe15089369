"""Files of ``OS_…`` variables mean what a shell makes of them, and are read without one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import UsageError
from freezer.keystone.rcfile import read_rc_file

ORDINARY = """\
#!/usr/bin/env bash
# To use an OpenStack cloud you need to authenticate.
export OS_AUTH_URL=https://cloud.example.org:5000/v3   # identity
export OS_PROJECT_NAME="my project" OS_REGION_NAME='Region One'
unset OS_PROJECT_ID OS_TENANT_NAME
OS_USERNAME=demo; export OS_USERNAME
export OS_PASSWORD='p#ss $HOME "quoted" \\'
export OS_TENANT_ID=ab#c
HOST=cloud
export OS_CACERT="/etc/${HOST}/$HOST.pem" \\
  OS_INTERFACE=internal
export OS_SCOPE=a\\$b\\ c"\\$x"
if_not=1
"""


def read(tmp_path: Path, text: str, **environ: str) -> dict[str, str]:
    path = tmp_path / "openrc"
    path.write_text(text)
    return read_rc_file(str(path), environ)


def by_shell(tmp_path: Path, text: str, **environ: str) -> dict[str, str]:
    (tmp_path / "sourced").write_text(text)
    command = f"set -a; . {tmp_path}/sourced; env -0"
    done = subprocess.run(
        ["bash", "--norc", "-c", command], env=environ | {"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    pairs = [entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry]
    return {name: value for name, value in pairs if name not in ("_", "PWD", "SHLVL", "PATH")}


def test_an_ordinary_file_means_what_bash_makes_of_it(tmp_path):
    before = {"OS_PROJECT_ID": "old", "OS_TENANT_NAME": "old", "OS_TRUST_ID": "kept"}
    assert read(tmp_path, ORDINARY, **before) == by_shell(tmp_path, ORDINARY, **before)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20))
def test_a_quoted_value_is_what_was_quoted(tmp_path_factory, value):
    quoted = "'" + value.replace("'", "'\\''") + "'"
    found = read(tmp_path_factory.mktemp("rc"), f"export OS_PASSWORD={quoted}\nexport OS_USERNAME=demo\n")
    assert found == {"OS_PASSWORD": value, "OS_USERNAME": "demo"}


@pytest.mark.parametrize(
    "line",
    [
        "read -sr OS_PASSWORD_INPUT",
        "echo hello",
        "export OS_PASSWORD=$(pass show cloud)",
        "export OS_PASSWORD=`pass show cloud`",
        'export OS_PASSWORD="${OTHER:-default}"',
        "export OS_USERNAME=$1",
        "export OS_PASSWORD='s3cr3t",
        "if [ -z x ]; then export OS_REGION_NAME=x; fi",
        ". other",
    ],
)
def test_what_needs_a_shell_is_refused_with_its_line(tmp_path, line):
    with pytest.raises(UsageError, match="line 2") as caught:
        read(tmp_path, f"export OS_USERNAME=demo\n{line}\n")
    assert "s3cr3t" not in caught.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match="nothing cannot be read"):
        read_rc_file(str(tmp_path / "nothing"), {})
