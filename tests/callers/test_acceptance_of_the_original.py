"""The acceptance tests of freezer-tempest-plugin 3.5.0 that concern API, client and scheduler, with a real Keystone."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import acceptance
import pytest

from servers import keystone

_CENTRAL = "[scheduler]\ntenants_may_set = path_to_backup, restore_abs_path\n"
_OUR_SCHEDULER = """#!/bin/sh
# Several on one machine: each with a state of its own. The central one is the API's own user, to whom trusts
# are given; they would find its name in /etc/freezer.
name=daemon
for word; do
    [ "$before" = -c ] && name=$word
    before=$word
done
service=
[ $name = central_node ] && service="--os-username swift --os-password {service} --os-project-name service"
exec {program} --scheduler-state-dir {home}/state-$name "$@" $service
"""
_THEIR_CLIENT = """#!/bin/sh
# They take for granted that a scheduler hears of a job long after it was made, and nobody has touched it yet.
tell() {{ cat {home}/state-*/scheduler.pid 2>/dev/null | xargs -r kill -$1; }}
case " $* " in *" job-create "*) tell STOP ;; esac
{program} "$@"
code=$?
tell CONT
exit $code
"""


@pytest.mark.parametrize(("group", "count"), [("freezer_api", 34), ("freezerclient", 11)])
def test_the_acceptance_tests_of_the_original_pass(
    clients: Path, about: Mapping[str, Any], tmp_path: Path, group: str, count: int
) -> None:
    acceptance.passes(clients, about, tmp_path, group, count)


@pytest.fixture
def programs(clients: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with our scheduler and their client; in the end no daemon is left."""
    bin = tmp_path / "bin"
    bin.mkdir()
    ours = Path(sys.executable).parent
    (bin / "freezer-agent").symlink_to(ours / "freezer-agent")
    for name, text, folder in (("freezer-scheduler", _OUR_SCHEDULER, ours), ("freezer", _THEIR_CLIENT, clients)):
        script = bin / name
        told = {"program": folder / name, "home": tmp_path, "service": keystone.SERVICE}
        script.write_text(text.format(**{key: shlex.quote(str(each)) for key, each in told.items()}))
        script.chmod(0o755)
    yield bin
    done = subprocess.run([bin / "freezer-scheduler", "stop"], env={"HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0


def test_those_of_the_scheduler_s_commands_pass(
    clients: Path, about: Mapping[str, Any], tmp_path: Path, programs: Path
) -> None:
    acceptance.passes(clients, about, tmp_path, "scheduler", 5, PATH=str(programs))


@pytest.mark.slow(only=True)
def test_the_scenarios_pass(clients: Path, about: Mapping[str, Any], tmp_path: Path, programs: Path) -> None:
    """They wait, in steps of ten seconds."""
    (tmp_path / ".freezer").mkdir()
    (tmp_path / ".freezer" / "scheduler.conf").write_text(_CENTRAL)
    path = str(programs)
    acceptance.passes(clients, about, tmp_path, "freezer.scenario", 5, PATH=path)
