"""WSGI servers find the application under our import path and under those of the original."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.api import fresh_database

pytestmark = pytest.mark.integration

_COMPAT = Path(__file__).parents[2] / "compat" / "freezer-api-compat"


@pytest.mark.parametrize("module", ["freezer.api.wsgi", "freezer_api.wsgi", "freezer_api.cmd.api"])
def test_the_application_is_there(tmp_path: Path, module: str) -> None:
    config = tmp_path / "freezer-api.conf"
    config.write_text(f"[database]\nconnection = {fresh_database(tmp_path)}\n[api]\nauth = none\n")
    environment = {**os.environ, "FREEZER_API_CONFIG": str(config), "PYTHONPATH": str(_COMPAT)}
    script = f"from {module} import application; print(callable(application))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
