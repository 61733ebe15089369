"""The units for systemd in ``etc``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[3] / "etc" / "systemd"


@pytest.mark.parametrize(
    ("unit", "who"), [("freezer-scheduler.service", "--system"), ("user/freezer-scheduler.service", "--user")]
)
def test_systemd_understands_every_line_of_a_unit(tmp_path: Path, unit: str, who: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("machine limit: there is no systemd-analyze")
    text = (UNITS / unit).read_text()
    assert "/usr/bin/freezer-scheduler --no-daemon start" in text
    copy = tmp_path / "freezer-scheduler.service"
    copy.write_text(text.replace("/usr/bin/freezer-scheduler", sys.executable))
    environment = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = ["systemd-analyze", who, "verify", "--man=no", "--recursive-errors=no", str(copy)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_units_end_the_scheduler_alone_and_keep_what_it_knows_of_its_agents() -> None:
    for unit in ("freezer-scheduler.service", "user/freezer-scheduler.service"):
        lines = (UNITS / unit).read_text().splitlines()
        assert {"KillMode=process", "Type=notify", "UMask=0077", "NoNewPrivileges=yes"} <= set(lines)
    system = (UNITS / "freezer-scheduler.service").read_text()
    assert "RuntimeDirectoryPreserve=yes" in system
    assert "RuntimeDirectoryMode=0700" in system
